"""What is to become of each instance: an ordered table, the first rule that applies decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from reconciler.actions import Action, Create, Destroy, Impact, Replace, Start, Stop, Update
from reconciler.plan import BlockKind, Cause, Change, Deadlock, Forecast, Origin, Reason, Refusal
from reconciler.planner.diff import Difference, differences
from reconciler.planner.impact import refusals_of, worst
from reconciler.planner.precondition import astray_reason
from reconciler.sighting import InDoubt, Running, Sighting, Stopped, Stranded, Unknown
from reconciler.specs.desired import Disk, Instance, InstanceKey, InstanceName, OnDelete
from reconciler.specs.placement import Evict
from reconciler.state import HostUnknown, InstanceState, Power


@dataclass(frozen=True, slots=True)
class Keep:
    """It is as it should be."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It is left as it is, although that is not what is desired."""

    kind: BlockKind
    refusals: tuple[Refusal, ...]
    deadlock: Deadlock | None = None


@dataclass(frozen=True, slots=True)
class Make:
    """It is nowhere: a host is to be chosen for it."""

    instance: Instance
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """Something is to be done to it on the host where it is, or on another one.

    ``after`` are moves of other machines that come first: they make the room for it. Moves have a
    ``forecast``.
    """

    action: Action
    because: tuple[Reason, ...]
    after: tuple[InstanceKey, ...] = ()
    forecast: Forecast | None = None


Verdict = Keep | Hold | Make | Act


@dataclass(frozen=True)
class Case:
    """One instance: what is asked of it (None where nothing is any more) and what is known of it.

    ``silent`` are the hosts that did not answer, among those where it could be. ``leaving`` says why the host
    where it is, is to be empty; nothing where it is not.
    """

    name: InstanceName
    instance: Instance | None
    sighting: Sighting
    silent: tuple[HostUnknown, ...] = ()
    leaving: str = ""

    @cached_property
    def state(self) -> InstanceState | None:
        """Where it is, where that is known."""
        return self.sighting.state if isinstance(self.sighting, Running | Stopped | Stranded) else None

    @property
    def stands_in(self) -> bool:
        """Whether it is wanted only while others are changed."""
        return self.instance is not None and self.instance.machine.surge

    @property
    def found(self) -> InstanceState:
        """The same, for rules that come after those for instances that are not there."""
        assert self.state is not None, f"{self.name} was judged as if it had been seen"
        return self.state

    @property
    def wanted(self) -> Instance:
        """What is asked of it, for rules that come after those for what is not declared."""
        assert self.instance is not None, f"{self.name} was judged as if it were declared"
        return self.instance

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """What keeps it from being what is asked."""
        return differences(self.wanted.machine, self.found)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The same as reasons."""
        return tuple(difference.shown() for difference in self.differences)

    @property
    def protected(self) -> bool:
        """Whether the machine itself says so, or what is asked of it does."""
        return self.found.applied.protect or (self.instance is not None and self.instance.machine.protect)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: where ``applies`` holds, ``verdict`` is passed."""

    name: str
    applies: Callable[[Case], bool]
    verdict: Callable[[Case], Verdict]


def _in_doubt(case: Case) -> Verdict:
    assert isinstance(case.sighting, InDoubt)
    seen = tuple(sorted(case.sighting.states, key=lambda state: state.host))
    twice = f"; it is on {len(seen)} hosts at once" if len(seen) > 1 else ""
    twice = f"; {case.sighting.why}" if case.sighting.why else twice
    return Hold(
        BlockKind.IN_DOUBT,
        tuple(Refusal(state.host, f"seen here: {_as_seen(state)}{twice}") for state in seen),
    )


def _as_seen(state: InstanceState) -> str:
    return f"{state.power} ({state.detail})" if state.detail else str(state.power)


def _unknown(case: Case) -> Verdict:
    return Hold(
        BlockKind.UNKNOWN,
        tuple(
            Refusal(host.host, f"it may be here: the host did not answer: {host.reason}")
            for host in case.silent
        ),
    )


def _make(case: Case) -> Verdict:
    return Make(case.wanted, (Cause("not on any host"),))


def _resume(case: Case) -> Verdict:
    return Act(Create(case.found.host, case.wanted, case.found), (Cause("left half made"), *case.changes))


def _guard(message: str) -> Verdict:
    return Hold(BlockKind.GUARD, (Refusal("*", message),))


def _destroy(case: Case) -> Verdict:
    return Act(Destroy(case.found.host, case.found), (Cause("no longer declared"),))


def _is_astray(case: Case) -> bool:
    """Whether it would be redefined or taken apart while a disk of it is read from somewhere else."""
    if not case.found.live.astray:
        return False
    if _is_removed(case) or not case.found.complete:
        return True
    costly = _is_stopped(case) or worst(case.differences) is not Impact.LIVE
    return bool(case.differences) and (costly or any(_is_about_a_disk(each) for each in case.differences))


def _is_about_a_disk(difference: Difference) -> bool:
    return difference.path[0] == "disks" and difference.path[-1] != "on_delete"


def _astray(case: Case) -> Verdict:
    return Hold(
        BlockKind.IN_DOUBT,
        tuple(Refusal(case.found.host, astray_reason(disk)) for disk in case.found.live.astray),
    )


def _cannot(case: Case) -> Verdict:
    reasons = refusals_of(case.differences)
    return Hold(BlockKind.INVALID, tuple(Refusal(case.found.host, each.reason) for each in reasons))


def _replace(case: Case) -> Verdict:
    return Act(Replace(case.found.host, case.found, case.wanted), (*_power(case), *case.changes))


def _sits_it_out(case: Case) -> bool:
    """Whether it is to be off for as long as its host is to be empty."""
    return bool(case.leaving) and case.wanted.placement.evict is Evict.STOP


def _off(case: Case) -> Verdict:
    if _is_stopped(case):
        return Keep()
    why = Cause(f"{case.found.host} {case.leaving}")
    return Act(Stop(case.found.host, case.found), (why,))


def _start(case: Case) -> Verdict:
    return Act(Start(case.found.host, case.found), _power(case))


def _update(case: Case) -> Verdict:
    # A stopped machine cannot be changed live, and an update leaves it running.
    impact = Impact.RESTART if _is_stopped(case) else worst(case.differences)
    return Act(
        Update(case.found.host, case.found, case.wanted, impact),
        (*_power(case), *case.changes),
    )


def _power(case: Case) -> tuple[Reason, ...]:
    """The drift of a machine that does not run."""
    if not _is_stopped(case):
        return ()
    detail = case.found.detail
    was = f"{Power.STOPPED} ({detail})" if detail else str(Power.STOPPED)
    return (Change("power", was, str(Power.RUNNING), Origin.DRIFT),)


def _is_stopped(case: Case) -> bool:
    return isinstance(case.sighting, Stopped)


def _is_as_asked(case: Case) -> bool:
    return not (case.differences or _is_stopped(case))


def _is_removed(case: Case) -> bool:
    return case.instance is None


def _must_be_replaced(case: Case) -> bool:
    return worst(case.differences) is Impact.REPLACE


def _loses_data(case: Case) -> bool:
    """Whether an update would delete a disk."""
    applied: dict[str, Disk] = {disk.name: disk for disk in case.found.applied.disks}
    kept = {disk.name for disk in case.wanted.machine.disks}
    return any(disk.on_delete is OnDelete.DELETE for name, disk in applied.items() if name not in kept)


VERDICTS = (
    Rule("in doubt", lambda case: isinstance(case.sighting, InDoubt), _in_doubt),
    Rule("unknown", lambda case: isinstance(case.sighting, Unknown), _unknown),
    Rule("missing", lambda case: case.state is None, _make),
    Rule(
        "protected from deletion",
        lambda case: _is_removed(case) and case.found.applied.protect,
        lambda _: _guard("protected: declare it with protect: false and apply that before removing it"),
    ),
    Rule("read from somewhere else", _is_astray, _astray),
    Rule("no longer declared", _is_removed, _destroy),
    Rule("incomplete", lambda case: not case.found.complete, _resume),
    Rule("sits it out", _sits_it_out, _off),
    Rule("as it should be", _is_as_asked, lambda _: Keep()),
    Rule("impossible", lambda case: bool(refusals_of(case.differences)), _cannot),
    Rule(
        "protected from replacement",
        lambda case: case.protected and _must_be_replaced(case),
        lambda _: _guard("protected: this change replaces it; apply protect: false first"),
    ),
    Rule(
        "protected from losing a disk",
        lambda case: case.protected and _loses_data(case),
        lambda _: _guard("protected: this change deletes a disk; apply protect: false first"),
    ),
    Rule("to be replaced", _must_be_replaced, _replace),
    Rule("different", lambda case: bool(case.differences), _update),
    Rule("stopped", _is_stopped, _start),
)


def verdict_on(case: Case) -> Verdict:
    """The verdict of the first rule that applies."""
    return next(rule.verdict(case) for rule in VERDICTS if rule.applies(case))
