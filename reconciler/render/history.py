"""The journal for people: a line a run, or a line a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.render.words import printable
from reconciler.store.port import Entry, Run


def history_text(runs: Iterable[tuple[Run, Sequence[Entry]]]) -> str:
    """Every run: when, by whom, and what became of its steps."""
    lines = [
        f"{run.id}  {run.started:%Y-%m-%d %H:%M:%S}Z  {run.verb}  {run.who}  {_became(run, entries)}"
        for run, entries in runs
    ]
    return printable("\n".join(lines) or "No history yet.")


def run_text(run: Run, entries: Sequence[Entry]) -> str:
    """One run, step by step in the order they began, each with its reason."""
    lines = [
        f"{run.id}: {run.verb} by {run.who}, reconciler {run.version}",
        f"plan {run.plan}",
        f"from {run.started:%Y-%m-%d %H:%M:%S}Z to {f'{run.ended:%Y-%m-%d %H:%M:%S}Z' if run.ended else '?'}",
    ]
    for entry in entries:
        took = f" ({(entry.ended - entry.begun).total_seconds():.1f} s)" if entry.ended else ""
        lines.append(
            f"  {entry.begun:%H:%M:%S} {entry.outcome or 'not known yet'}: "
            f"{entry.action.replace('_', ' ')} {entry.subject} on {entry.host}{took}"
        )
        lines.append(f"        {entry.because}")
        if entry.detail:
            lines.append(f"        {entry.detail}")
    return printable("\n".join(lines))


def _became(run: Run, entries: Sequence[Entry]) -> str:
    counts = Counter(entry.outcome or "not known yet" for entry in entries)
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "no steps"
    return told if run.ended else f"{told} (never ended)"
