"""One host over SSH: commands, file uploads, and streams to its unix sockets.

Host keys are checked strictly: an unknown or changed key is an error that says what to do. The
connection is made at the first use and again after it was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import asyncssh

from reconciler.actuators.relay import End
from reconciler.errors import ActionFailed, DeadlineExceeded, HostUnreachable
from reconciler.specs.desired import Host

CONNECT_SECONDS = 10.0
RUN_SECONDS = 15.0
_END_SECONDS = 2.0
_KEEPALIVE_SECONDS = 5.0
_KEEPALIVE_COUNT = 3
_SSH_PORT = 22
# sshd allows ten by default, and the relayed libvirt connection is not one of them.
_SESSIONS = 6


class Ssh:
    """One host over SSH. Every method raises HostUnreachable where the host is not to be had."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._connection: asyncssh.SSHClientConnection | None = None
        self._connecting = asyncio.Lock()
        self._sessions = asyncio.Semaphore(_SESSIONS)

    @property
    def user(self) -> str:
        """Who we are on the host, in words for a message."""
        return self._host.connect.user or "the ssh user"

    @property
    def peer(self) -> str:
        """The IP address at the other end of the connection; empty where there is none."""
        name = None if self._connection is None else self._connection.get_extra_info("peername")
        return str(name[0]) if name else ""

    async def run(self, argv: Sequence[str], *, deadline: float = RUN_SECONDS) -> str:
        """Standard output of a command. Raises ActionFailed with its standard error if it fails."""
        async with self._session() as connection:
            try:
                async with asyncio.timeout(deadline):
                    done = await connection.run(shlex.join(argv), check=False, stdin=asyncssh.DEVNULL)
            except TimeoutError:
                raise DeadlineExceeded(self._host.name, argv[0], after=deadline) from None
        if done.exit_status != 0:
            said = str(done.stderr or "").strip() or f"exit {done.exit_status}"
            raise ActionFailed(self._host.name, f"{argv[0]}: {said}")
        return str(done.stdout or "")

    async def put(self, local: Path, remote: str) -> None:
        """Copy a local file to a path on the host. Raises ActionFailed if it may not be written."""
        async with self._session() as connection:
            try:
                async with connection.start_sftp_client() as sftp:
                    await sftp.put(str(local), remote, follow_symlinks=True)
            except asyncssh.SFTPError as error:
                message = f"cannot write {remote} as {self.user}: {error.reason}"
                raise ActionFailed(self._host.name, message) from error

    async def hold(self, argv: Sequence[str]) -> Held:
        """Begin a command that stays, once it has said its first line. It dies with the connection."""
        async with self._session() as connection:
            process = await connection.create_process(
                shlex.join(argv), stderr=asyncssh.STDOUT, encoding="utf-8", errors="replace"
            )
            try:
                async with asyncio.timeout(RUN_SECONDS):
                    return Held(process, await process.stdout.readline())
            except TimeoutError:
                process.close()
                raise DeadlineExceeded(self._host.name, argv[0], after=RUN_SECONDS) from None

    async def dial(self, path: str, end: End) -> None:
        """Tie an end to a unix socket on the host."""
        connection = await self._connected()
        with self._translated(f"no answer at {path} on the host: is libvirtd running there?"):
            await connection.create_unix_connection(lambda: _Channel(end), path)

    async def close(self) -> None:
        """Hang up. May be repeated."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            await connection.wait_closed()

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SSHClientConnection]:
        connection = await self._connected()
        async with self._sessions:
            with self._translated("the connection was lost"):
                yield connection

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        connect = self._host.connect
        assert connect.address is not None, "the loader gives an ssh host an address"
        known_hosts = connect.known_hosts or _users_known_hosts()
        if not _is_file(known_hosts):
            raise HostUnreachable(self._host.name, self._unknown_key(known_hosts))
        options = asyncssh.SSHClientConnectionOptions(
            known_hosts=known_hosts,
            username=connect.user or (),
            client_keys=[connect.keyfile] if connect.keyfile else (),
            preferred_auth="publickey",  # nobody is there to type a password
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=_KEEPALIVE_SECONDS,
            keepalive_count_max=_KEEPALIVE_COUNT,
        )
        try:
            with self._translated("cannot connect"):
                return await asyncssh.connect(connect.address, connect.port or (), options=options)
        except asyncssh.HostKeyNotVerifiable as error:
            raise HostUnreachable(self._host.name, self._wrong_key(known_hosts)) from error

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except asyncssh.HostKeyNotVerifiable:
            raise
        except asyncssh.PermissionDenied as error:
            message = f"{self.user} may not log in ({error.reason}): is the key in its authorized_keys?"
            raise HostUnreachable(self._host.name, message) from error
        except (asyncssh.Error, OSError, ValueError) as error:
            raise HostUnreachable(self._host.name, f"{doing}: {error}") from error

    def _wrong_key(self, known_hosts: str) -> str:
        connect = self._host.connect
        port = connect.port or _SSH_PORT
        trusted, *_ = asyncssh.match_known_hosts(known_hosts, connect.address or "", "", port)
        if not trusted:
            return self._unknown_key(known_hosts)
        return (
            f"the host key of {connect.address} has CHANGED: another machine, or an attack. Compare its "
            f"fingerprint at the console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); only if it is "
            f"right: ssh-keygen -f {known_hosts} -R {self._entry()}, then add the new key"
        )

    def _unknown_key(self, known_hosts: str) -> str:
        connect = self._host.connect
        port = f"-p {connect.port} " if connect.port else ""
        return (
            f"the host key of {connect.address} is not in {known_hosts}. Get it with: ssh-keyscan {port}"
            f"{connect.address}; compare its fingerprint (ssh-keygen -lf) with the host's own, and add it"
        )

    def _entry(self) -> str:
        connect = self._host.connect
        has_port = connect.port and connect.port != _SSH_PORT
        return f"'[{connect.address}]:{connect.port}'" if has_port else str(connect.address)


def _users_known_hosts() -> str:
    return str(Path("~/.ssh/known_hosts").expanduser())


def _is_file(path: str) -> bool:
    return Path(path).is_file()


class Held:
    """A command that stays until it is ended; ``said`` is its first line."""

    def __init__(self, process: asyncssh.SSHClientProcess[str], said: str) -> None:
        self._process = process
        self.said = said

    @property
    def alive(self) -> bool:
        """Whether neither it nor its connection has ended, as far as is known here."""
        return self._process.exit_status is None and not self._process.is_closing()

    async def end(self) -> int | None:
        """Close its standard input, which ends it, and wait; its exit status, None where it is lost."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write_eof()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait_closed()
        except TimeoutError:
            self._process.close()
        return self._process.exit_status


class _Channel(asyncssh.SSHUNIXSession[bytes]):
    """An ``End`` on a stream to a unix socket of the host."""

    def __init__(self, end: End) -> None:
        self._end = end

    def connection_made(self, chan: asyncssh.SSHUNIXChannel[bytes]) -> None:
        self._end.opened(chan)

    def data_received(self, data: bytes, _: asyncssh.DataType) -> None:
        self._end.arrived(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, _: Exception | None) -> None:
        self._end.cut()

    def pause_writing(self) -> None:
        self._end.crowded(True)

    def resume_writing(self) -> None:
        self._end.crowded(False)
