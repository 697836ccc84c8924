"""The one exception tree: what can go wrong, and what to try.

Foreign errors (libvirt, asyncssh, OSError) are translated into these at the door of the room
that imports the foreign library. Errors carry fields; their text says what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ReconcilerError(Exception):
    """The root: everything this project raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a source file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Write it the way editors and compilers link to: file:line:column."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the input, where it is, and what to do.

    ``excerpt`` is the source line as written (empty where there is none), ``width`` how many
    columns the caret underlines, ``path`` the dotted field, ``hint`` the suggestion.
    """

    position: Position
    message: str
    path: str = ""
    excerpt: str = ""
    width: int = 1
    hint: str = ""

    def __str__(self) -> str:
        """One line: file:line:column: error: message  [path]."""
        where = f"  [{self.path}]" if self.path else ""
        return f"{self.position}: error: {self.message}{where}"


class InvalidInput(ReconcilerError):
    """The files do not say something that can be done; every fault of them at once (exit 3)."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.position, fault.message)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class HostError(ReconcilerError):
    """Something went wrong on, or on the way to, one host."""

    def __init__(self, host: str, message: str) -> None:
        self.host = host
        self.message = message
        super().__init__(f"{host}: {message}")


class HostUnreachable(HostError):
    """The host could not be asked at all: refused, no route, wrong key, no daemon."""


class DeadlineExceeded(HostUnreachable):
    """The host did not answer in time; the connection to it was cut. The outcome is not known."""

    def __init__(self, host: str, what: str, *, after: float) -> None:
        self.after = after
        super().__init__(host, f"{what} did not answer within {after:g} s; the connection was cut")


class ActionFailed(HostError):
    """The host answered, and said no."""


class AlreadyExists(ActionFailed):
    """Another machine on that host has this name or UUID."""


class NotFound(ActionFailed):
    """What the action is about is not on that host."""


class NoRoom(ActionFailed):
    """The host lacks the memory, the CPUs or the disk."""


class UnknownImage(ActionFailed):
    """The base image is not on that host."""


class Unsupported(ActionFailed):
    """The platform cannot do this."""


class LockHeld(HostError):
    """Another writer holds the fleet on that host (exit 5)."""

    def __init__(self, host: str, holder: str) -> None:
        self.holder = holder
        super().__init__(host, f"another writer holds it: {holder}")


class StalePlan(ReconcilerError):
    """What a signed plan depended on has changed, or it was applied already (exit 5)."""


class SchedulerFailed(ReconcilerError):
    """A scheduler gave no answer, or one that breaks a rule (exit 1): nothing was planned."""

    def __init__(self, scheduler: str, reason: str) -> None:
        self.scheduler, self.reason = scheduler, reason
        super().__init__(f"the scheduler {scheduler} gave no good answer: {reason}")


class StoreError(ReconcilerError):
    """The history beside the fleet file cannot be written or read."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        super().__init__(f"{path}: {message}")


class ImageUnavailable(ReconcilerError):
    """An image could not be read or downloaded, or is not what its digest says."""

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(f"{source}: {message}")
