"""What is different: desired against applied (a change), and applied against live (drift).

DeepDiff finds the differences. Its order depends on the hash seed and importing it takes a fifth
of a second, so equal values never reach it, our code sorts what it finds, and none of its objects
leaves this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.plan import Change, Origin
from reconciler.planner.amounts import mib
from reconciler.specs.desired import Machine, Nic
from reconciler.state import InstanceState, Live, LiveDisk

if TYPE_CHECKING:
    from deepdiff.model import DiffLevel

Leaf = str | int | bool | None
Branch = Mapping[str, "Leaf | Branch"]
Path = tuple[str, ...]

_DIGESTS = frozenset({("image", "disk"), ("image", "kernel"), ("image", "initrd"), ("context",), ("peers",)})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs.

    ``was`` or ``now`` is None where the field is not there. A disk or a card that comes or goes
    is one difference of the whole: its size in MiB, or what it is plugged into.
    """

    path: Path
    was: Leaf
    now: Leaf
    origin: Origin = Origin.CHANGE

    @property
    def field(self) -> str:
        """The path as it is shown: ``disks.data.size_mib``."""
        return ".".join(self.path)

    def shown(self) -> Change:
        """As a reason that people read."""
        return Change(self.field, _text(self.path, self.was), _text(self.path, self.now), self.origin)


def differences(desired: Machine, state: InstanceState) -> tuple[Difference, ...]:
    """Everything that keeps a machine from being what is desired, sorted by field.

    A field that is as desired although something else was applied is still a change, so that the
    record of what was applied is put right too.
    """
    changes = () if desired == state.applied else _compare(_document(state.applied), _document(desired))
    if _as_applied(state.applied, state.live):
        return changes
    return tuple(sorted((*changes, *_drift(desired, state)), key=lambda found: (found.path, found.origin)))


def _drift(desired: Machine, state: InstanceState) -> tuple[Difference, ...]:
    """Fields of the live machine that are not as applied, and not as desired either."""
    live = _living(state.applied, state.live)
    strayed = {found.path for found in _compare(_document(state.applied), live)}
    wanted = _compare(live, _document(desired))
    return tuple(replace(found, origin=Origin.DRIFT) for found in wanted if found.path in strayed)


def _as_applied(applied: Machine, live: Live) -> bool:
    """Whether the hypervisor still has what was applied; a size it was not asked for counts as the same."""
    if (live.cpus, live.memory_mib, live.nics) != (applied.cpus, applied.memory_mib, applied.plugs):
        return False
    if len(live.disks) != len(applied.disks):
        return False
    sizes = {disk.name: disk.size_mib for disk in applied.disks}
    return all(disk.name in sizes and disk.size_mib in (None, sizes[disk.name]) for disk in live.disks)


def _document(of: Machine) -> Branch:
    """A machine as nested mappings, disks by name and cards by number: what DeepDiff walks.

    Every field of ``Machine`` and of its parts must be here; a test counts them.
    """
    return {
        "image": {
            "name": of.image.name,
            "disk": of.image.disk,
            "format": None if of.image.format is None else of.image.format.value,
            "kernel": of.image.kernel,
            "initrd": of.image.initrd,
            "cmdline": of.image.cmdline,
        },
        "cpus": of.cpus,
        "memory_mib": of.memory_mib,
        "disks": {
            disk.name: {"size_mib": disk.size_mib, "on_delete": disk.on_delete.value, "pool": disk.pool}
            for disk in of.disks
        },
        "nics": _cards(of.nics),
        "context": of.context,
        "peers": of.peers,
        "protect": of.protect,
        "surge": of.surge,
        "devices": dict(of.devices),
    }


def _living(applied: Machine, live: Live) -> Branch:
    """A machine as the hypervisor has it; what a hypervisor cannot be asked is as it was applied."""
    return {
        **_document(applied),
        "cpus": live.cpus,
        "memory_mib": live.memory_mib,
        "disks": {disk.name: _live_disk(applied, disk) for disk in live.disks},
        "nics": _cards(_addressed(live.nics, applied.nics)),
    }


def _addressed(live: tuple[Nic, ...], applied: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """Live cards with the addresses that were applied: a hypervisor does not know them."""
    known = (*(nic.address for nic in applied), *[None] * len(live))
    return tuple(replace(nic, address=address) for nic, address in zip(live, known, strict=False))


def _live_disk(applied: Machine, disk: LiveDisk) -> Branch:
    """A live disk; what the hypervisor did not say is as it was applied."""
    known = next((each for each in applied.disks if each.name == disk.name), None)
    if known is None:
        return {"size_mib": disk.size_mib}
    size = known.size_mib if disk.size_mib is None else disk.size_mib
    return {"size_mib": size, "on_delete": known.on_delete.value, "pool": known.pool}


def _cards(nics: tuple[Nic, ...]) -> Branch:
    return {
        str(number): {"kind": nic.kind.value, "source": nic.source, "address": nic.address}
        for number, nic in enumerate(nics)
    }


def _compare(was: Branch, now: Branch) -> tuple[Difference, ...]:
    """Differences of two documents, sorted by path."""
    from deepdiff import DeepDiff

    # Without the threshold it reports two mappings with few keys in common as one change of the whole.
    tree = DeepDiff(was, now, view="tree", threshold_to_diff_deeper=0)
    found = [_difference(level) for levels in tree.values() for level in levels]
    return tuple(sorted(found, key=lambda difference: difference.path))


def _difference(level: DiffLevel) -> Difference:
    path = tuple(str(part) for part in level.path(output_format="list"))
    return Difference(path, _leaf(level.t1), _leaf(level.t2))


def _leaf(value: object) -> Leaf:
    """A value as we keep it; a whole disk or card by what tells it best."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str | int | bool):
        return value
    if isinstance(value, Mapping):
        return _leaf(value.get("size_mib", value.get("source")))
    # None, or DeepDiff's own mark for "not there".
    return None


def _text(path: Path, value: Leaf) -> str:
    """A value as short text; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and (path[-1].endswith("_mib") or path[0] == "disks"):
        return mib(value)
    return str(value)[:12] if path in _DIGESTS else str(value)
