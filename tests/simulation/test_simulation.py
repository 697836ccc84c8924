"""The laws hold whatever goes wrong, and each can be seen to fail."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.faults import Fault
from tests.simulation.killing import is_in_source
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.regressions import DIRECTORY, load, save
from tests.simulation.scenario import Result, Scenario
from tests.simulation.shrink import shrunk
from tests.simulation.simulation import simulate
from tests.simulation.sweep import CALM, single_faults, struck

SEEDS = 200
ROOT = Path(__file__).parents[2]


def test_the_laws_hold_for_a_few_hundred_seeds() -> None:
    failed = {
        seed: result.broken[0] for seed in range(SEEDS) if (result := simulate(Scenario.of(seed))).broken
    }
    assert failed == {}, "replay: scripts/simulate --seed N"


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.json")), ids=lambda path: path.stem)
def test_what_once_broke_a_law_does_so_no_more(path: Path) -> None:
    assert simulate(load(path)).broken == ()


def test_one_fault_at_any_call_and_phase_changes_nothing_about_the_end() -> None:
    calm = simulate(CALM)
    assert calm.broken == ()
    assert len(calm.end) == 7
    faults = tuple(single_faults(calm))
    assert len(faults) > 700
    wrong = [
        (fault, result.broken)
        for fault in faults
        if (result := struck(fault)).end != calm.end or result.broken
    ]
    assert wrong == []


def test_a_fault_strikes_each_call_of_the_sweep() -> None:
    last = [fault for fault in single_faults(simulate(CALM)) if fault.kind == "effect:kill-after"][-1]
    assert any("is dead" in line for line in struck(last).trace)


def test_the_same_seed_gives_the_same_trace_under_any_hash_seed() -> None:
    script = (
        "from tests.simulation.simulation import *\n"
        "print([simulate(Scenario.of(seed)).digest() for seed in range(12)])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(said) == 1
    assert said == {f"{[simulate(Scenario.of(seed)).digest() for seed in range(12)]}\n"}


def test_a_failing_schedule_is_shrunk_to_the_faults_that_matter(tmp_path: Path) -> None:
    culprits = {"edit:remove", "daemon:dies"}
    scenario = Scenario.of(1)
    faults = tuple(Fault(kind, 60.123 + number) for number, kind in enumerate(_KINDS))

    def run(scenario: Scenario) -> Result:
        bad = culprits <= {fault.kind for fault in scenario.faults}
        return Result(scenario, ("1.0 mercy: it is broken",) if bad else (), (), {})

    small = shrunk(run(replace(scenario, faults=faults)), run)
    assert [(fault.kind, fault.at) for fault in small.scenario.faults] == [
        ("edit:remove", 61.0),
        ("daemon:dies", 65.0),
    ]


_KINDS = ("edit:cpus", "edit:remove", "look:hang", "look:stale", "lock:hang", "daemon:dies", "host:dies")


def test_a_schedule_is_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.regressions.DIRECTORY", tmp_path)
    result = Result(Scenario.of(77), ("1.0 mercy: it is broken",), (), {})
    assert load(save(result, "a test")) == result.scenario


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.wrong)
def test_the_line_of_every_mutant_is_in_the_source(mutant: Mutant) -> None:
    assert is_in_source(mutant)


QUICK = (
    "no intent is written",
    "nothing is locked",
    "what a call says",
    "what failed rests for ever",
    "the lock is kept",
)


@pytest.mark.parametrize("wrong", QUICK)
def test_a_broken_engine_is_caught(wrong: str) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.simulation.killing",
        "--seeds",
        "50",
        "--jobs",
        "1",
        "--only",
        wrong,
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 mutants, 1 killed" in run.stdout


def test_a_mutant_whose_line_is_gone_fails_loudly() -> None:
    assert not is_in_source(Mutant("nothing", "engine.run", "this line is not there"))
