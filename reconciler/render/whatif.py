"""What a host's death would do, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reconciler.planner.whatif import Lost, WhatIf
from reconciler.render.json import FORMAT_VERSION, Json, refusals_json
from reconciler.render.words import printable


def whatif_json(answer: WhatIf) -> Json:
    """Everybody who would be lost; ``host`` is null for who finds no place."""
    return {
        "format_version": FORMAT_VERSION,
        "without": list(answer.without),
        "summary": {"lost": len(answer.lost), "homeless": len(answer.homeless)},
        "lost": [
            {
                "instance": each.instance,
                "was": each.was,
                "host": each.host,
                "refusals": refusals_json(each.refusals),
                "lost_disks": list(each.disks),
            }
            for each in answer.lost
        ],
        "strays": list(answer.strays),
        "unknown_hosts": [{"host": each.host, "reason": each.reason} for each in answer.unknown],
    }


def whatif_text(answer: WhatIf) -> str:
    """A line an instance, and the count last."""
    return printable("\n".join(_lines(answer)))


def _lines(answer: WhatIf) -> Iterator[str]:
    for each in answer.lost:
        mark, where = ("+", each.host) if each.host else ("!", "nowhere")
        yield f"  {mark} {each.instance}: {each.was} -> {where}{_disks(each)}"
        yield from (f"        {refusal.host}: {refusal.reason}" for refusal in each.refusals)
    for name in answer.strays:
        yield f"  - {name}: would be lost, and nothing declares it"
    for silent in answer.unknown:
        yield f"  ? {silent.host} is not counted on: {silent.reason}"
    found = Counter(each.host for each in answer.lost if each.host)
    where = ", ".join(f"{host} {count}" for host, count in sorted(found.items()))
    names = ", ".join(answer.without)
    yield (
        f"Without {names}: {len(answer.lost)} instances are lost, {found.total()} find another place"
        f"{f' ({where})' if where else ''}, {len(answer.homeless)} do not"
    )


def _disks(lost: Lost) -> str:
    return f" (its disks {', '.join(lost.disks)} are lost)" if lost.disks else ""
