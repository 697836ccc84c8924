"""Every hostile value in every place: refused with a place, or nothing but text wherever it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

import reconciler.actuators.ssh  # noqa: F401 - what it imports runs ldconfig, once
from tests.hostile.conftest import Typed
from tests.hostile.journey import Journey, travel, unseen
from tests.hostile.places import PLACES, can_be, lay_out
from tests.hostile.values import HARMLESS, VALUES
from tests.hostile.witness import watching

CASES = [
    pytest.param(place, value, id=f"{place}-{name}".replace(" ", "-"))
    for place in PLACES
    for name, value in VALUES.items()
    if can_be(place, value)
]


def _quiet(*_: object) -> str:
    return ""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The same directory, harmless."""
    directory = tmp_path_factory.mktemp("sound")
    lay_out(directory, "label value", HARMLESS)
    return travel(directory, _quiet)


@pytest.mark.parametrize(("place", "value"), CASES)
def test_hostile_text_is_refused_or_stays_text(
    place: str, value: str, directory: Path, typed: Typed, sound: Journey
) -> None:
    lay_out(directory, place, value)
    with watching() as witness:
        journey = travel(directory, typed)
    assert unseen(journey.printed) == set()
    assert witness.processes == []
    assert witness.connections == []
    assert witness.written_outside(directory) == []
    assert all(fault.position.line >= 1 for fault in journey.faults)
    if not journey.faults:
        assert (journey.domains, journey.seeds) == (sound.domains, sound.seeds)


def test_the_directory_itself_is_sound_and_goes_all_the_way(sound: Journey) -> None:
    assert sound.faults == ()
    assert len(sound.domains) == len(sound.seeds) == 2


def test_a_file_that_the_user_names_on_the_command_line_is_shown_as_text(
    directory: Path, typed: Typed
) -> None:
    lay_out(directory, "label value", HARMLESS)
    for option in ("--snapshot", "--fleet"):
        printed = typed("plan", directory, option, "\x1b[2J\x9b1m\u202e.json")
        assert ".json:1:1: error: " in printed
        assert unseen(printed) == set()
