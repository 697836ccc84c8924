"""Every malformed input of the corpus is refused, in exactly the words written beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.store.memory import FileMemory
from tests.unit.specs.malformed import CORPUS, Case, cases

CASES = cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each_case
def test_malformed_input_is_explained_as_expected(case: Case, tmp_path: Path) -> None:
    case.lay_out(tmp_path)
    assert case.diagnostics(tmp_path) == case.expected


@each_case
def test_malformed_input_is_never_accepted_and_each_fault_has_a_place(case: Case, tmp_path: Path) -> None:
    case.lay_out(tmp_path)
    diagnostics = case.diagnostics(tmp_path)
    assert re.match(r"[^\n:]+:\d+:\d+: error: \S", diagnostics)


@each_case
def test_malformed_input_is_explained_although_it_was_sound_and_remembered(
    case: Case, tmp_path: Path
) -> None:
    directory, memory = tmp_path / "d", FileMemory(tmp_path / "kept", least=0)
    directory.mkdir()
    for name in ("fleet.yaml", "images.yaml"):
        (directory / name).write_text((CORPUS / "base" / name).read_text())
    assert Case(CORPUS / "base").diagnostics(directory, memory) == ""
    assert list((tmp_path / "kept").iterdir())
    for path in directory.glob("*.yaml"):
        path.unlink()
    case.lay_out(directory)
    assert [case.diagnostics(directory, memory) for _ in range(2)] == [case.expected] * 2


def test_corpus_is_large_and_every_expectation_belongs_to_a_case() -> None:
    assert len(CASES) >= 600
    expected = set(CORPUS.rglob("*.expected"))
    assert expected == {case.path.with_suffix(".expected") for case in CASES}


def test_sound_documents_of_the_corpus_are_accepted(tmp_path: Path) -> None:
    sound = CORPUS / "base"
    for name in ("fleet.yaml", "images.yaml"):
        (tmp_path / name).write_text((sound / name).read_text())
    assert Case(sound).diagnostics(tmp_path) == ""
