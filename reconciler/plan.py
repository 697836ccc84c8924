"""What to do: steps with their reasons, and what is blocked and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, NewType

from pydantic import TypeAdapter

from reconciler.actions import SUMMARY_KEYS, Action, Await, Migrate, peer_of, summary_key
from reconciler.specs.desired import HostName, InstanceName, Sha256
from reconciler.specs.fingerprint import sha256_hex
from reconciler.state import HostUnknown

StepId = NewType("StepId", str)
"""``<verb>/<instance or object>[@host]``: the same plan gives the same identifiers."""


class Origin(StrEnum):
    """Which comparison a change comes from."""

    CHANGE = "change"
    """The YAML says something else than was last applied."""
    DRIFT = "drift"
    """The machine is not what was last applied."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is not what it should be; values as short text (never secrets)."""

    field: str
    was: str
    now: str
    origin: Origin = Origin.CHANGE
    source: str = ""
    """The line of the files that asks for it, ``file:line``; empty where none does, or it is not known."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason that is not a field: "not on any host", "no longer declared", …"""

    message: str
    source: str = ""
    """As of a change."""


Reason = Change | Cause


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is thought to go over the wire, and for how long, in seconds.

    It ``begins`` that long after the first of its plan. Of one ``wave``, which are counted from 1, all may go
    at once.
    """

    mib: int
    seconds: float
    begins: float = 0.0
    wave: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One action, why, the steps that must have succeeded before it, and those that it ``follows``: they
    must be over, however they ended. Migrations have a ``forecast``.
    """

    id: StepId
    action: Action
    because: tuple[Reason, ...]
    needs: tuple[StepId, ...] = ()
    forecast: Forecast | None = None
    follows: tuple[StepId, ...] = ()

    @property
    def host(self) -> HostName:
        """Host the step acts on."""
        return self.action.host

    @property
    def where(self) -> str:
        """The same in words: ``hv1``, or ``hv1 -> hv2`` for what goes from one to the other."""
        action = self.action
        return f"{action.from_host} -> {action.host}" if isinstance(action, Migrate) else str(action.host)

    @property
    def hosts(self) -> tuple[HostName, ...]:
        """Every host the step concerns, that one first."""
        peer = peer_of(self.action)
        return (self.host,) if peer is None else (self.host, peer)


class BlockKind(StrEnum):
    """Why an instance is left as it is."""

    NO_PLACE = "no-place"
    """No host satisfies its rules (exit 4)."""
    GUARD = "guard"
    """Protection, the deletion budget, or an empty directory (exit 7)."""
    UNKNOWN = "unknown"
    """It may be on a host that did not answer (exit 8)."""
    IN_DOUBT = "in-doubt"
    """Seen twice, or paused: a human, or a later look, must say (exit 4)."""
    REFUSED = "refused"
    """What is asked was tried, was not healthy, and is not tried again (exit 6)."""
    INVALID = "invalid"
    """What is asked cannot be done to it: a disk cannot shrink (exit 4)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one host was not used. ``host`` is "*" where it concerns no host in particular."""

    host: str
    reason: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many hosts one rule refuses, whatever others say of them."""

    rule: str
    hosts: int


@dataclass(frozen=True, slots=True)
class Deadlock:
    """Why no host will do: hosts by rule, the most first; as few rules as will do that leave no host; and
    what would have to be asked for instead, the nearest ways.
    """

    counts: tuple[Count, ...]
    conflict: tuple[str, ...]
    nearest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """An instance that is left as it is, and why: "cannot" is data."""

    instance: InstanceName
    kind: BlockKind
    refusals: tuple[Refusal, ...]
    deadlock: Deadlock | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan was made from."""

    desired: Sha256
    observed: Sha256


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which every step comes after what it needs; blocked sorted by name."""

    basis: Basis
    steps: tuple[Step, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unknown: tuple[HostUnknown, ...] = ()
    hints: tuple[str, ...] = ()
    """What the user may have meant instead, a line each."""
    scheduler: str = ""
    """Who chose the hosts, where that was not the built-in one."""

    def without(self, left: Collection[StepId]) -> Plan:
        """The plan without these steps, without every step that needs one of them, and without the
        waits that nobody is left to need. Who would have followed one of them waits for it no more.
        """
        gone = set(left)
        kept: list[Step] = []
        for step in self.steps:
            if step.id in gone or not gone.isdisjoint(step.needs):
                gone.add(step.id)
            else:
                kept.append(step)
        was_needed = {need for step in self.steps for need in step.needs}
        needed = {need for step in kept for need in step.needs}
        idle = {step.id for step in kept if isinstance(step.action, Await)} & was_needed - needed
        return replace(self, steps=only(kept, {step.id for step in kept} - idle))

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be changed: there is no step, or all there is to do is to wait."""
        return all(isinstance(step.action, Await) for step in self.steps)

    @property
    def forecast(self) -> Forecast | None:
        """Of all its migrations together: ``wave`` is the last one. None where there is none."""
        each = [step.forecast for step in self.steps if step.forecast is not None]
        if not each:
            return None
        return Forecast(
            sum(one.mib for one in each),
            round(max(one.begins + one.seconds for one in each), 1),
            wave=max(one.wave for one in each),
        )

    def digest(self) -> Sha256:
        """SHA-256 of everything that will be done and why; equal plans, equal digests.

        On which lines that is written does not matter.
        """
        return sha256_hex(_plan_adapter().dump_json(self, exclude=_NOT_MEANT))

    @property
    def summary(self) -> Mapping[str, int]:
        """How many steps of each kind, and how many blocked; every key present."""
        counts = dict.fromkeys(SUMMARY_KEYS, 0)
        for step in self.steps:
            if (key := summary_key(step.action)) in counts:
                counts[key] += 1
        counts["blocked"] = len(self.blocked)
        return counts


def only(steps: Iterable[Step], staying: Collection[StepId]) -> tuple[Step, ...]:
    """Of these steps those that stay. Who would have followed another waits for it no more."""
    kept = (step for step in steps if step.id in staying)
    return tuple(
        replace(step, follows=tuple(each for each in step.follows if each in staying)) for step in kept
    )


def with_needs(steps: Iterable[Step], wanted: Iterable[StepId]) -> set[StepId]:
    """The wanted steps and, of the same plan, all that they need."""
    needs = {step.id: step.needs for step in steps}
    found, todo = set[StepId](), list(wanted)
    while todo:
        if (each := todo.pop()) not in found:
            found.add(each)
            todo.extend(needs[each])
    return found


_NOT_MEANT: dict[str, Any] = {
    "steps": {
        "__all__": {
            "because": {"__all__": {"source"}},
            "action": {"instance": {"origin"}, "image": {"origin"}},
        }
    }
}


@lru_cache(maxsize=1)
def _plan_adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)
