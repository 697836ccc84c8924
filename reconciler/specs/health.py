"""How a guest is asked whether it does its work, and how a component is changed replica by replica.

Neither is part of the machine: nothing of it is applied to a hypervisor, so a change of it is no
difference. Times are whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """A connection to a port of the guest is accepted."""

    port: int

    def __str__(self) -> str:
        return f"tcp {self.port}"


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A GET is answered with one of the statuses of ``expect``."""

    port: int
    path: str
    expect: tuple[int, ...] = (200,)

    def __str__(self) -> str:
        return f"http :{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class AgentCheck:
    """The guest agent runs ``command`` with exit status 0; without one, it answers a ping."""

    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"agent: {' '.join(self.command)}" if self.command else "agent: a ping"


@dataclass(frozen=True, slots=True)
class ConsoleCheck:
    """A line that the guest has written to its serial console since it was started matches ``pattern``,
    a regular expression of ``grep -E``.
    """

    pattern: str

    def __str__(self) -> str:
        return f"console: {self.pattern}"


Check = TcpCheck | HttpCheck | AgentCheck | ConsoleCheck


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What is asked, how often, and how long the answer may be no.

    From the moment it was started a guest has ``start_period`` to come up, and then ``retries`` more
    chances, ``interval`` apart. One asking takes no longer than ``timeout``.
    """

    check: Check
    interval: int = 10
    retries: int = 6
    start_period: int = 120
    timeout: int = 5

    @property
    def patience(self) -> int:
        """How long a guest may take to become healthy."""
        return self.start_period + self.interval * self.retries


class Order(StrEnum):
    """Which comes first where a replica is to be exchanged."""

    STOP_FIRST = "stop-first"
    """It is rebuilt in its place."""
    START_FIRST = "start-first"
    """One more runs meanwhile."""


class OnFailure(StrEnum):
    """What becomes of a rolling update whose replica does not become healthy."""

    PAUSE = "pause"
    """It stands still."""
    ROLLBACK = "rollback"
    """Replicas that were changed become again what they were."""


@dataclass(frozen=True, slots=True)
class UpdatePolicy:
    """How replicas are taken away and brought back when their component changes.

    At most ``parallelism`` are away at one time (0: any number). One that was changed counts as away
    until it has been healthy for ``monitor`` seconds in a row.
    """

    parallelism: int = 1
    monitor: int = 0
    order: Order = Order.STOP_FIRST
    on_failure: OnFailure = OnFailure.PAUSE
