"""What differs between desired, applied and live."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace

from reconciler.plan import Change, Origin
from reconciler.planner.diff import _document, differences
from reconciler.specs.desired import Disk, ImageFormat, ImageUse, Machine, Nic, NicKind
from reconciler.state import LiveDisk
from tests.builders import GIB, bridge, image_use, instance, kept, machine, network, running, sha

DB = instance("shop-db-0", machine(nics=(bridge("br0"),), disks=(Disk("root", 10 * GIB), kept("data", GIB))))


def shown(desired: Machine, **live: object) -> list[Change]:
    state = running(DB, on="hv1")
    state = replace(state, live=replace(state.live, **live))  # type: ignore[arg-type]
    return [difference.shown() for difference in differences(desired, state)]


def test_a_machine_that_is_as_asked_has_no_differences() -> None:
    assert shown(DB.machine) == []


def test_changes_are_named_by_field_in_a_fixed_order() -> None:
    wanted = replace(
        DB.machine,
        cpus=4,
        memory_mib=1536,
        nics=(network("back"), bridge("br0")),
        disks=(Disk("root", 20 * GIB), Disk("logs", 5 * GIB)),
        protect=True,
    )
    assert shown(wanted) == [
        Change("cpus", "1", "4"),
        Change("disks.data", "1 GiB", ""),
        Change("disks.logs", "", "5 GiB"),
        Change("disks.root.size_mib", "10 GiB", "20 GiB"),
        Change("memory_mib", "1 GiB", "1536 MiB"),
        Change("nics.0.kind", "bridge", "network"),
        Change("nics.0.source", "br0", "back"),
        Change("nics.1", "", "br0"),
        Change("protect", "false", "true"),
    ]


def test_digests_are_shown_short() -> None:
    changes = shown(replace(DB.machine, image=image_use("debian-13"), context=sha("hello")))
    assert [change.field for change in changes] == ["context", "image.disk", "image.name"]
    assert changes[0].now == sha("hello")[:12]
    assert changes[1].was == sha("debian-12")[:12]


def test_a_change_behind_our_back_is_drift() -> None:
    assert shown(DB.machine, cpus=8, nics=()) == [
        Change("cpus", "8", "1", Origin.DRIFT),
        Change("nics.0", "", "br0", Origin.DRIFT),
    ]


def test_a_change_and_a_drift_of_one_field_are_both_told() -> None:
    assert shown(replace(DB.machine, cpus=2), cpus=8) == [
        Change("cpus", "1", "2"),
        Change("cpus", "8", "2", Origin.DRIFT),
    ]


def test_what_already_is_as_desired_is_only_a_change_of_the_record() -> None:
    assert shown(replace(DB.machine, cpus=2), cpus=2) == [Change("cpus", "1", "2")]


def test_a_disk_size_that_nobody_asked_for_is_not_drift() -> None:
    assert shown(DB.machine, cpus=2, disks=(LiveDisk("root"), LiveDisk("data", GIB))) == [
        Change("cpus", "2", "1", Origin.DRIFT)
    ]


def test_disks_that_came_and_went_are_drift() -> None:
    assert shown(DB.machine, disks=(LiveDisk("root", 10 * GIB), LiveDisk("extra", 3))) == [
        Change("disks.data", "", "1 GiB", Origin.DRIFT),
        Change("disks.extra", "3 MiB", "", Origin.DRIFT),
    ]


def test_disks_that_have_nothing_in_common_are_told_one_by_one() -> None:
    old = instance("shop-db-0", machine(disks=tuple(Disk(name, GIB) for name in ("a", "b", "c", "d"))))
    new = replace(old.machine, disks=tuple(Disk(name, GIB) for name in ("e", "f", "g")))
    fields = [found.field for found in differences(new, running(old, on="hv1"))]
    assert fields == [f"disks.{name}" for name in "abcdefg"]


def test_every_field_of_a_machine_is_compared() -> None:
    full = Machine(
        image=ImageUse("i", sha("a"), ImageFormat.RAW, sha("b"), sha("c"), "quiet"),
        cpus=1,
        memory_mib=1,
        disks=(Disk("root", 1),),
        nics=(Nic(NicKind.BRIDGE, "br0"),),
        devices=(("gpu", 1),),
    )
    document = _document(full)
    # A disk's name is its key.
    assert _paths(document) == {path for path in _fields(full) if path != "disks.*.name"}


def _paths(branch: object, prefix: str = "") -> set[str]:
    if not isinstance(branch, dict):
        return {prefix.removesuffix(".")}
    keys = {"*": next(iter(branch.values()))} if prefix in ("disks.", "nics.", "devices.") else branch
    return set().union(*(_paths(value, f"{prefix}{key}.") for key, value in keys.items()))


def _fields(value: object, prefix: str = "") -> set[str]:
    if isinstance(value, tuple):
        named = isinstance(value[0], tuple)  # a count by its name
        return {f"{prefix}*"} if named else _fields(value[0], f"{prefix}*.")
    if not is_dataclass(value):
        return {prefix.removesuffix(".")}
    return set().union(
        *(_fields(getattr(value, each.name), f"{prefix}{each.name}.") for each in fields(value))
    )


def test_a_fleet_that_matches_never_imports_deepdiff() -> None:
    code = (
        "import sys\n"
        "from tests.builders import *\n"
        "from reconciler.planner import make_plan\n"
        "fleet = fleet_of(a=8 * GIB)\n"
        "db = instance('shop-db-0')\n"
        "assert not make_plan(desired_of(fleet, db), observed_of(fleet, running(db, on='a'))).steps\n"
        "assert 'deepdiff' not in sys.modules\n"
        "assert make_plan(desired_of(fleet, db), observed_of(fleet, stopped(db, on='a'))).steps\n"
        "assert 'deepdiff' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
