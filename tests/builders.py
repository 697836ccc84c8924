"""Small values for tests: say what matters to the test, the rest is plausible.

    fleet = fleet_of(a=8 * GIB, b=4 * GIB)
    db = instance("shop-db-0", machine(memory_mib=2 * GIB))
    desired = desired_of(fleet, db)
    observed = observed_of(fleet, running(db, on="a"), silent=("b",))

What a builder has no parameter for is set with ``dataclasses.replace``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.specs.desired import (
    Connect,
    Desired,
    Disk,
    Fleet,
    Host,
    HostName,
    Image,
    ImageFormat,
    ImagePart,
    ImageUse,
    Instance,
    InstanceKey,
    Machine,
    Nic,
    NicKind,
    OnDelete,
    Resources,
    Scheme,
    Sha256,
)
from reconciler.specs.identity import instance_uuid
from reconciler.specs.placement import Placement
from reconciler.state import (
    HostState,
    HostUnknown,
    InstanceState,
    Live,
    LiveDisk,
    Observed,
    Power,
    VolumeState,
)

GIB = 1024
"""MiB in a GiB."""

FLEET = "lab"


def sha(text: str) -> Sha256:
    """A digest that is different for every text."""
    return Sha256(hashlib.sha256(text.encode()).hexdigest())


def size(cpus: int = 16, memory_mib: int = 64 * GIB, disk_mib: int = 1024 * GIB) -> Resources:
    """An amount; by default that of a roomy host."""
    return Resources(cpus, memory_mib, disk_mib)


# What should be


def host(
    name: str,
    capacity: Resources | None = None,
    *,
    cluster: str = "default",
    labels: Mapping[str, str] | None = None,
) -> Host:
    """A simulated host; ``capacity`` None is discovered from its HostState."""
    return Host(
        name=HostName(name),
        connect=Connect(Scheme.SIM, "sim://"),
        cluster=cluster,
        labels=tuple(sorted((labels or {}).items())),
        capacity=capacity,
    )


def fleet_of(*hosts: Host, name: str = FLEET, **memory_mib: int) -> Fleet:
    """A fleet of these hosts, and of one roomy host a keyword with that much memory in MiB."""
    made = [host(key, size(memory_mib=amount)) for key, amount in memory_mib.items()]
    return Fleet(name, tuple(sorted((*hosts, *made), key=lambda each: each.name)))


def image_use(name: str = "debian-12") -> ImageUse:
    """A qcow2 disk image whose digest follows from its name."""
    return ImageUse(name, disk=sha(name), format=ImageFormat.QCOW2)


def image_of(use: ImageUse) -> Image:
    """The image behind a use: one part a digest."""
    parts = tuple(ImagePart(f"/images/{use.name}-{digest[:8]}", digest) for digest in use.digests)
    return Image(use, parts)


def bridge(name: str) -> Nic:
    """A network card on an existing bridge."""
    return Nic(NicKind.BRIDGE, name)


def network(name: str) -> Nic:
    """A network card on a libvirt network."""
    return Nic(NicKind.NETWORK, name)


def kept(name: str, size_mib: int) -> Disk:
    """A disk that outlives its instance."""
    return Disk(name, size_mib, OnDelete.RETAIN)


def machine(
    cpus: int = 1,
    memory_mib: int = GIB,
    *,
    disks: tuple[Disk, ...] | None = None,
    nics: tuple[Nic, ...] = (),
    image: str = "debian-12",
) -> Machine:
    """A machine with a root disk of 10 GiB unless ``disks`` says otherwise."""
    if disks is None:
        disks = (Disk("root", 10 * GIB),)
    return Machine(image_use(image), cpus, memory_mib, disks, nics)


def key_of(name: str) -> InstanceKey:
    """Take ``shop-db-0`` apart; only for names whose service and component have no dash."""
    service, component, ordinal = name.split("-")
    return InstanceKey(service, component, int(ordinal))


def instance(
    name: str | InstanceKey,
    of: Machine | None = None,
    *,
    placement: Placement | None = None,
    depends_on: Iterable[str] = (),
    fleet: str = FLEET,
) -> Instance:
    """One replica; ``name`` as in ``shop-db-0``."""
    key = key_of(name) if isinstance(name, str) else name
    return Instance(
        key=key,
        fleet=fleet,
        uuid=instance_uuid(fleet, key),
        machine=of or machine(),
        placement=placement or Placement(),
        depends_on=tuple(sorted(depends_on)),
    )


def replicas(
    count: int,
    component: str,
    of: Machine | None = None,
    *,
    placement: Placement | None = None,
    depends_on: Iterable[str] = (),
) -> tuple[Instance, ...]:
    """``replicas(3, "shop-db")``: that many instances of one component."""
    wanted = tuple(depends_on)
    return tuple(
        instance(f"{component}-{ordinal}", of, placement=placement, depends_on=wanted)
        for ordinal in range(count)
    )


def desired_of(fleet: Fleet, *instances: Instance) -> Desired:
    """A directory that asks for these instances, with the images they use."""
    ordered = tuple(sorted(instances, key=lambda each: each.key))
    images = {each.machine.image.name: image_of(each.machine.image) for each in ordered}
    services = tuple(sorted({each.key.service for each in ordered}))
    return Desired(fleet, services, ordered, tuple(images[name] for name in sorted(images)))


# What is


def live_of(machine: Machine) -> Live:
    """What a hypervisor answers for a machine that is as it was applied."""
    disks = tuple(LiveDisk(disk.name, disk.size_mib) for disk in machine.disks)
    return Live(machine.cpus, machine.memory_mib, disks, machine.plugs)


def running(of: Instance, *, on: str) -> InstanceState:
    """The instance as it was asked for, running there."""
    return InstanceState(
        host=HostName(on),
        key=of.key,
        fleet=of.fleet,
        uuid=of.uuid,
        power=Power.RUNNING,
        applied=of.machine,
        live=live_of(of.machine),
    )


def stopped(of: Instance, *, on: str, detail: str = "shut off (crashed)") -> InstanceState:
    """The instance, found shut off."""
    return replace(running(of, on=on), power=Power.STOPPED, detail=detail)


def paused(of: Instance, *, on: str, detail: str = "user") -> InstanceState:
    """The instance, found suspended."""
    return replace(running(of, on=on), power=Power.PAUSED, detail=detail)


def incomplete(of: Instance, *, on: str) -> InstanceState:
    """The instance, defined and not yet finished."""
    return replace(stopped(of, on=on, detail=""), complete=False)


def volume(of: Instance, disk: str, size_mib: int | None = None) -> VolumeState:
    """A disk in a host's pool; with a size it is one that no machine has."""
    return VolumeState(of.key, disk, size_mib)


def host_state(
    name: str,
    *states: InstanceState,
    capacity: Resources | None = None,
    foreign: Resources | None = None,
    volumes: Iterable[VolumeState] = (),
) -> HostState:
    """What a host said; it holds the images and disks of the machines seen on it."""
    left = tuple(volumes)
    used = {(state.key, disk.name): None for state in states for disk in state.applied.disks}
    sizes: dict[tuple[InstanceKey, str], int | None] = {
        **used,
        **{(each.key, each.disk): each.size_mib for each in left},
    }
    pools = {(state.key, disk.name): disk.pool for state in states for disk in state.applied.disks}
    pools |= {(each.key, each.disk): each.pool for each in left}
    return HostState(
        host=HostName(name),
        capacity=capacity or size(),
        foreign=foreign or Resources(),
        images=tuple(sorted({digest for state in states for digest in state.applied.image.digests})),
        instances=tuple(sorted(states, key=lambda state: state.key)),
        volumes=tuple(
            VolumeState(key, disk, sizes[key, disk], pools[key, disk]) for key, disk in sorted(sizes)
        ),
    )


def observed_of(fleet: Fleet, *states: InstanceState, silent: Iterable[str] = ()) -> Observed:
    """One look at a fleet: each host says what is on it, but for the silent ones."""
    quiet = frozenset(silent)
    return Observed(
        fleet.name,
        tuple(
            host_state(
                each.name,
                *(state for state in states if state.host == each.name),
                capacity=each.capacity,
            )
            for each in fleet.hosts
            if each.name not in quiet
        ),
        tuple(HostUnknown(HostName(name), "no answer within 5 s") for name in sorted(quiet)),
    )


def with_host(observed: Observed, state: HostState) -> Observed:
    """The same look with one host's answer exchanged, or added."""
    others = [each for each in observed.hosts if each.host != state.host]
    return replace(observed, hosts=tuple(sorted((*others, state), key=lambda each: each.host)))
