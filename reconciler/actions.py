"""The closed union of what can be done: the planner and the actuators meet only here.

mypy finds the place that forgot one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from reconciler.specs.desired import HostName, Image, Instance, Segment, Sha256
from reconciler.state import Cordon, InstanceState, SegmentState


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
    """Bring a base image to a host, verified by digest.

    ``source`` is another host that has it; None: from where it is declared. ``root_mib`` is the largest
    root disk that is about to be cloned from it; None: none is.
    """

    host: HostName
    image: Image
    source: HostName | None = None
    root_mib: int | None = None


@dataclass(frozen=True, slots=True)
class DropImage:
    """Remove a file of a base image that nothing on the host needs, or what is left of one (not ``whole``).

    ``name`` is the image's where it is known, or that of a file by which pools were told apart. An image is
    looked at again, with all that could need it, before it goes.
    """

    host: HostName
    sha256: Sha256
    name: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Create:
    """Make an instance that is absent, or finish one that was ``left`` half made (``complete`` False).

    Data disks of the same instance found in the pool are adopted, never overwritten.
    """

    host: HostName
    instance: Instance
    left: InstanceState | None = None


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


@dataclass(frozen=True, slots=True)
class PutCordon:
    """Hang a cordon on a host, in place of the one that hangs there."""

    host: HostName
    cordon: Cordon


@dataclass(frozen=True, slots=True)
class DropCordon:
    """Take the cordon off a host; there may be none."""

    host: HostName


@dataclass(frozen=True, slots=True)
class Terms:
    """How a migration is carried out; None leaves it to the hypervisor.

    ``copies``: the disks go along, for the two hosts do not share their pool. ``peer`` is the URI by
    which the source's own libvirtd reaches the destination's: then the two do it between them, without
    us. ``bandwidth_mib`` is in MiB a second, ``downtime_ms`` how long the guest may stand still at the
    end, ``timeout_s`` how long all of it may take before it is called off. ``cold``: it is shut down,
    carried over and started there; bandwidth and downtime mean nothing then.
    """

    copies: bool = True
    peer: str | None = None
    bandwidth_mib: int | None = None
    downtime_ms: int | None = None
    timeout_s: int = 3600
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Migrate:
    """Move a running machine to ``host``, its disks included where ``terms`` say so: while it runs, unless
    they say that it is off meanwhile.

    It remembers ``home`` as the host to return to (None: none, it is where it should be).
    """

    host: HostName
    from_host: HostName
    before: InstanceState
    terms: Terms = Terms()
    home: HostName | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Let a machine go on where it is, which its migration from or to ``from_host`` left standing still, or
    off.
    """

    host: HostName
    from_host: HostName
    before: InstanceState


@dataclass(frozen=True, slots=True)
class Settle:
    """Tidy up after a migration: the machine lives on ``host``, and what ``from_host`` still has of it
    goes: a twin that does not run, and the disks that its journey says were copied. Those stay where the
    two ``share`` their pool by now: there is one of each. ``from_host`` is None where there is nobody to
    ask: then the machine only forgets its journey.
    """

    host: HostName
    from_host: HostName | None
    before: InstanceState
    share: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Write on a machine that this form of its component was refused. Nothing else is done to it."""

    host: HostName
    before: InstanceState
    form: Sha256


@dataclass(frozen=True, slots=True)
class Accept:
    """Take a machine for good as it is: what was kept of its former form goes. Nothing else is done to it.

    ``refused`` is the form that stays refused; None: none does.
    """

    host: HostName
    before: InstanceState
    refused: Sha256 | None = None

    @property
    def trusts(self) -> bool:
        """Whether there is a form to which it cannot be given back any more."""
        return self.refused is None and self.before.former not in (None, self.before.applied)


ImageAction = PutImage | DropImage
NetworkAction = PutNetwork | DropNetwork
CordonAction = PutCordon | DropCordon
RecordAction = GiveUp | Accept
"""What changes nothing of a machine but what is remembered of it."""
MachineAction = Create | Start | Stop | Update | Replace | Destroy
PairAction = Migrate | Resume | Settle
"""What concerns two hosts: both are locked, and both are looked at again before anything happens."""
Action = ImageAction | NetworkAction | CordonAction | MachineAction | RecordAction | PairAction | Await


def peer_of(action: Action) -> HostName | None:
    """The second host that an action concerns, or None."""
    return action.from_host if isinstance(action, PairAction) else None


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
    DropImage: "image",
    PutNetwork: "network",
    DropNetwork: "network",
    PutCordon: "cordon",
    DropCordon: "uncordon",
    Create: "create",
    Start: "start",
    Stop: "stop",
    Replace: "replace",
    Destroy: "destroy",
    Migrate: "migrate",
    Resume: "start",
    Settle: "migrate",
    GiveUp: "give-up",
    Accept: "accept",
    Await: "wait",
}


_KEYS: Mapping[type[Action], str] = {
    Resume: "resume",
    Settle: "settle",
    GiveUp: "give_up",
    DropImage: "drop_image",
    DropNetwork: "drop_network",
}


def summary_key(action: Action) -> str:
    """The key of ``Plan.summary`` that counts this action; who waits, or only says something about a host
    or a machine, is not counted.
    """
    if isinstance(action, Update):
        return "update_live" if action.impact is Impact.LIVE else "update_restart"
    return _VERBS[type(action)]


def action_key(action: Action) -> str:
    """Its name in JSON and in the journal: what counts it, but for what takes away or mends.

    A stand-in whose update is over is retired: that is part of the update, and no budget of deletions
    counts it.
    """
    match action:
        case Destroy(before=before) if before.applied.surge:
            return "retire"
        case _:
            return _KEYS.get(type(action)) or summary_key(action)


def subject(action: Action) -> str:
    """Name of the instance, or of the object, that an action is about."""
    match action:
        case PutImage(image=image):
            return image.use.name
        case DropImage(name=name) | PutCordon(host=name) | DropCordon(host=name):
            return name
        case PutNetwork(segment=segment) | DropNetwork(segment=segment):
            return segment.title
        case (
            Create(instance=instance)
            | Update(instance=instance)
            | Replace(instance=instance)
            | Await(instance=instance)
        ):
            return instance.name
        case (
            Start(before=before)
            | Stop(before=before)
            | Destroy(before=before)
            | Migrate(before=before)
            | Resume(before=before)
            | Settle(before=before)
            | GiveUp(before=before)
            | Accept(before=before)
        ):
            return before.name


def before_of(action: Action) -> InstanceState | None:
    """The machine that an action on one host is about, as it was when that was planned; None: none was."""
    match action:
        case Start(before=before) | Stop(before=before) | Destroy(before=before):
            return before
        case Update(before=before) | Replace(before=before) | GiveUp(before=before) | Accept(before=before):
            return before
        case Create(left=left):
            return left
        case _:
            return None


def is_destructive(action: Action) -> bool:
    """Whether guards apply: the action may take data away."""
    return isinstance(action, Destroy | Replace)
