"""Which components are given up: what the files ask of them was tried, and refused.

A form is refused once a replica that was changed to it was waited for in vain, where the component says
``update.on_failure: rollback``. That is written on the replicas themselves, on all of them that are seen:
any of them tells whoever plans next. Then the files are not followed until they say something else. Who was
changed is given back what it was, who was not stays as it is, and what is nowhere is not made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.actions import Impact
from reconciler.plan import Blocked, BlockKind, Origin, Refusal
from reconciler.planner.diff import differences
from reconciler.planner.groups import Group, group_of
from reconciler.planner.impact import refusals_of, worst
from reconciler.planner.wires import segments_in
from reconciler.sighting import Known, sighting_of
from reconciler.specs.desired import Desired, Form, Instance, InstanceUuid, Machine, Sha256
from reconciler.specs.fingerprint import digest_of_form
from reconciler.specs.formerly import given_back
from reconciler.specs.health import OnFailure, Order
from reconciler.state import InstanceState, Observed

_SHOWN = 12
_States = Mapping[InstanceUuid, InstanceState]


@dataclass(frozen=True, slots=True)
class Forms:
    """What is desired where some of it was refused.

    ``asked`` are the digests of what the files ask for, by component, of those that roll back. ``held`` are
    instances that must be left as they are, ``said`` those that stay as they are and are what they should be.
    """

    desired: Desired
    asked: Mapping[Group, Sha256] = field(default_factory=dict)
    refused: frozenset[Group] = frozenset()
    held: tuple[Blocked, ...] = ()
    said: tuple[Blocked, ...] = ()


def without_refused(desired: Desired, seen: Observed) -> Forms:
    """What is desired, but for what was refused. Addresses are known, and what guests are told is not yet."""
    rolls: dict[Group, list[Instance]] = {}
    for instance in desired.instances:
        if instance.update.on_failure is OnFailure.ROLLBACK:
            rolls.setdefault(group_of(instance.key), []).append(instance)
    if not rolls:
        return Forms(desired)
    asked = {group: digest_of_form(own[0]) for group, own in rolls.items()}
    states = _in_one_place((each for own in rolls.values() for each in own), seen)
    refused = frozenset(
        group
        for group, own in rolls.items()
        if _is_refused(own, asked[group], seen) or _stand_in_fails(own[0], seen) or _fails(own, states, seen)
    )
    if not refused:
        return Forms(desired, asked)
    instances, held, said = list[Instance](), list[Blocked](), list[Blocked]()
    for instance in desired.instances:
        group = group_of(instance.key)
        if group not in refused or instance.machine.surge:
            instances.append(instance)
            continue
        state = states.get(instance.uuid)
        stays = _Stays(instance, state, asked[group], _lost(state, desired, seen))
        instances.append(stays.desired)
        if stays.blocked is not None:
            (held if stays.is_held else said).append(stays.blocked)
    return Forms(replace(desired, instances=tuple(instances)), asked, refused, tuple(held), tuple(said))


def _stand_in_fails(of: Instance, seen: Observed) -> bool:
    """Whether somebody who stands in for a component was waited for in vain in its new form.

    They are the first who are made in it; nobody else was changed yet where they fail.
    """
    states = (state for uuid in seen.failed for state in seen.by_uuid.get(uuid, ()))
    fellows = (state for state in states if group_of(state.key) == group_of(of.key))
    return any(state.applied.surge and _has_form(_standing_in(of, state), state) for state in fellows)


def _standing_in(of: Instance, state: InstanceState) -> Instance:
    """What is asked of a stand-in, but for what it has for itself."""
    applied = state.applied
    nics = applied.nics if applied.plugs == of.machine.plugs else of.machine.nics
    return replace(of, machine=replace(of.machine, surge=True, nics=nics, context=applied.context))


def _in_one_place(instances: Iterable[Instance], seen: Observed) -> _States:
    sightings = {each.uuid: sighting_of(seen, each.uuid, could_be_on=frozenset()) for each in instances}
    return {uuid: sighting.state for uuid, sighting in sightings.items() if isinstance(sighting, Known)}


def _is_refused(own: Iterable[Instance], form: Sha256, seen: Observed) -> bool:
    return any(state.refused == form for each in own for state in seen.by_uuid.get(each.uuid, ()))


def _fails(own: Iterable[Instance], states: _States, seen: Observed) -> bool:
    """Whether a replica in the new form was waited for in vain while others may be spared that form."""
    if not seen.failed:
        return False
    known = [(each, states[each.uuid]) for each in own if each.uuid in states]
    there = [state for each, state in known if _has_form(each, state)]
    if not any(state.uuid in seen.failed for state in there):
        return False
    return len(there) < len(known) or any(state.former is not None for state in there)


def _has_form(instance: Instance, state: InstanceState) -> bool:
    """Whether a machine was made into what the files ask for, but for what it may become while it runs."""
    applied, machine = state.applied, instance.machine
    # What guests are told of others, and of themselves where nothing is written, is found later.
    wanted = replace(machine, peers=applied.peers, context=machine.context or applied.context)
    return state.complete and not _boots_anew(wanted, state)


def _boots_anew(wanted: Machine, state: InstanceState) -> bool:
    changes = [each for each in differences(wanted, state) if each.origin is Origin.CHANGE]
    return bool(refusals_of(changes)) or worst(changes) is not Impact.LIVE


def goes_back(state: InstanceState) -> bool:
    """Whether a machine is another one than it was before its component was changed."""
    was = given_back(state.record)
    return was is not None and (not state.complete or _boots_anew(was, state))


@dataclass(frozen=True, slots=True)
class _Stays:
    """A replica of a component whose form was refused, as it was seen in one place, or None.

    ``lost`` says what is missing for giving it back what it was; None: nothing is, or it is not to be.
    """

    instance: Instance
    state: InstanceState | None
    form: Sha256
    lost: str | None

    @property
    def desired(self) -> Instance:
        """What is asked of it instead."""
        # Nobody is made in the refused form to stand in for it.
        update = replace(self.instance.update, order=Order.STOP_FIRST)
        instance = replace(self.instance, update=update)
        if self.state is None or self.is_held:
            return instance
        was = given_back(self.state.record)
        if was is not None and self.lost is None and goes_back(self.state):
            return replace(instance, machine=was, context=None, form=Form.AS_IT_WAS)
        # Whether it is protected says nothing of its form, and is heeded at once.
        machine = replace(self.state.applied, protect=instance.machine.protect)
        return replace(instance, machine=machine, context=None, form=Form.AS_IT_IS)

    @property
    def is_held(self) -> bool:
        """Whether it is nowhere, or not wholly, and there is nothing else to make it into."""
        if self.state is None:
            return True
        return not self.state.complete and (self.state.former is None or self.lost is not None)

    @property
    def blocked(self) -> Blocked | None:
        """As it is listed, unless it is given back what it was."""
        if self.lost is not None:
            return self._blocked(f"it cannot be given back what it was: {self.lost}")
        if self.is_held:
            return self._blocked("it is not made")
        goes = self.state is not None and goes_back(self.state)
        return None if goes else self._blocked("it stays as it is")

    def _blocked(self, what: str) -> Blocked:
        why = (
            f"rolled back: form {self.form[:_SHOWN]} of {self.instance.key.component} was refused, it was not"
            f" healthy in time; {what} until the files say something else"
        )
        return Blocked(self.instance.name, BlockKind.REFUSED, (Refusal("*", why),))


def _lost(state: InstanceState | None, desired: Desired, seen: Observed) -> str | None:
    """What is missing for giving a machine back what it was; None where nothing is, or it is not to be."""
    if state is None or not goes_back(state):
        return None
    was = given_back(state.record)
    assert was is not None, "who goes back was something before"
    return (
        _image_lost(was, desired, seen) or _network_lost(was, desired) or _address_lost(was, state, desired)
    )


def _image_lost(was: Machine, desired: Desired, seen: Observed) -> str | None:
    wanted = was.image.digests
    if any(each.use.digests == wanted for each in desired.images):
        return None
    if any(set(wanted) <= set(host.images) for host in seen.hosts):
        return None
    return f"its image {was.image.name} is neither declared nor on any host any more"


def _network_lost(was: Machine, desired: Desired) -> str | None:
    gone = segments_in(was.nics) - {segment.bridge for segment in desired.segments}
    return f"its network {min(gone)} is not declared any more" if gone else None


def _address_lost(was: Machine, state: InstanceState, desired: Desired) -> str | None:
    wanted = {nic.address for nic in was.nics} - {nic.address for nic in state.applied.nics} - {None}
    if not wanted:
        return None
    for other in desired.instances:
        taken = wanted.intersection(nic.address for nic in other.machine.nics)
        if taken and other.uuid != state.uuid:
            return f"its address {min(map(str, taken))} is that of {other.name} now"
    return None
