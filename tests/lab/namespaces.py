"""Enter namespaces, and find (to kill) exactly the processes that belong to one laboratory.

Namespaces are anonymous: they live as long as a process in them, so killing a laboratory's
processes is also what removes its network namespaces and its mounts. Nothing is named under
/run/netns, and no interface is ever created in the root network namespace.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

MARKER = "RECONCILER_LAB_ID"
# Where a process inside a laboratory finds the network it came from (the guest builder needs apt).
OUTSIDE = "RECONCILER_LAB_OUTSIDE"
DIRECTORY_PREFIX = "reconciler-lab-"
_CLONE_NEWNET = 0x40000000


class LabError(Exception):
    """The laboratory could not do what was asked; the text says what it saw."""


def run(
    argv: Sequence[str], *, input_text: str = "", timeout: float = 60.0, env: Mapping[str, str] | None = None
) -> str:
    """Standard output of a command that must succeed; LabError carries its standard error."""
    done = subprocess.run(
        argv, input=input_text, text=True, capture_output=True, timeout=timeout, env=env, check=False
    )
    if done.returncode != 0:
        raise LabError(
            f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def inside(holder: int, *kinds: str) -> list[str]:
    """The words that, put before a command, run it in these kinds of namespace of `holder`."""
    return ["nsenter", "-t", str(holder), *(f"--{kind}" for kind in kinds), "--"]


def environment(identity: str) -> dict[str, str]:
    """What a laboratory's own processes see: little, and the mark they are found by."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": "/root", "LC_ALL": "C.UTF-8", MARKER: identity}


def hold(argv: Sequence[str], *, identity: str, errors: Path) -> "subprocess.Popen[str]":
    """Start a namespace holder in its own session and wait until it prints a line."""
    with errors.open("w") as sink:
        holder = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            cwd="/",
            env=environment(identity),
            start_new_session=True,  # Ctrl-C at the terminal is for the tests, not for the hosts
        )
    assert holder.stdout is not None
    with holder.stdout as lines:
        ready = lines.readline().strip() == "ready"
    if not ready:
        holder.kill()
        holder.wait()
        raise LabError(f"namespace holder did not start: {errors.read_text().strip()}")
    return holder


@contextmanager
def enter_network_of(holder: int) -> Iterator[None]:
    """Move the calling thread (and the threads it starts from now on) into a network namespace."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    outermost = OUTSIDE not in os.environ
    try:
        _setns(f"/proc/{holder}/ns/net")
        if outermost:
            os.environ[OUTSIDE] = f"/proc/{os.getpid()}/fd/{before}"
        yield
    finally:
        if outermost:
            os.environ.pop(OUTSIDE, None)
        _setns(f"/proc/self/fd/{before}")
        os.close(before)


def _setns(path: str) -> None:
    # os.setns() arrives in Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise LabError(f"setns({path}): {os.strerror(code)}")
    finally:
        os.close(descriptor)


def is_member(pid: int, identity: str) -> bool:
    """Whether a process is of this laboratory: started with its mark, or living in its mounts.

    The mark is lost where a daemon cleans its children's environment (sshd's sessions, qemu);
    those still see the laboratory's directory bound over /etc/libvirt.
    """
    try:
        if f"{MARKER}={identity}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return True
        # A process in our own mount namespace is never recognised by its mounts: it may be anyone's.
        if name_of(pid, "mnt") == name_of(os.getpid(), "mnt"):
            return False
        return f"/{DIRECTORY_PREFIX}{identity}/" in Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return False  # gone meanwhile, or a kernel thread


def members(identity: str) -> tuple[int, ...]:
    """Every process of a laboratory, but not the caller nor those it was started from."""
    mine = set(_self_and_ancestors())
    marked = {pid for pid in everyone() if pid not in mine and is_member(pid, identity)}
    # A chrooted child of sshd has neither the mark nor a view of the mounts, but shares their namespace.
    mounts = {name_of(pid, "mnt") for pid in marked} - {name_of(os.getpid(), "mnt"), ""}
    return tuple(
        pid for pid in everyone() if pid in marked or (pid not in mine and name_of(pid, "mnt") in mounts)
    )


def everyone() -> tuple[int, ...]:
    """Every process of this machine, in order."""
    return tuple(sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()))


def name_of(pid: int, kind: str) -> str:
    """What the kernel calls a process's namespace ("net:[4026532]"); empty once the process is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return ""


def command_line(pid: int) -> str:
    """What a process calls itself; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _self_and_ancestors() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        # The command's name stands in parentheses and may hold anything; the parent comes after it.
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill_members(identity: str, *, within: float = 15.0) -> None:
    """Kill a laboratory's processes until none is left; LabError names those that would not die."""
    deadline = time.monotonic() + within
    ours = name_of(os.getpid(), "mnt")
    while left := members(identity):
        if time.monotonic() > deadline:
            raise LabError(f"laboratory {identity}: still alive after {within:g} s: {left}")
        # Those on the hosts first, so that the collectors outside (reaper.py) still bury them.
        on_hosts = [pid for pid in left if name_of(pid, "mnt") not in (ours, "")]
        kill(on_hosts or left)
        time.sleep(0.02)


def kill(pids: Sequence[int]) -> None:
    """SIGKILL, forgiving those that are gone already; it also ends a SIGSTOPped process."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
