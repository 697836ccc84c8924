"""Who is asked is stopped, with everything that it began, when its time is up or it has said too much."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from reconciler.engine.asking import Limits, NoAnswer, ask_command

LONG = Limits(30)


def test_a_question_of_any_length_arrives_whole() -> None:
    question = os.urandom(1 << 20)
    assert ask_command(("cat",), question, LONG) == question


def test_it_is_asked_where_nothing_lies_that_others_may_have_put_there() -> None:
    assert ask_command(("pwd",), b"", LONG) == b"/\n"


def test_nobody_whom_it_began_is_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    with os.fdopen(os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)) as held:
        ask_command(("sh", "-c", f"exec 3> {tmp_path / 'held'}; sleep 600 &"), b"", LONG)
        # It is open for as long as anybody of them lives.
        assert select.select([held], [], [], 60)[0]
        assert held.read() == ""


def test_what_it_printed_before_it_failed_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="it ended with exit code 1: sorry"):
        ask_command(("sh", "-c", "echo answer; echo sorry >&2; exit 1"), b"", LONG)


def test_a_long_complaint_neither_blocks_it_nor_fills_the_memory() -> None:
    complain = "import sys; sys.stderr.write('x' * 10_000_000); print('fine')"
    assert ask_command((sys.executable, "-c", complain), b"", LONG) == b"fine\n"


def test_who_says_more_than_it_may_is_stopped() -> None:
    with pytest.raises(NoAnswer, match="it printed more than 1000 bytes and was stopped"):
        ask_command(("yes",), b"", Limits(30, output=1000))


def test_who_has_no_time_left_is_stopped() -> None:
    with pytest.raises(NoAnswer, match=r"it did not answer within 0\.1 s and was stopped"):
        ask_command(("sleep", "600"), b"", Limits(0.1))
