"""What becomes of a machine, in its mark: its journey, its home, what it was, and what was refused."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from reconciler.actuators.libvirt.mark import read_mark
from reconciler.specs.desired import HostName
from reconciler.state import Journey
from tests.builders import FLEET, sha
from tests.unit.libvirt.machines import MARK

GOES = Journey(HostName("hv1"), HostName("hv2"))


COLD = replace(GOES, cold=True)


@pytest.mark.parametrize(
    "journey", [None, GOES, replace(GOES, copies=False), COLD, replace(COLD, handed_over=True)]
)
def test_a_journey_is_read_back_as_it_was_written(journey: Journey | None) -> None:
    mark = replace(MARK, journey=journey)
    assert read_mark(mark.element(), fleet=FLEET, uuid=mark.uuid) == mark


def test_a_stage_of_a_journey_that_we_did_not_write_makes_no_mark_of_ours() -> None:
    element = replace(MARK, journey=COLD).element()
    element.set("handed_over", "perhaps")
    assert read_mark(element, fleet=FLEET, uuid=MARK.uuid) is None


def test_a_mark_of_an_older_version_has_no_journey() -> None:
    element = MARK.element()
    assert {"from", "to", "copies"}.isdisjoint(element.attrib)
    read = read_mark(element, fleet=FLEET, uuid=MARK.uuid)
    assert read is not None
    assert read.journey is None


@pytest.mark.parametrize(
    "damage", [{"to": None}, {"from": "../hv1"}, {"to": "HV2"}, {"copies": "perhaps"}, {"copies": None}]
)
def test_a_journey_that_we_did_not_write_makes_the_machine_foreign(damage: dict[str, str | None]) -> None:
    element: ET.Element = replace(MARK, journey=GOES).element()
    for name, value in damage.items():
        if value is None:
            del element.attrib[name]
        else:
            element.set(name, value)
    assert read_mark(element, fleet=FLEET, uuid=MARK.uuid) is None


def test_a_home_is_read_again_and_an_old_mark_has_none() -> None:
    away = replace(MARK, home=HostName("hv1"))
    assert read_mark(away.element(), fleet=MARK.fleet, uuid=MARK.uuid) == away
    old = MARK.element()
    assert "home" not in old.attrib
    assert read_mark(old, fleet=MARK.fleet, uuid=MARK.uuid) == MARK


@pytest.mark.parametrize("home", ["", "../x", "HV1", "a b", "--help", "x" * 64])
def test_a_home_that_is_no_name_is_not_ours(home: str) -> None:
    element = MARK.element()
    element.set("home", home)
    assert read_mark(element, fleet=MARK.fleet, uuid=MARK.uuid) is None


BEFORE = replace(MARK, former=replace(MARK.applied, cpus=7), refused=sha("refused"))


def test_what_a_machine_was_and_what_was_refused_are_read_again() -> None:
    # As it is defined, and as libvirt is told of a change of it.
    for element in (BEFORE.element(), BEFORE.element("instance")):
        again = ET.fromstring(ET.tostring(element))
        assert read_mark(again, fleet=MARK.fleet, uuid=MARK.uuid) == BEFORE
    old = MARK.element()
    assert (len(old), "refused" in old.attrib) == (0, False)


@pytest.mark.parametrize("digest", ["", "x", "AB" * 32, "ab" * 33, "../x"])
def test_what_was_refused_is_a_digest_or_not_ours(digest: str) -> None:
    element = BEFORE.element()
    element.set("refused", digest)
    assert read_mark(element, fleet=MARK.fleet, uuid=MARK.uuid) is None


@pytest.mark.parametrize("text", ["", "{}", "<evil/>", "null"])
def test_a_former_form_that_we_did_not_write_makes_the_machine_foreign(text: str) -> None:
    element = BEFORE.element()
    element[0].text = text
    assert read_mark(element, fleet=MARK.fleet, uuid=MARK.uuid) is None
