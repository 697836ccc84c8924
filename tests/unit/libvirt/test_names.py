from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.actuators.libvirt import names
from reconciler.specs.desired import InstanceKey
from tests.builders import sha
from tests.unit.libvirt.machines import DISK_IMAGE, KERNEL_IMAGE

a_name = st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True)
keys = st.builds(InstanceKey, a_name, a_name, st.integers(0, 9999))


@settings(deadline=None)  # a busy machine is no fault
@given(a_name, keys, a_name)
def test_a_disks_name_says_whose_it_is(fleet: str, key: InstanceKey, disk: str) -> None:
    read = names.read_disk(names.disk_volume(fleet, key, disk))
    assert read == names.DiskName(fleet, key, disk)


@settings(deadline=None)  # a busy machine is no fault
@given(a_name, keys)
def test_a_seed_is_no_disk_even_beside_a_disk_called_seed(fleet: str, key: InstanceKey) -> None:
    assert names.read_disk(names.seed_volume(fleet, key)) is None
    assert names.seed_volume(fleet, key) != names.disk_volume(fleet, key, "seed")


@pytest.mark.parametrize("kind", names.PartKind)
def test_an_images_name_says_its_digest(kind: names.PartKind) -> None:
    assert names.read_image(names.image_volume(sha("x"), kind)) == sha("x")


@pytest.mark.parametrize(
    "volume",
    [
        "",
        "debian.qcow2",
        "a.b.c.d.e.qcow2",
        "lab.shop.db.0.root.qcow2.part-1",
        "lab.shop.db.٣.root.qcow2",
        f".reconciler.image.{'a' * 64}.qcow2.part.lab.0011.22",
        f"reconciler.image.{'a' * 63}.qcow2",
        "reconciler.image.$(id).raw",
    ],
)
def test_other_peoples_files_are_neither_disk_nor_image(volume: str) -> None:
    assert names.read_disk(volume) is None
    assert names.read_image(volume) is None


@settings(deadline=None)  # a busy machine is no fault
@given(a_name, keys, st.uuids())
def test_what_tells_pools_apart_says_for_whose_sake(fleet: str, key: InstanceKey, token: UUID) -> None:
    name = names.probe_volume(fleet, key, token.hex)
    assert names.is_probe(name, fleet)
    assert names.is_probe(name, fleet, key)
    assert not names.is_probe(name, f"{fleet}2")
    assert not names.is_probe(name, fleet, replace(key, ordinal=key.ordinal + 1))
    assert names.read_disk(name) is None


@pytest.mark.parametrize("volume", ["lab.probe", "lab.shop.db.0.probe", "lab.shop.db.0.0123.probe.qcow2"])
def test_other_peoples_files_tell_no_pools_apart(volume: str) -> None:
    assert not names.is_probe(volume, "lab")


def test_each_part_of_an_image_is_known_by_its_digest() -> None:
    assert names.part_kind(KERNEL_IMAGE, sha("kernel")) is names.PartKind.KERNEL
    assert names.part_kind(KERNEL_IMAGE, sha("initrd")) is names.PartKind.INITRD
    assert names.part_kind(DISK_IMAGE, sha("disk")) is names.PartKind.QCOW2
    with pytest.raises(LookupError):
        names.part_kind(DISK_IMAGE, sha("kernel"))
