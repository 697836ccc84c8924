"""Two who apply at once: the second is told who the first is, and does nothing."""

from __future__ import annotations

import fcntl
from pathlib import Path

from tests.cli.conftest import Directory, Reconcile


def test_the_second_writer_exits_5_naming_the_first_and_changes_nothing(
    reconcile: Reconcile, directory: Directory
) -> None:
    locks = directory.path / ".reconciler" / "locks"
    locks.mkdir(parents=True)
    with (locks / "lab.hv2").open("w") as lock:
        lock.write("ops@desk (pid 7), reconcile apply")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = reconcile("apply", directory, "--yes")
        assert answer.code == 5
        assert answer.err == ("error: hv2: another writer holds it: ops@desk (pid 7), reconcile apply\n")
        assert "Plan: 3 create" in reconcile("plan", directory).out
    assert reconcile("apply", directory, "--yes").code == 0


def test_a_reader_needs_no_lock_and_leaves_none(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    assert reconcile("plan", directory).code == 0
    assert reconcile("status", directory).code == 0
    assert not (directory.path / ".reconciler").exists()
