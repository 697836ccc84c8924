"""The door of the command line: every error ends here, as words on stderr and an exit code."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

import typer

from reconciler.errors import InvalidInput, LockHeld, ReconcilerError, StalePlan

# Repeated from exits.py, which imports the plan's types: help must stay quick.
_ERROR, _INVALID, _STALE, _USAGE, _INTERRUPTED = 1, 3, 5, 64, 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    # Large fleets are millions of values without cycles: nobody looks for any before hosts are talked to.
    gc.disable()
    sys.exit(run(argv))


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
