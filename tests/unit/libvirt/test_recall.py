"""A look recalls what the same text meant at the last one, and nothing else."""

from __future__ import annotations

from reconciler.actuators.libvirt.parse import Ours, Reader, read_domain
from reconciler.actuators.libvirt.recall import Recall
from tests.builders import FLEET
from tests.unit.libvirt.machines import MARK, site, text_of

OURS = text_of(MARK)
READER = Reader(FLEET, site().pool)


def test_what_says_the_same_is_read_once() -> None:
    recall = Recall()
    (first,) = recall.read([OURS], READER)
    assert first == read_domain(OURS, READER)
    (again,) = recall.read([OURS], READER)
    assert again is first


def test_what_says_one_word_more_is_read_anew() -> None:
    recall = Recall()
    recall.read([OURS], READER)
    more = OURS.replace("</vcpu>", "1</vcpu>")
    (found,) = recall.read([more], READER)
    assert isinstance(found, Ours)
    assert found.live.cpus == 21


def test_what_is_gone_is_not_seen() -> None:
    recall = Recall()
    recall.read([OURS], READER)
    assert list(recall.read([], READER)) == []


def test_what_was_gone_at_one_look_is_forgotten() -> None:
    recall = Recall()
    (first,) = recall.read([OURS], READER)
    recall.read([], READER)
    (again,) = recall.read([OURS], READER)
    assert again == first
    assert again is not first


def test_another_pool_and_another_fleet_read_for_themselves() -> None:
    recall = Recall()
    recall.read([OURS], READER)
    for reader in (Reader(FLEET, "/elsewhere"), Reader("theirs", site().pool)):
        assert list(recall.read([OURS], reader)) == [read_domain(OURS, reader)]
