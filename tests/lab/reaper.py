"""Start a daemon and collect the dead of its family, as a host's init would.

`python reaper.py [--restart NAME LOG] COMMAND...` returns the command's exit status once it has gone to the
background; a fork stays behind until the last orphan has ended. Where process 1 collects orphans late (as in
many containers), libvirt waits for a dead qemu that still has its number, and each destroy takes seconds.
A daemon of that NAME that crashes is started again, as systemd does it, and LOG is told; one that a test
kills (SIGKILL) stays dead. It imports little and stands alone, because each daemon has one.
"""

import ctypes
import os
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_RESTART_S = 0.1  # as systemd's RestartSec


def main(argv: list[str]) -> int:
    """Fork the collector, and report how the command ended."""
    name, log = "", ""
    if argv[0] == "--restart":
        name, log, argv = argv[1], argv[2], argv[3:]
    inlet, outlet = os.pipe()
    if os.fork():
        os.close(outlet)
        answer = os.read(inlet, 1)
        return answer[0] if answer else 1
    os.close(inlet)
    os.setsid()
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return 1
    status = _run(argv)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # whoever reads the command's output must see it end
        os.dup2(null, standard)
    os.write(outlet, bytes([status & 255]))
    os.close(outlet)
    while crash := _collect(name):
        file = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.write(file, f"{name} crashed ({signal.strsignal(crash)}) and is started again\n".encode())
        os.close(file)
        time.sleep(_RESTART_S)
        _run(argv)
    return 0


def _run(argv: list[str]) -> int:
    command = os.fork()
    if command == 0:
        os.execvp(argv[0], argv)
    _, status_word = os.waitpid(command, 0)
    return os.waitstatus_to_exitcode(status_word)


def _collect(name: str) -> int:
    """The signal by which a process of that name has crashed; 0 when nobody is left to die."""
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return 0
        assert dead is not None
        file = os.open(f"/proc/{dead.si_pid}/comm", os.O_RDONLY)  # while the dead still have one
        called = os.read(file, 64).decode().strip()
        os.close(file)
        os.waitpid(dead.si_pid, 0)
        if called == name and dead.si_code != os.CLD_EXITED and dead.si_status in _CRASHES:
            return dead.si_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
