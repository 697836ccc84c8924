"""A scheduler of the user's own, as it is used: both examples, and every way in which one can go wrong."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.engine.scheduling import LEAVE
from tests.cli.conftest import Answer, Directory, Reconcile

EXAMPLES = Path(__file__).parents[2] / "examples" / "schedulers"
PYTHON = "python:fewest_hosts:fewest_hosts"

Try = Callable[..., Answer]
"""Plan with a command that is this shell script."""


@pytest.fixture(autouse=True)
def _nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LEAVE, raising=False)


@pytest.fixture
def tried(reconcile: Reconcile, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    def plan(script: str, *, more: str = "", argv: tuple[str, ...] = ()) -> Answer:
        program = tmp_path / "chooser"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(LEAVE, str(program))
        directory.edit(
            "fleet.yaml", "hosts:", f"scheduler: {{command: ['{program}'], timeout: 1s{more}}}\nhosts:"
        )
        return reconcile(*(argv or ("plan", directory, "-o", "json")))

    return plan


def _hosts(answer: Answer) -> set[str]:
    steps = cast("list[dict[str, Any]]", answer.json["steps"])
    return {step["host"] for step in steps if step["action"] == "create"}


def test_the_example_in_python_chooses_hosts(
    reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES / "python"))
    monkeypatch.setenv(LEAVE, f"another\n{PYTHON}")
    for verb in ("plan", "apply"):
        more = ("--yes",) if verb == "apply" else ()
        answer = reconcile(verb, EXAMPLES / "python", "--store", tmp_path, "-o", "json", *more)
        assert (answer.code, _hosts(answer)) == (0, {"sim2"})
    # Where nobody is missing and nothing is wrong, nobody is asked.
    assert reconcile("plan", EXAMPLES / "python", "--store", tmp_path, "-o", "json").json["scheduler"] is None
    # What is there is repaired and rebalanced by the built-in one, as the function says.
    drained = reconcile("drain", "sim2", EXAMPLES / "python", "--store", tmp_path, "--yes", "-o", "json")
    assert drained.code == 0
    summary = cast("dict[str, int]", drained.json["summary"])
    assert summary["migrate"] == 4
    assert reconcile("rebalance", EXAMPLES / "python", "--store", tmp_path, "--dry-run").code == 0


def test_the_example_that_is_a_command_chooses_hosts(
    reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(EXAMPLES / "command"), prepend=":")
    monkeypatch.setenv(LEAVE, "first-fit")
    fleet = ("--fleet", EXAMPLES / "command" / "fleet.yaml", "--store", tmp_path)
    answer = reconcile("plan", EXAMPLES / "python", *fleet, "-o", "json")
    assert (answer.code, answer.err, _hosts(answer)) == (0, "", {"sim1"})
    assert answer.json["scheduler"] == "first-fit"
    assert "hosts chosen by first-fit" in reconcile("plan", EXAMPLES / "python", *fleet).out
    why = reconcile("explain", "web-front-0", EXAMPLES / "python", *fleet).out
    assert "would do, but first-fit chose another" in why
    assert reconcile("capacity", EXAMPLES / "python", "--like", "front", *fleet).code == 0
    assert reconcile("whatif", EXAMPLES / "python", "--without", "sim1", *fleet).code == 0


@pytest.mark.parametrize("leave", ["", "python:fewest_hosts", f"x{PYTHON}", "python:os:system"])
def test_what_files_name_does_not_run_unless_the_operator_names_it_too(
    leave: str, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LEAVE, leave)
    assert reconcile("validate", EXAMPLES / "python").code == 0
    answer = reconcile("plan", EXAMPLES / "python", "--store", tmp_path)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith(
        "fleet.yaml:7:12: error: the scheduler python:fewest_hosts:fewest_hosts may not"
    )
    assert "RECONCILE_SCHEDULER" in answer.err


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("sleep 60", "it did not answer within 1 s and was stopped"),
        ("exec >&-; sleep 60", "it did not answer within 1 s and was stopped"),
        ("echo 'no licence' >&2; exit 3", "it ended with exit code 3: no licence"),
        ("kill -9 $$", "it was killed by signal 9"),
        ("exit 0", "it printed no answer: Invalid JSON"),
        ("echo hv1", "it printed no answer: Invalid JSON"),
        ("echo '[]'", "it printed no answer"),
        ("yes", "it printed more than 16777216 bytes and was stopped"),
        ("""echo '{"format_version": 2, "places": [0, 0, 1]}'""", "format_version 2, not 1"),
        (
            """echo '{"format_version": 1, "places": [0, 0, 1], "x": 1}'""",
            "x: Extra inputs are not permitted",
        ),
        (
            """echo '{"format_version": 1, "places": ["hv1", 0, 1]}'""",
            "places.0: Input should be a valid integer",
        ),
        (
            """echo '{"format_version": 1, "places": [true, 0, 1]}'""",
            "places.0: Input should be a valid integer",
        ),
        ("""echo '{"format_version": 1, "places": [0, 0]}'""", "it has 2 places for 3 machines"),
        ("""echo '{"format_version": 1, "places": [0, 0, 2]}'""", "it names a host that there is not"),
        ("""echo '{"format_version": 1, "places": [0, 0, -1]}'""", "it names a host that there is not"),
        (
            """echo '{"format_version": 1, "places": [0, 0, 99999999999999999999]}'""",
            "a host that there is not",
        ),
        (
            """echo '{"format_version": 1, "places": [0, 0, 0]}'""",
            "it breaks a rule: apart over host of shop-web-0 on hv1",
        ),
    ],
)
def test_a_scheduler_that_gives_no_good_answer_is_an_error_that_says_so(
    script: str, complaint: str, tried: Try, tmp_path: Path
) -> None:
    answer = tried(script)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"error: the scheduler {tmp_path / 'chooser'} gave no good answer: ")
    assert complaint in answer.err


def test_an_answer_that_is_good_counts_however_it_was_given(tried: Try) -> None:
    answer = tried(
        """(sleep 60 &) ; echo '{"format_version": 1, "places": [1, 1, 0], "notes": ["hot day"]}'"""
    )
    assert (answer.code, _hosts(answer)) == (0, {"hv1", "hv2"})
    assert any("hot day" in hint for hint in cast("list[str]", answer.json["hints"]))


def test_nothing_is_placed_where_the_scheduler_says_nowhere(tried: Try) -> None:
    answer = tried("""echo '{"format_version": 1, "places": [null, null, null]}'""")
    assert (answer.code, _hosts(answer)) == (4, set())


def test_the_built_in_scheduler_answers_instead_only_where_that_is_asked_for(tried: Try) -> None:
    answer = tried("exit 7", more=", on_failure: built-in")
    assert (answer.code, _hosts(answer)) == (0, {"hv1", "hv2"})
    assert any(
        "exit code 7: the built-in one answered" in hint for hint in cast("list[str]", answer.json["hints"])
    )


def test_a_question_that_is_not_the_schedulers_is_not_put_to_it(tried: Try) -> None:
    assert tried("exit 7", more=", questions: [rebalance]").code == 0


def test_a_command_that_there_is_not_is_an_error(
    reconcile: Reconcile, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEAVE, "/no/such/chooser")
    directory.edit("fleet.yaml", "hosts:", "scheduler: {command: [/no/such/chooser]}\nhosts:")
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 1
    assert "it cannot be started: No such file or directory" in answer.err


def test_a_function_that_fails_is_an_error_with_its_own_words(
    reconcile: Reconcile, directory: Directory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(
        "def fails(problem, ask):\n    print('to nobody')\n    raise ValueError('too hot')\n"
        "def lists(problem, ask):\n    return [0]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    last = "hosts:"
    for name, complaint in {
        "odd:fails": "exit code 1: ValueError: too hot",
        "odd:lists": "odd:lists returned list, not an Answer",
        "odd:none": "has no attribute 'none'",
        "odder:one": "No module named 'odder'",
    }.items():
        monkeypatch.setenv(LEAVE, f"python:{name}")
        directory.edit("fleet.yaml", last, f"scheduler: python:{name}\nhosts:")
        last = f"scheduler: python:{name}\nhosts:"
        answer = reconcile("plan", directory)
        assert (answer.code, answer.out) == (1, "")
        assert complaint in answer.err
