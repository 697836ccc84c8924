"""The door of the command line: every error ends here, as words on stderr and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from reconciler.errors import InvalidInput, LockHeld, ReconcilerError, StalePlan

# Repeated from exits.py, which imports the plan's types: help must stay quick.
_ERROR, _INVALID, _STALE, _USAGE, _INTERRUPTED = 1, 3, 5, 64, 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    # Large fleets are millions of values without cycles: nobody looks for any before hosts are talked to.
    gc.disable()
    # Our matrices are small: numpy's library would start a thread for each core, for nothing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _leave(run(argv))


def _leave(code: int) -> NoReturn:
    """End the process. Where no host was talked to, all that is left to do is to give the memory back, which
    the kernel does sooner than taking a large fleet apart, value by value.
    """
    if not gc.isenabled():
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):  # one may have been closed by who called
                stream.flush()
        except (OSError, ValueError):
            pass  # who closed them, or has no room, is told of it by the interpreter, as ever
        else:
            os._exit(code)
    sys.exit(code)


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line (``argv`` without the program's name) and return the exit code."""
    from reconciler.cli.app import app

    try:
        code = app(args=argv, prog_name="reconcile", standalone_mode=False)
        return int(code or 0)
    except typer.TyperException as error:
        # Typer's own usage errors say 2, which is taken: pending changes.
        show = getattr(error, "show", None)
        if show is not None:
            show()
        else:
            _say(error.format_message())
        return _USAGE if error.exit_code == 2 else error.exit_code
    except ReconcilerError as error:
        return _told(error)
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone: nobody is left to tell.
        sys.stderr.close()
        return _ERROR


def _told(error: ReconcilerError) -> int:
    """Say what is wrong, and give its exit code."""
    match error:
        case InvalidInput(faults=faults):
            from reconciler.render.faults import faults_text

            _say(faults_text(faults))
            return _INVALID
        case StalePlan() | LockHeld():
            _say(f"error: {error}")
            return _STALE
        case _:
            _say(f"error: {error}")
            return _ERROR


def _say(text: str) -> None:
    from reconciler.render.words import printable

    # Hosts and files say what they like: an escape sequence must not reach the terminal.
    sys.stderr.write(printable(text) + "\n")
