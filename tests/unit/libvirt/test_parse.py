from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.actuators.libvirt.parse import Foreign, Ours, Reader, read_domain
from reconciler.specs.desired import Nic, NicKind, Resources
from reconciler.state import Live, LiveDisk
from tests.builders import FLEET
from tests.unit.libvirt.machines import MARK, NICS, site, text_of

LIVE = Live(2, 512, (LiveDisk("root"), LiveDisk("data")), NICS)


def as_libvirt_writes(text: str) -> str:
    """An element a line, indented by two, memory in KiB: the layout the fast way relies on."""
    domain = ET.fromstring(text)
    for memory in domain.findall("memory"):
        memory.set("unit", "KiB")
        memory.text = str(int(memory.text or 0) * 1024)
    ET.indent(domain, "  ")
    return ET.tostring(domain, encoding="unicode")


OURS = as_libvirt_writes(text_of())


def read(text: str) -> Ours | Foreign:
    return read_domain(text, Reader(FLEET, site().pool))


def test_what_was_written_is_read_back() -> None:
    assert read(OURS) == Ours(MARK, LIVE)


def test_a_half_made_machine_says_so() -> None:
    mark = replace(MARK, complete=False)
    assert read(as_libvirt_writes(text_of(mark))) == Ours(mark, LIVE)


def test_any_other_layout_reads_the_same() -> None:
    on_one_line = re.sub(r">\s+<", "><", OURS)
    assert read(on_one_line) == read(OURS)
    assert read(OURS.replace("\n", "\n\t")) == read(OURS)
    assert read(OURS.replace("<interface ", "<interface\n ")) == read(OURS)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace(f'fleet="{FLEET}"', 'fleet="other"'), id="another-fleet"),
        pytest.param(lambda text: text.replace(MARK.uuid, "0" + MARK.uuid[1:]), id="a-copy-of-ours"),
        pytest.param(lambda text: text.replace('ordinal="0"', 'ordinal="1"'), id="another-ordinal"),
        pytest.param(lambda text: text.replace('ordinal="0"', 'ordinal="٠"'), id="an-odd-digit"),
        pytest.param(lambda text: text.replace('service="shop"', 'service="../x"'), id="a-bad-name"),
        pytest.param(lambda text: text.replace('complete="yes"', 'complete="maybe"'), id="no-yes-or-no"),
        pytest.param(lambda text: text.replace('"cpus":2', '"cpus":"two"'), id="a-broken-spec"),
        pytest.param(lambda text: text.replace("urn:reconciler:instance:1", "urn:x"), id="another-namespace"),
    ],
)
def test_what_lacks_a_genuine_mark_is_foreign(change: Callable[[str], str]) -> None:
    changed = change(OURS)
    assert changed != OURS
    assert read(changed) == Foreign(Resources(2, 512))


def test_a_network_card_of_a_running_machine_is_what_it_was_defined_as() -> None:
    running = OURS.replace(
        '<interface type="network">\n      <mac', '<interface type="bridge">\n      <mac'
    ).replace('<source network="lab"', '<source network="lab" portid="1" bridge="br-lab"')
    assert running != OURS
    assert read(running) == read(OURS)


def test_a_card_plugged_in_by_hand_is_seen_and_a_disk_is_not() -> None:
    by_hand = text_of().replace(
        "</devices>",
        "<disk type='file'><source file='/x'/><serial>x</serial></disk>"
        "<interface type='bridge'><source bridge='br9'/></interface></devices>",
    )
    assert read(as_libvirt_writes(by_hand)) == Ours(
        MARK, replace(LIVE, nics=(*NICS, Nic(NicKind.BRIDGE, "br9")))
    )


def test_a_disk_with_a_snapshot_over_it_is_still_itself_and_astray() -> None:
    stem = f"{site().pool}/{FLEET}.shop.db.0.root"
    over = OURS.replace(f"{stem}.qcow2", f"{stem}.before-upgrade")
    assert over != OURS
    disks = (LiveDisk("root", source=f"{stem}.before-upgrade"), LiveDisk("data"))
    assert read(over) == Ours(MARK, replace(LIVE, disks=disks))


def test_a_disk_of_the_right_name_in_another_directory_is_astray() -> None:
    found = read_domain(OURS, Reader(FLEET, "/elsewhere"))
    assert isinstance(found, Ours)
    assert [disk.name for disk in found.live.astray] == ["root", "data"]


def test_a_disk_that_is_no_file_any_more_is_astray() -> None:
    device = OURS.replace(f'file="{site().pool}/{FLEET}.shop.db.0.data.qcow2"', 'dev="/dev/sdb"')
    found = read(device)
    assert isinstance(found, Ours)
    assert [(disk.name, disk.source) for disk in found.live.astray] == [("data", "what is no file")]


def test_what_was_changed_while_it_runs_is_what_counts() -> None:
    changed = OURS.replace("<vcpu>2<", "<vcpu current='1'>2<").replace(
        "</memory>", "</memory>\n  <currentMemory unit='KiB'>262144</currentMemory>"
    )
    assert read(changed) == Ours(MARK, replace(LIVE, cpus=1, memory_mib=256))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<",
        "<domain/>",
        "<domain><vcpu>many</vcpu></domain>",
        "<domain><memory>1e9</memory></domain>",
        f"<domain><memory>{'9' * 5000}</memory></domain>",
        "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><domain>&b;</domain>",
        "<domain>" * 5000,
        "\x00",
    ],
)
def test_hostile_xml_is_a_foreign_domain_of_no_size(text: str) -> None:
    found = read(text)
    assert isinstance(found, Foreign)
    assert found.takes.memory_mib == 0


def test_xml_with_a_document_type_is_nobodys() -> None:
    # Libvirt never writes one, and entities are how small texts grow large.
    assert read(f"<!DOCTYPE domain [<!ENTITY a 'a'>]>{OURS}") == Foreign(Resources())


@settings(deadline=None)  # a busy machine is no fault
@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    assert isinstance(read(text), Foreign)


@settings(deadline=None)  # a busy machine is no fault
@given(
    st.integers(0, len(OURS) - 1), st.sampled_from(["", "<", ">", "&", "<os>", "\n  <os>", "</domain>", "9"])
)
def test_no_damage_to_our_own_xml_makes_reading_fail(at: int, instead: str) -> None:
    read(OURS[:at] + instead + OURS[at + 1 :])
