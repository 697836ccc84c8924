"""What a host says is text too: another tenant's domain, or a broken one of ours, harms nobody."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from reconciler import state
from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.parse import Foreign, Ours, Reader, read_domain
from reconciler.planner import make_plan
from reconciler.planner.explain import explain
from reconciler.render.explanation import explanation_text
from reconciler.render.human import console_on, plan_view
from reconciler.render.json import dumps, explanation_json, plan_json, unseen_escaped
from reconciler.render.markdown import plan_markdown
from reconciler.specs.desired import ImageUse, Machine, Nic, NicKind, Sha256
from reconciler.state import HostUnknown
from tests.builders import FLEET, desired_of, fleet_of, instance, observed_of, running, stopped
from tests.hostile.journey import unseen
from tests.hostile.values import VALUES

each_value = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
WANTED = instance("shop-db-0")
MARK = Mark(FLEET, WANTED.key, WANTED.machine, complete=True)


def written(mark: Mark = MARK) -> ET.Element:
    return ET.fromstring(domain_xml(mark, Site("kvm", "x86_64", "/pool"), seeded=False))


def possible(value: str) -> str:
    """What of a value XML can hold at all."""
    return "".join(char for char in value if char in "\t\n" or " " <= char < "\ufffe")


def hostile_machine(value: str) -> Machine:
    image = ImageUse(value, disk=Sha256(value), cmdline=value)
    return replace(WANTED.machine, image=image, nics=(Nic(NicKind.BRIDGE, value),), context=Sha256(value))


@each_value
def test_a_domain_that_says_anything_anywhere_is_read_or_foreign(value: str) -> None:
    for place in [*written().iter()]:
        for said in ("text", "attribute"):
            domain = written()
            same = next(each for each in domain.iter() if each.tag == place.tag)
            if said == "text":
                same.text = possible(value)
            else:
                for name in list(same.attrib):
                    same.set(name, possible(value))
            found = read_domain(ET.tostring(domain, encoding="unicode"), Reader(FLEET, "/pool"))
            assert isinstance(found, Ours | Foreign)
            if isinstance(found, Ours):
                assert found.mark.key == MARK.key


@each_value
def test_a_value_pasted_into_the_text_of_a_domain_is_read_or_foreign(value: str) -> None:
    text = ET.tostring(written(), encoding="unicode")
    for cut in range(0, len(text), 40):
        assert isinstance(
            read_domain(text[:cut] + value + text[cut:], Reader(FLEET, "/pool")), Ours | Foreign
        )


@each_value
def test_what_was_applied_to_a_domain_is_shown_and_obeyed_by_nobody(value: str) -> None:
    fleet = fleet_of(a=65536, b=65536, c=65536)
    applied = running(replace(WANTED, machine=hostile_machine(value)), on="a")
    gone = replace(stopped(instance("shop-old-0", hostile_machine(value)), on="a"), detail=value)
    observed = observed_of(fleet, applied, gone, silent=("b",))
    observed = replace(observed, unknown=(HostUnknown(fleet.hosts[1].name, value),))
    desired = desired_of(fleet, WANTED, instance("shop-web-0"))
    plan = make_plan(desired, observed)
    stream = io.StringIO()
    console_on(stream).print(plan_view(plan))
    told = explain(desired, observed, WANTED.name)
    documents = [dumps(plan_json(plan)), dumps(explanation_json(told))]
    documents.append(unseen_escaped(state.to_json(observed).decode()))
    shown = [stream.getvalue(), plan_markdown(plan), explanation_text(told), *documents]
    assert [unseen(each) for each in shown] == [set()] * len(shown)
    assert state.from_json(documents[-1].encode()) == observed
    assert json.loads(documents[0])["steps"]
    assert "<script" not in plan_markdown(plan)
