"""One instance explained, in a few lines for people."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan import Refusal
from reconciler.planner import Explanation, Standing
from reconciler.render.words import deadlock_lines, printable, reason_text


def explanation_text(explanation: Explanation) -> str:
    """Where it is, what becomes of it and why, what speaks against it, and the other hosts."""
    lines = [
        f"{explanation.instance}: {_where(explanation)}",
        *([f"  declared: {explanation.declared}"] if explanation.declared else []),
        f"  verdict: {explanation.verdict.replace('_', ' ')}",
        *(f"    {reason_text(reason)}" for reason in explanation.because),
        *_section("held", explanation.held),
        *_section("rules that do not hold where it is (it is not moved for them)", explanation.broken),
        *_section("other hosts", explanation.others),
        *(f"  {line}" for line in deadlock_lines(explanation.deadlock)),
    ]
    return printable("\n".join(lines))


def _where(explanation: Explanation) -> str:
    match explanation.standing:
        case Standing.HERE:
            return f"on {explanation.host}"
        case Standing.CHOSEN:
            return f"not on any host yet; {explanation.host} was chosen"
        case Standing.NOWHERE:
            return "not on any host, and none was chosen"


def _section(title: str, refusals: Iterable[Refusal]) -> Iterable[str]:
    rows = [
        f"    {refusal.reason if refusal.host == '*' else f'{refusal.host}: {refusal.reason}'}"
        for refusal in refusals
    ]
    return [f"  {title}:", *rows] if rows else []
