"""A laboratory: N hosts, a switch and a controller, brought up and torn down as one."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from . import namespaces
from .cache import keep_probes
from .hosts import Host, hold_host, write_host_files
from .keys import known_hosts, make_key
from .namespaces import DIRECTORY_PREFIX, MARKER, LabError, hold, inside
from .settings import Place, place
from .wires import make_switch, part, plug_in, pull

_REPOSITORY = Path(__file__).resolve().parents[2]
_STATE = "state.json"
_HOLD_NETWORK = "set -e; ip link set lo up; echo ready; exec sleep infinity > /dev/null 2>&1"


class Laboratory:
    """N hosts named hv1..hvN; `with Laboratory(hosts=2) as lab:`.

    Inside the `with`, `lab.hosts` answer over SSH at their addresses to whoever is in the
    controller's network: a process started by `lab.run`, or this thread in `enter_network(lab)`.
    With `detached`, the laboratory outlives the process that started it.
    """

    def __init__(self, *, hosts: int = 2, detached: bool = False) -> None:
        self.identity = secrets.token_hex(6)
        self.directory = _directory(self.identity)
        self.hosts: tuple[Host, ...] = ()
        self.controller = 0
        self._switch = 0
        self._places = tuple(place(self.identity, number) for number in range(1, hosts + 1))
        self._detached = detached
        self._children: list[subprocess.Popen[str]] = []

    @classmethod
    def attach(cls, directory: Path) -> "Laboratory":
        """The running laboratory that another process started; LabError if it is gone."""
        try:
            state = json.loads((directory / _STATE).read_text())
            lab = cls(hosts=len(state["hosts"]))
            lab.identity, lab.controller = str(state["identity"]), int(state["controller"])
            lab.directory = _directory(lab.identity)
            lab.hosts = tuple(
                Host(Place(**each["place"]), int(each["holder"]), lab.identity) for each in state["hosts"]
            )
        except (OSError, ValueError, KeyError, TypeError) as reason:
            raise LabError(f"no laboratory in {directory}: {reason}") from reason
        if not namespaces.is_member(lab.controller, lab.identity):
            raise LabError(f"the laboratory of {directory} is dead; take its rest away with `down`")
        return lab

    def __enter__(self) -> "Laboratory":
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Bring everything up; whatever interrupts it leaves nothing behind."""
        try:
            self._build()
        except BaseException:  # KeyboardInterrupt too
            self.down()
            raise

    def down(self) -> None:
        """Kill everything of this laboratory and remove its directory. Safe to repeat."""
        teardown(self.identity)
        for child in self._children:
            child.wait(timeout=15)
            if child.stdin is not None:
                child.stdin.close()
        self._children.clear()

    def run(
        self, argv: Sequence[str], *, input_text: str = "", timeout: float = 60.0, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the controller's network, with the caller's own environment."""
        words = [*inside(self.controller, "net"), *argv]
        environment = {**os.environ, MARKER: self.identity}
        return subprocess.run(
            words,
            input=input_text,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=check,
            env=environment,
        )

    def ssh(self, host: Host, *words: str, timeout: float = 60.0) -> str:
        """What a command prints when run over SSH from the controller, under strict known_hosts."""
        options = ["-i", str(self.keyfile), "-o", f"UserKnownHostsFile={self.known_hosts_file}"]
        strict = ["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]
        done = self.run(
            ["ssh", *options, *strict, f"root@{host.address}", *words], timeout=timeout, check=False
        )
        if done.returncode != 0:
            raise LabError(f"ssh {host.name}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    @contextmanager
    def parted(self) -> Iterator[None]:
        """Within the block no host reaches another; the controller reaches all."""
        names = [host.name for host in self.hosts]
        part(self._switch, names, parted=True)
        try:
            yield
        finally:
            part(self._switch, names, parted=False)

    @contextmanager
    def unplugged(self, host: Host) -> Iterator[None]:
        """Within the block nobody reaches a host, nor it anybody."""
        pull(self._switch, host.name, out=True)
        try:
            yield
        finally:
            pull(self._switch, host.name, out=False)

    @property
    def keyfile(self) -> Path:
        """The private key that every host lets in as root."""
        return self.directory / "id_ed25519"

    @property
    def known_hosts_file(self) -> Path:
        """The host keys, by address."""
        return self.directory / "known_hosts"

    @property
    def shared(self) -> Path:
        """A directory that every host sees as /srv."""
        return self.directory / "shared"

    def fleet_yaml(self) -> str:
        """A Fleet document for these hosts; racks r1 and r2 alternate."""
        query = f"keyfile={self.keyfile}&known_hosts={self.known_hosts_file}"
        lines = ["apiVersion: reconciler/v1", "kind: Fleet", "name: lab", "hosts:"]
        for index, host in enumerate(self.hosts):
            connect = f'"ssh://root@{host.address}/?{query}"'
            labels = f"{{rack: r{index % 2 + 1}, disk: ssd}}"
            lines.append(
                f"  {host.name}: {{connect: {connect}, hypervisor: qemu,"
                f" overcommit: {{cpu: 16}}, labels: {labels}}}"
            )
        return "\n".join(lines) + "\n"

    def _build(self) -> None:
        self.directory.mkdir(mode=0o700)
        self.shared.mkdir()
        if not self._detached:
            self._children.append(_start_guard(self.identity))
        self._write_keys()
        self._switch = self._hold_network("switch")
        self.controller = self._hold_network("controller")
        make_switch(self._switch, self.controller)
        with ThreadPoolExecutor(max_workers=8) as pool:
            self.hosts = tuple(pool.map(self._start_host, self._places))
        self._remember()

    def _write_keys(self) -> None:
        client = make_key(self.keyfile, comment=f"reconciler-lab-{self.identity}")
        host_keys: list[tuple[str, str]] = []
        for here in self._places:
            root = self.directory / here.name
            write_host_files(root, here, self._places)
            public = make_key(root / "etc/ssh/ssh_host_ed25519_key", comment=here.name)
            host_keys.append((here.address, public))
        self.known_hosts_file.write_text(known_hosts(host_keys))
        for here in self._places:
            # Hosts may log in to each other too, for peer-to-peer migration over qemu+ssh.
            home = self.directory / here.name / "root/.ssh"
            (home / "authorized_keys").write_text(client + "\n")
            shutil.copy(self.keyfile, home / "id_ed25519")
            shutil.copy(self.known_hosts_file, home / "known_hosts")

    def _hold_network(self, name: str) -> int:
        argv = ["unshare", "--net", "sh", "-c", _HOLD_NETWORK]
        child = hold(argv, identity=self.identity, errors=self.directory / f"{name}.log")
        self._children.append(child)
        return child.pid

    def _start_host(self, here: Place) -> Host:
        child = hold_host(here, self.directory, self.identity)
        self._children.append(child)
        host = Host(here, child.pid, self.identity)
        plug_in(self._switch, here, child.pid)
        host.boot()
        host.virsh("uri")  # the daemon takes connections before its drivers are ready: wait for an answer
        return host

    def _remember(self) -> None:
        hosts = [{"place": asdict(host.place), "holder": host.holder} for host in self.hosts]
        state = {"identity": self.identity, "controller": self.controller, "hosts": hosts}
        (self.directory / _STATE).write_text(json.dumps(state, indent=1))


def enter_network(lab: Laboratory) -> AbstractContextManager[None]:
    """Put the calling thread into the controller's network; it is put back at the end."""
    return namespaces.enter_network_of(lab.controller)


def teardown(identity: str) -> None:
    """Take away a laboratory known only by its id, whether it runs, crashed, or never finished starting."""
    if len(identity) != 12 or not set(identity) <= set("0123456789abcdef"):
        raise LabError(f"not the id of a laboratory: {identity!r}")
    namespaces.kill_members(identity)
    if (directory := _directory(identity)).exists():
        with suppress(OSError):  # a full cache is no reason to leave a laboratory lying about
            for root in directory.glob("hv*"):
                keep_probes(root)
        shutil.rmtree(directory)


def identity_of(directory: Path) -> str:
    """The id in the name of a laboratory's directory."""
    return directory.name.removeprefix(DIRECTORY_PREFIX)


def _directory(identity: str) -> Path:
    return Path(tempfile.gettempdir()) / f"{DIRECTORY_PREFIX}{identity}"


def _start_guard(identity: str) -> "subprocess.Popen[str]":
    # It waits for the end of its standard input, which comes when we die, even by SIGKILL.
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.cli", "guard", identity],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_REPOSITORY,
        env=namespaces.environment(identity),
        start_new_session=True,
    )
