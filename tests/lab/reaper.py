"""Start a daemon and collect the dead of its family, as a host's init would.

`python reaper.py COMMAND...` returns the command's exit status once it has gone to the background; a
fork stays behind until the last orphan has ended. Where process 1 collects orphans late (as in many
containers), libvirt waits for a dead qemu that still has its number, and each destroy takes seconds.
It imports little and stands alone, because each daemon has one.
"""

import ctypes
import os
import sys

_PR_SET_CHILD_SUBREAPER = 36


def main(argv: list[str]) -> int:
    """Fork the collector, and report how the command ended."""
    inlet, outlet = os.pipe()
    if os.fork():
        os.close(outlet)
        status = os.read(inlet, 1)
        return status[0] if status else 1
    os.close(inlet)
    os.setsid()
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return 1
    command = os.fork()
    if command == 0:
        os.execvp(argv[0], argv)
    _, status_word = os.waitpid(command, 0)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # whoever reads the command's output must see it end
        os.dup2(null, standard)
    os.write(outlet, bytes([os.waitstatus_to_exitcode(status_word) & 255]))
    os.close(outlet)
    _collect()
    return 0


def _collect() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
