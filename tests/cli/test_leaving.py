"""The process ends at once when its work is done, and loses nothing of what it said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = "from reconciler.cli.main import main; main()"


def reconcile(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        cwd=Path(__file__).parents[2],
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_printed_into_a_pipe_arrives(tmp_path: Path) -> None:
    reconcile("init", str(tmp_path))
    done = reconcile("validate", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith("valid: fleet ")


def test_faults_are_told_and_end_with_their_code(tmp_path: Path) -> None:
    done = reconcile("validate", str(tmp_path))
    assert done.returncode == 3
    assert done.stderr.endswith("1 error\n")
