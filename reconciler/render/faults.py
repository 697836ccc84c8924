"""What is wrong with the input, as a compiler would say it."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import Fault


def fault_text(fault: Fault) -> str:
    """The fault's line, then the source line with a caret under the place, then the suggestion."""
    lines = [str(fault)]
    if fault.excerpt:
        number = str(fault.position.line)
        # A tab in the source stays one column, or the caret would point elsewhere.
        source = fault.excerpt.replace("\t", " ")
        hint = f"  {fault.hint}" if fault.hint else ""
        caret = " " * (fault.position.column - 1) + "^" * max(1, fault.width)
        lines += [f"    {number} | {source}", f"    {' ' * len(number)} | {caret}{hint}"]
    elif fault.hint:
        lines.append(f"    {fault.hint}")
    return "\n".join(lines)


def faults_text(faults: Iterable[Fault]) -> str:
    """All of them, and how many."""
    shown = [fault_text(fault) for fault in faults]
    count = "1 error" if len(shown) == 1 else f"{len(shown)} errors"
    return "\n".join([*shown, count])
