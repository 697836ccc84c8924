"""What to do: steps with their reasons, and what is blocked and why.

The planner and the actuators meet only here. ``Action`` is a closed union: mypy finds the place
that forgot one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import NewType

from pydantic import TypeAdapter

from reconciler.specs.desired import HostName, Image, Instance, InstanceName, Segment, Sha256
from reconciler.specs.fingerprint import sha256_hex
from reconciler.state import HostUnknown, InstanceState, SegmentState

StepId = NewType("StepId", str)
"""``<verb>/<instance or object>[@host]``: the same plan gives the same identifiers."""


class Impact(IntEnum):
    """What a change of a field costs the guest; larger is worse."""

    LIVE = 1
    """Nothing: applied to the running machine."""
    RESTART = 2
    """A shutdown and a start."""
    REPLACE = 3
    """A new root disk; data disks stay."""


@dataclass(frozen=True, slots=True)
class PutImage:
    """Bring a base image to a host, verified by digest."""

    host: HostName
    image: Image


@dataclass(frozen=True, slots=True)
class Create:
    """Make an instance that is absent, or finish one that was left half made (``complete`` False).

    Data disks of the same instance found in the pool are adopted, never overwritten.
    """

    host: HostName
    instance: Instance


@dataclass(frozen=True, slots=True)
class Start:
    """Start a stopped machine as it is defined."""

    host: HostName
    before: InstanceState


@dataclass(frozen=True, slots=True)
class Stop:
    """Shut a machine down: by ACPI, and by force when its grace is over."""

    host: HostName
    before: InstanceState


@dataclass(frozen=True, slots=True)
class Update:
    """Make a machine what ``instance`` says; ``impact`` is LIVE or RESTART. Ends running."""

    host: HostName
    before: InstanceState
    instance: Instance
    impact: Impact


@dataclass(frozen=True, slots=True)
class Replace:
    """Rebuild a machine from its image; identity, addresses and data disks stay. Ends running."""

    host: HostName
    before: InstanceState
    instance: Instance


@dataclass(frozen=True, slots=True)
class Destroy:
    """Stop and undefine a machine and delete its disks, but for those it was told to retain."""

    host: HostName
    before: InstanceState


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until an instance is healthy, and has been for ``steady`` seconds in a row. Changes nothing."""

    host: HostName
    instance: Instance
    steady: int = 0


@dataclass(frozen=True, slots=True)
class PutNetwork:
    """Make a segment on a host, or make what is there of it exactly this.

    ``address`` is the host's own on it with its prefix, or empty. ``local`` is the host's address for
    the tunnels to ``peers``; without peers it is just a bridge, and ``local`` is empty.
    """

    host: HostName
    segment: Segment
    address: str
    local: str
    peers: tuple[str, ...]

    @property
    def wanted(self) -> SegmentState:
        """As a look shows it once it is done."""
        its = self.segment
        made = (its.service, its.network, its.bridge, its.vni, its.mtu)
        return SegmentState(*made, address=self.address, local=self.local, peers=self.peers)


@dataclass(frozen=True, slots=True)
class DropNetwork:
    """Take a segment away from a host on which nothing is plugged into it any more."""

    host: HostName
    segment: SegmentState


Action = PutImage | PutNetwork | DropNetwork | Create | Start | Stop | Update | Replace | Destroy | Await


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


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason that is not a field: "not on any host", "no longer declared", …"""

    message: str


Reason = Change | Cause


@dataclass(frozen=True, slots=True)
class Step:
    """One action, why, and the steps that must have succeeded before it."""

    id: StepId
    action: Action
    because: tuple[Reason, ...]
    needs: tuple[StepId, ...] = ()

    @property
    def host(self) -> HostName:
        """Host the step acts on."""
        return self.action.host


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
    INVALID = "invalid"
    """What is asked cannot be done to it: a disk cannot shrink (exit 4)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one host was not used. ``host`` is "*" where it concerns no host in particular."""

    host: str
    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """An instance that is left as it is, and why: "cannot" is data."""

    instance: InstanceName
    kind: BlockKind
    refusals: tuple[Refusal, ...]


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

    def without(self, left: Collection[StepId]) -> Plan:
        """The plan without these steps, without every step that needs one of them, and without the
        waits that nobody is left to need.
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
        return replace(self, steps=tuple(step for step in kept if step.id not in idle))

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be changed: there is no step, or all there is to do is to wait."""
        return all(isinstance(step.action, Await) for step in self.steps)

    def digest(self) -> Sha256:
        """SHA-256 of everything that will be done and why; equal plans, equal digests."""
        return sha256_hex(_plan_adapter().dump_json(self))

    @property
    def summary(self) -> Mapping[str, int]:
        """How many steps of each kind, and how many blocked; every key present."""
        counts = dict.fromkeys(SUMMARY_KEYS, 0)
        for step in self.steps:
            if not isinstance(step.action, Await):
                counts[summary_key(step.action)] += 1
        counts["blocked"] = len(self.blocked)
        return counts


@lru_cache(maxsize=1)
def _plan_adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


SUMMARY_KEYS = (
    "create",
    "start",
    "stop",
    "migrate",
    "update_live",
    "update_restart",
    "replace",
    "destroy",
    "network",
    "image",
    "blocked",
)

_VERBS: Mapping[type[Action], str] = {
    PutImage: "image",
    PutNetwork: "network",
    DropNetwork: "network",
    Create: "create",
    Start: "start",
    Stop: "stop",
    Replace: "replace",
    Destroy: "destroy",
    Await: "wait",
}


def summary_key(action: Action) -> str:
    """The key of ``Plan.summary`` that counts this action, which is also its name in JSON.

    What changes nothing (``wait``) has a name and is not counted.
    """
    if isinstance(action, Update):
        return "update_live" if action.impact is Impact.LIVE else "update_restart"
    return _VERBS[type(action)]


def subject(action: Action) -> str:
    """Name of the instance, or of the object, that an action is about."""
    match action:
        case PutImage(image=image):
            return image.use.name
        case PutNetwork(segment=segment) | DropNetwork(segment=segment):
            return segment.title
        case (
            Create(instance=instance)
            | Update(instance=instance)
            | Replace(instance=instance)
            | Await(instance=instance)
        ):
            return instance.name
        case Start(before=before) | Stop(before=before) | Destroy(before=before):
            return before.name


def is_destructive(action: Action) -> bool:
    """Whether guards apply: the action may take data away."""
    return isinstance(action, Destroy | Replace)
