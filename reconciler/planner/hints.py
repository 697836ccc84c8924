"""What looks like a rename: something goes, and something of the same shape comes.

To the planner a renamed service is one that goes and another that comes, and what goes takes its
disks along. It says so as long as the user can still say ``moved``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reconciler.planner.decide import Judged
from reconciler.planner.verdicts import Make
from reconciler.specs.desired import Desired, InstanceKey, Machine, Sha256


@dataclass(frozen=True, slots=True, order=True)
class _Owner:
    """What may be renamed: a service, or one component of it."""

    service: str
    component: str = ""

    def __str__(self) -> str:
        return (
            f"component {self.component!r} of {self.service!r}"
            if self.component
            else f"service {self.name!r}"
        )

    @property
    def name(self) -> str:
        return self.component or self.service

    @property
    def scope(self) -> str:
        """Where its name is to be unique: a component is never renamed into another service."""
        return self.service if self.component else ""


class _Part(NamedTuple):
    """A machine, and what tells it from the others of its owner."""

    component: str
    ordinal: int
    machine: Machine


_Machines = Mapping[InstanceKey, Machine]
_OwnerOf = Callable[[InstanceKey], _Owner]
_Shape = frozenset[_Part]


def hints_of(desired: Desired, judged: Sequence[Judged]) -> tuple[str, ...]:
    """A line for each service, then each component, that was perhaps renamed; sorted by name."""
    goes = {
        each.case.state.key: each.case.state.applied
        for each in judged
        if each.case.instance is None and each.case.state is not None and not each.case.found.applied.surge
    }
    comes = {
        each.verdict.instance.key: each.verdict.instance.machine
        for each in judged
        if isinstance(each.verdict, Make)
    }
    if not goes or not comes:
        return ()
    declared = [each.key for each in desired.instances]
    services = {_Owner(name) for name in desired.services}
    lines: list[str] = []
    for owner_of, others in ((_service, services), (_component, set[_Owner]())):
        stay = {owner_of(key) for key in declared} | others
        # What is new is new as a whole: nothing of it is anywhere, or may be.
        known = {owner_of(key) for key in (*goes, *(key for key in declared if key not in comes))}
        gone = _shapes(goes, owner_of, without=stay)
        lines.extend(_lines(gone, _shapes(comes, owner_of, without=known)))
    return tuple(lines)


def _service(key: InstanceKey) -> _Owner:
    return _Owner(key.service)


def _component(key: InstanceKey) -> _Owner:
    return _Owner(key.service, key.component)


def _shapes(machines: _Machines, owner_of: _OwnerOf, *, without: Iterable[_Owner]) -> Mapping[_Owner, _Shape]:
    left_out, parts = frozenset(without), dict[_Owner, set[_Part]]()
    for key, machine in machines.items():
        owner = owner_of(key)
        if owner not in left_out:
            component = "" if owner.component else key.component
            parts.setdefault(owner, set()).add(_Part(component, key.ordinal, _nameless(machine)))
    return {owner: frozenset(shape) for owner, shape in parts.items()}


def _nameless(machine: Machine) -> Machine:
    """Without the digest of what the guest is told, which holds its name."""
    return replace(machine, context=machine.context and Sha256("told"))


def _lines(gone: Mapping[_Owner, _Shape], come: Mapping[_Owner, _Shape]) -> Iterator[str]:
    for owner, shape in sorted(gone.items()):
        alike = sorted(new.name for new, its in come.items() if its == shape and new.scope == owner.scope)
        if alike:
            parts = "machines" if owner.component else "components"
            yield (
                f"{owner} goes and {' or '.join(map(repr, alike))} comes with the same {parts}: "
                f"if it was renamed, write `moved: {{from: {owner.name}}}` in it"
            )
