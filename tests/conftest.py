"""What all tests share: in CI a laboratory that did not run is a failure, not a footnote."""

from __future__ import annotations

import os

import pytest

_REQUIRED = os.environ.get("RECONCILER_REQUIRE_LAB") == "1"
_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note every laboratory test that was skipped."""
    if report.skipped and "lab" in report.keywords and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for them where the laboratory is required."""
    if _REQUIRED and _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so."""
    if _REQUIRED and _skipped:
        terminalreporter.write_line(
            f"FAILED: {len(_skipped)} laboratory tests were skipped, and RECONCILER_REQUIRE_LAB=1", red=True
        )
