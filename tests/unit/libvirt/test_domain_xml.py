from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.actuators.libvirt.domain_xml import MAX_DISKS, domain_xml
from reconciler.specs.desired import Disk, ImageUse, Machine
from reconciler.specs.identity import mac_address
from tests.unit.libvirt.machines import KERNEL_IMAGE, MACHINE, MARK, site, text_of

needs_schemas = pytest.mark.skipif(
    shutil.which("virt-xml-validate") is None, reason="apt-get install libvirt-clients"
)


@needs_schemas
@pytest.mark.parametrize("kind", ["kvm", "qemu", "xen"])
@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(MACHINE, id="disk-image"),
        pytest.param(replace(MACHINE, image=KERNEL_IMAGE), id="kernel-and-disks"),
        pytest.param(Machine(KERNEL_IMAGE, 1, 96), id="kernel-alone"),
    ],
)
def test_libvirts_own_schema_accepts_every_domain(kind: str, machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "domain.xml"
    file.write_text(text_of(replace(MARK, applied=machine), kind=kind))
    done = subprocess.run(
        ["virt-xml-validate", str(file), "domain"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text", ["</cmdline><x/>", "a & b", "]]>", "'\"", "--help", "$(id)", "\u202e"])
def test_no_text_of_the_user_becomes_markup(text: str) -> None:
    image = ImageUse(text, kernel=KERNEL_IMAGE.kernel, cmdline=text)
    domain = ET.fromstring(text_of(replace(MARK, applied=Machine(image, 1, 96))))
    assert domain.findtext("os/cmdline") == text
    assert [child.tag for child in domain] == [child.tag for child in ET.fromstring(text_of())]


def test_disks_are_known_inside_the_guest_by_their_names() -> None:
    disks = ET.fromstring(text_of()).findall("devices/disk")
    assert [disk.findtext("serial") for disk in disks] == ["root", "data", "seed.iso"]
    targets = [target.get("dev") for disk in disks if (target := disk.find("target")) is not None]
    assert targets == ["vda", "vdb", "vdz"]


def test_what_the_guest_is_told_cannot_be_written_by_it() -> None:
    *disks, seed = ET.fromstring(text_of()).findall("devices/disk")
    assert seed.find("readonly") is not None
    assert all(disk.find("readonly") is None for disk in disks)


def test_a_guest_that_is_told_nothing_has_no_seed() -> None:
    domain = ET.fromstring(domain_xml(MARK, site(), seeded=False))
    assert "seed.iso" not in [disk.findtext("serial") for disk in domain.iterfind("devices/disk")]


def test_cards_have_the_addresses_that_their_uuid_gives() -> None:
    macs = [mac.get("address") for mac in ET.fromstring(text_of()).iterfind("devices/interface/mac")]
    assert macs == [mac_address(MARK.uuid, 0), mac_address(MARK.uuid, 1)]


def test_nothing_of_a_guest_listens_on_a_network() -> None:
    devices = ET.fromstring(text_of()).find("devices")
    assert devices is not None
    assert devices.find("graphics") is None
    assert {serial.get("type") for serial in devices.iterfind("serial")} == {"pty"}


def test_more_disks_than_letters_are_refused() -> None:
    disks = tuple(Disk(f"d{n}", 1) for n in range(MAX_DISKS + 1))
    with pytest.raises(ValueError, match="26 disks"):
        text_of(replace(MARK, applied=replace(MACHINE, disks=disks)))


def test_disks_of_a_pool_that_hosts_share_bypass_the_hosts_cache() -> None:
    shared = ET.fromstring(domain_xml(MARK, replace(site("kvm"), shared=True), seeded=False))
    own = ET.fromstring(domain_xml(MARK, site("kvm"), seeded=False))
    assert {driver.get("cache") for driver in shared.findall("devices/disk/driver")} == {"none"}
    assert {driver.get("cache") for driver in own.findall("devices/disk/driver")} == {None}
