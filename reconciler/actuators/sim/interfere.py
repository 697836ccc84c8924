"""A human's hand on a simulated host: what virsh would do behind our back.

python -m reconciler.actuators.sim.interfere STORE stop hv1 shop-web-0
python -m reconciler.actuators.sim.interfere STORE edit hv1 shop-web-0 4
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

from reconciler.actuators.links import Link, LinkKind
from reconciler.actuators.sim.effects import (
    AddVolume,
    Arrive,
    Cut,
    Define,
    DropLink,
    DropVolume,
    Effect,
    GoOn,
    GuestUp,
    Mount,
    Pause,
    PowerOff,
    PowerOn,
    PutLink,
    Rename,
    Sicken,
    SickenImage,
    Silence,
    Undefine,
)
from reconciler.actuators.sim.store import Store
from reconciler.actuators.sim.things import Box, Domain, VolumeId
from reconciler.errors import NotFound, ReconcilerError
from reconciler.specs.desired import HostName, InstanceKey, InstanceName, InstanceUuid, Resources, Sha256
from reconciler.specs.resources import kind_of
from reconciler.state import MIGRATED, MIGRATING, Live, Power

# A human is stopped by nobody's accounts.
_ROOM = Resources(memory_mib=sys.maxsize, disk_mib=sys.maxsize)
_NAMESPACE = UUID("a7f0c1de-3c54-5d0c-8f0e-0d1c7b2a9e44")


def stop(store: Store, name: str) -> None:
    """Pull a machine's plug. Raises NotFound."""
    _do(store, PowerOff(_named(store.look(), name).uuid, "destroyed"))


def crash(store: Store, name: str) -> None:
    """Kill a machine's process. Raises NotFound."""
    _do(store, PowerOff(_named(store.look(), name).uuid, "crashed"))


def pause(store: Store, name: str) -> None:
    """Suspend a running machine. Raises NotFound, ActionFailed."""
    _do(store, Pause(_named(store.look(), name).uuid))


def emigrate(store: Store, name: str, to: str) -> None:
    """Move a running machine to another host, with its disks: the definition stays, and none is made there.

    Raises NotFound, AlreadyExists, ActionFailed.
    """
    box, there = store.look(), Store(store.path.parent, HostName(to))
    domain = _named(box, name)
    copied = [(volume, size) for volume, size in box.volumes.items() if _is_of(domain, volume)]
    _do(there, *(AddVolume(volume, size) for volume, size in copied), Arrive(domain))
    _do(store, Pause(domain.uuid, MIGRATING))
    _do(there, GoOn(domain.uuid))
    _do(store, PowerOff(domain.uuid, MIGRATED))


def undefine(store: Store, name: str) -> None:
    """Stop and forget a machine; its volumes stay. Raises NotFound."""
    stop(store, name)
    _do(store, Undefine(_named(store.look(), name).uuid))


def edit(store: Store, name: str, cpus: str) -> None:
    """Define a machine with another number of CPUs. Raises NotFound, and ValueError for no number."""
    domain = _named(store.look(), name)
    edited = replace(domain.live, cpus=int(cpus))
    is_off = domain.power is Power.STOPPED
    _do(store, Define(replace(domain, live=edited) if is_off else replace(domain, configured=edited)))


def snapshot(store: Store, name: str, disk: str) -> None:
    """Have a disk of a machine written to another file from now on. Raises NotFound."""
    domain = _named(store.look(), name)

    def over(live: Live) -> Live:
        moved = (
            replace(each, source=f"{disk}.snapshot") if each.name == disk else each for each in live.disks
        )
        return replace(live, disks=tuple(moved))

    configured = None if domain.configured is None else over(domain.configured)
    _do(store, Define(replace(domain, live=over(domain.live), configured=configured)))


def merge(store: Store, name: str, disk: str) -> None:
    """Undo that. Raises NotFound."""
    domain = _named(store.look(), name)
    home = tuple(replace(each, source="") if each.name == disk else each for each in domain.live.disks)
    _do(store, Define(replace(domain, live=replace(domain.live, disks=home))))


def deafen(store: Store, name: str) -> None:
    """Have a machine's guest hear nothing of disks that are taken from it. Raises NotFound."""
    _do(store, Define(replace(_named(store.look(), name), deaf=True)))


def rename(store: Store, name: str, new: str) -> None:
    """Give a stopped machine another name. Raises NotFound, ActionFailed."""
    domain = _named(store.look(), name)
    _do(store, Rename(domain.uuid, InstanceName(new)))


def disown(store: Store, name: str) -> None:
    """Take our mark off a machine. Raises NotFound."""
    _do(store, Define(replace(_named(store.look(), name), mark=None)))


def autostart(store: Store, name: str) -> None:
    """Have a machine started with its host. Raises NotFound."""
    _do(store, Define(replace(_named(store.look(), name), autostart=True)))


def unplug(store: Store, name: str, disk: str) -> None:
    """Delete a volume of a machine of ours. Raises NotFound."""
    mark = _named(store.look(), name).mark
    if mark is None:
        raise NotFound(store.host, f"{name} is not ours")
    _do(store, DropVolume(mark.volume(disk)))


def litter(store: Store, name: str, size_mib: str) -> None:
    """Put a volume that is nobody's into the pool. Raises AlreadyExists, and ValueError for no number."""
    _do(store, AddVolume(VolumeId("", InstanceKey(name, "", 0), ""), int(size_mib)))


def foreign(store: Store, name: str, memory_mib: str = "1024", *, uuid: str | None = None) -> None:
    """Run a machine of one CPU that is not ours. Raises AlreadyExists, and ValueError for no number."""
    live = Live(cpus=1, memory_mib=int(memory_mib))
    domain = Domain(InstanceUuid(uuid or str(uuid5(_NAMESPACE, name))), InstanceName(name), live)
    _do(store, Define(domain), PowerOn(domain.uuid), GuestUp(domain.uuid))


def sweep(store: Store, name: str) -> None:
    """Take a volume that is nobody's out of the pool. Raises NotFound."""
    _do(store, DropVolume(VolumeId("", InstanceKey(name, "", 0), "")))


def mount(store: Store, other: str) -> None:
    """Give two hosts one pool, with all that was in the pool of either. Raises AlreadyExists."""
    there = Store(store.path.parent, HostName(other))
    ours, its = store.look().volumes, there.look().volumes
    for end, had, comes in ((store, ours, its), (there, its, ours)):
        _do(
            end,
            Mount(other),
            *(AddVolume(each, size) for each, size in comes.items() if each not in had and not each.pool),
        )


def sicken(store: Store, name: str) -> None:
    """Have a machine's guest no longer do its work. Raises NotFound."""
    _do(store, Sicken(_named(store.look(), name).uuid, True))


def cure(store: Store, name: str) -> None:
    """Undo that. Raises NotFound."""
    _do(store, Sicken(_named(store.look(), name).uuid, False))


def sicken_image(store: Store, sha256: str) -> None:
    """Have no guest of the image with that digest do its work."""
    _do(store, SickenImage(Sha256(sha256), True))


def cure_image(store: Store, sha256: str) -> None:
    """Undo that."""
    _do(store, SickenImage(Sha256(sha256), False))


def cut(store: Store) -> None:
    """Break every connection to the host."""
    _do(store, Cut())


def reboot(store: Store) -> None:
    """Take the host's power away and give it back: what starts with it runs again, its links are gone."""
    box = store.look()
    _do(store, Cut(), *(PowerOff(uuid, "") for uuid in box.domains), *map(DropLink, box.links))
    started = [domain.uuid for domain in box.domains.values() if domain.autostart]
    _do(store, *(PowerOn(uuid) for uuid in started), *(GuestUp(uuid) for uuid in started))


def lay(store: Store, name: str) -> None:
    """Make a bridge that is nobody's."""
    _do(store, PutLink(Link(name, LinkKind.BRIDGE)))


def unlay(store: Store, name: str) -> None:
    """Take a link away, whosever it is. Raises NotFound, ActionFailed."""
    _do(store, DropLink(name))


def silence(store: Store) -> None:
    """Make the host answer nobody any more."""
    _do(store, Silence(True))


def wake(store: Store) -> None:
    """Make the host answer again."""
    _do(store, Silence(False))


_HANDS: dict[str, Callable[..., None]] = {
    hand.__name__: hand
    for hand in (
        *(stop, crash, pause, emigrate, undefine, edit, rename, disown, autostart),
        *(snapshot, merge, deafen, lay, unlay),
        *(foreign, unplug, litter, sweep, cut, reboot, silence, wake),
        *(sicken, cure, sicken_image, cure_image, mount),
    )
}
_USAGE = f"usage: python -m {__spec__.name} STORE {'|'.join(_HANDS)} HOST [NAME [NUMBER]]\n"


def main(argv: Sequence[str]) -> int:
    """Do what the words say; 0 done, 1 refused, 64 not understood."""
    try:
        directory, verb, host, *rest = argv
        _HANDS[verb](Store(Path(directory), HostName(host)), *rest)
    except ReconcilerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (ValueError, KeyError, TypeError):
        sys.stderr.write(_USAGE)
        return 64
    return 0


def _do(store: Store, *effects: Effect) -> None:
    for effect in effects:
        room = _ROOM
        if isinstance(effect, AddVolume) and effect.volume.pool:
            room = replace(room, devices=((kind_of(effect.volume.pool), sys.maxsize),))
        store.change(effect, room)


def _is_of(domain: Domain, volume: VolumeId) -> bool:
    return domain.mark is not None and (volume.fleet, volume.key) == (domain.mark.fleet, domain.mark.key)


def _named(box: Box, name: str) -> Domain:
    domain = box.named(name)
    if domain is None:
        raise NotFound(box.host, f"there is no machine called {name}")
    return domain


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
