"""What a difference costs the guest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Impact
from reconciler.planner.diff import Difference, differences
from reconciler.planner.impact import ROWS, Refused, impact_of, refusals_of, worst
from reconciler.specs.desired import Disk, ImageFormat, ImageUse, Machine, Nic, NicKind, OnDelete
from tests.builders import GIB, bridge, image_use, instance, kept, machine, running, sha
from tests.unit.planner.test_diff import _fields

OLD = machine(nics=(bridge("br0"),), disks=(Disk("root", 10 * GIB), Disk("data", 10 * GIB)))


def disks(root: int, *others: Disk) -> Machine:
    return replace(OLD, disks=(Disk("root", root * GIB), *others))


@pytest.mark.parametrize(
    ("wanted", "impact"),
    [
        (replace(OLD, protect=True), Impact.LIVE),
        (replace(OLD, image=replace(OLD.image, name="other")), Impact.LIVE),
        (disks(10, Disk("data", 10 * GIB, OnDelete.RETAIN)), Impact.LIVE),
        (replace(OLD, cpus=2), Impact.RESTART),
        (replace(OLD, memory_mib=1), Impact.RESTART),
        (replace(OLD, nics=()), Impact.RESTART),
        (replace(OLD, nics=(bridge("br1"),)), Impact.RESTART),
        (replace(OLD, context=sha("hello")), Impact.RESTART),
        (replace(OLD, image=replace(OLD.image, cmdline="quiet")), Impact.RESTART),
        (disks(10), Impact.LIVE),
        (disks(11, Disk("data", 10 * GIB)), Impact.LIVE),
        (disks(10, Disk("data", 11 * GIB)), Impact.LIVE),
        (disks(10, Disk("data", 10 * GIB), kept("logs", GIB)), Impact.LIVE),
        (replace(OLD, disks=(Disk("data", 10 * GIB),)), Impact.RESTART),
        (replace(OLD, image=image_use("debian-13")), Impact.REPLACE),
        (replace(OLD, image=replace(OLD.image, format=ImageFormat.RAW)), Impact.REPLACE),
        (replace(OLD, image=replace(OLD.image, kernel=sha("k"))), Impact.REPLACE),
        (replace(OLD, image=replace(OLD.image, initrd=sha("i"))), Impact.REPLACE),
        (replace(OLD, cpus=2, protect=True), Impact.RESTART),
    ],
)
def test_a_change_costs_what_its_worst_field_costs(wanted: Machine, impact: Impact) -> None:
    found = differences(wanted, running(instance("shop-db-0", OLD), on="hv1"))
    assert found
    assert refusals_of(found) == ()
    assert worst(found) is impact


def test_a_disk_is_never_shrunk() -> None:
    found = differences(disks(10, Disk("data", 5 * GIB)), running(instance("shop-db-0", OLD), on="hv1"))
    assert refusals_of(found) == (Refused("disk data: shrinking is refused from 10 GiB to 5 GiB"),)


def test_every_field_of_a_machine_has_a_row() -> None:
    full = Machine(
        image=ImageUse("i", sha("a"), ImageFormat.RAW, sha("b"), sha("c"), "quiet"),
        cpus=1,
        memory_mib=1,
        disks=(Disk("root", 1),),
        nics=(Nic(NicKind.BRIDGE, "br0"),),
        devices=(("gpu", 1),),
    )
    # A disk's name is its key; a disk or a card that comes or goes has a row of its own.
    walked = (_fields(full) - {"disks.*.name"}) | {"disks.*", "nics.*"}
    assert walked == {row.pattern for row in ROWS}


def test_a_field_without_a_row_is_a_broken_promise() -> None:
    with pytest.raises(LookupError, match="colour has no row"):
        impact_of(Difference(("colour",), "red", "blue"))
