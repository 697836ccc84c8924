"""A secret that got out would be found: one line is made to leak at a time, and the tests of secrets fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.test_secrets import CANARY
from tests.simulation.killing import is_in_source
from tests.simulation.mutants import Mutant

ROOT = Path(__file__).parents[2]
_TOLD = 'getattr(getattr(step.action, "instance", None), "context", None)'
_SECRETS = f'[getattr({_TOLD}, "environment", ()), getattr({_TOLD}, "cloud_init", "")]'
LEAKS = (
    Mutant(
        "the journal writes down what guests are told",
        "store.journal",
        "because = reasons_text(step.because)",
        f'because = __import__("json").dumps([str({_SECRETS})])',
    ),
    Mutant(
        "variables are printed with what holds them",
        "specs.guest",
        "environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)",
        "environment: tuple[tuple[str, str], ...] = ()",
    ),
    Mutant(
        "an error shows the line it is about as it is",
        "specs.yaml.source",
        'return ("",) * len(source.lines) if source.private else covered(source.lines)',
        "return source.lines",
    ),
)
_RUN = """
import sys
from tests.simulation.killing import break_here
from tests.simulation.mutants import Mutant
break_here(Mutant(*sys.argv[1:5]))
import pytest
sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "tests/hostile/test_secrets.py"]))
"""


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.wrong)
def test_a_leak_is_found(leak: Mutant) -> None:
    assert is_in_source(leak)
    run = subprocess.run(
        [sys.executable, "-c", _RUN, leak.wrong, leak.module, leak.was, leak.now],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "canary" in run.stdout.lower() or CANARY[-4:] in run.stdout
