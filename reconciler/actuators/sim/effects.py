"""What can happen to a simulated host, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.actuators.links import Link
from reconciler.actuators.sim.things import Domain, VolumeId
from reconciler.specs.desired import InstanceName, InstanceUuid, Sha256
from reconciler.state import Cordon


@dataclass(frozen=True, slots=True)
class StoreImage:
    """A base image is there."""

    sha256: Sha256


@dataclass(frozen=True, slots=True)
class LoseImage:
    """A base image is there no more."""

    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Define:
    """A machine is defined; one of the same UUID becomes this, running or not."""

    domain: Domain


@dataclass(frozen=True, slots=True)
class Undefine:
    """A stopped machine is forgotten; its volumes stay."""

    uuid: InstanceUuid


@dataclass(frozen=True, slots=True)
class Rename:
    """A stopped machine is called something else."""

    uuid: InstanceUuid
    name: InstanceName


@dataclass(frozen=True, slots=True)
class PowerOn:
    """A machine runs; its guest begins to boot."""

    uuid: InstanceUuid


@dataclass(frozen=True, slots=True)
class GuestUp:
    """A running machine's guest has booted."""

    uuid: InstanceUuid


@dataclass(frozen=True, slots=True)
class PowerOff:
    """A machine no longer runs. ``why`` in the hypervisor's words: shutdown, destroyed, crashed."""

    uuid: InstanceUuid
    why: str = "shutdown"


@dataclass(frozen=True, slots=True)
class Pause:
    """A running machine stands still. ``why`` in the hypervisor's words: user, I/O error, …"""

    uuid: InstanceUuid
    why: str = "user"


@dataclass(frozen=True, slots=True)
class Unplug:
    """A running machine's guest lets go of a disk; a deaf one does not."""

    uuid: InstanceUuid
    disk: str


@dataclass(frozen=True, slots=True)
class Arrive:
    """A machine begins to come in: it is there, standing still, and gone once its sender is."""

    domain: Domain


@dataclass(frozen=True, slots=True)
class GoOn:
    """A machine that stands still runs on, as it was; ``persistent``: and has a definition from now on."""

    uuid: InstanceUuid
    persistent: bool = False


@dataclass(frozen=True, slots=True)
class AddVolume:
    """A volume is there that was not."""

    volume: VolumeId
    size_mib: int


@dataclass(frozen=True, slots=True)
class GrowVolume:
    """A volume is larger."""

    volume: VolumeId
    size_mib: int


@dataclass(frozen=True, slots=True)
class DropVolume:
    """A volume is gone."""

    volume: VolumeId


@dataclass(frozen=True, slots=True)
class PutLink:
    """A link is there; one of the same name becomes this."""

    link: Link


@dataclass(frozen=True, slots=True)
class DropLink:
    """A link is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class Hang:
    """A fleet's cordon hangs on the host, in place of any other of its; None: none does."""

    fleet: str
    cordon: Cordon | None


@dataclass(frozen=True, slots=True)
class Mount:
    """The host has this pool in place of its own, as every other one has that mounts it."""

    pool: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The host stops, or begins again, to answer."""

    silent: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """Every connection to the host breaks, and with each the lock that was taken over it."""


@dataclass(frozen=True, slots=True)
class Sicken:
    """A machine's guest stops, or begins again, to do its work."""

    uuid: InstanceUuid
    sick: bool


@dataclass(frozen=True, slots=True)
class SickenImage:
    """Guests of this image do not do their work, or do again."""

    sha256: Sha256
    sick: bool


ImageEffect = StoreImage | LoseImage
DefinitionEffect = Define | Undefine | Rename
StandingEffect = Pause | Arrive | GoOn
DomainEffect = DefinitionEffect | PowerOn | GuestUp | PowerOff | Unplug | StandingEffect
VolumeEffect = AddVolume | GrowVolume | DropVolume
HealthEffect = Sicken | SickenImage
LinkEffect = PutLink | DropLink
Effect = ImageEffect | HealthEffect | DomainEffect | VolumeEffect | LinkEffect | Hang | Mount | Silence | Cut
