"""Read worlds from stdin, write their plans to stdout: run in processes with other hash seeds.

python -m tests.properties.plan_elsewhere forwards|backwards [MODULE WAS NOW]
"""

from __future__ import annotations

import sys

from pydantic import TypeAdapter

from reconciler.plan import Plan
from reconciler.planner import after, confirmed, make_plan
from reconciler.specs.desired import Desired
from reconciler.state import Observed
from tests.properties.broken import Line, broken
from tests.properties.laws import Planner
from tests.properties.looks import reversed_desired, reversed_observed

WORLDS = TypeAdapter(list[tuple[Desired, Observed]])
_PLANS = TypeAdapter(list[Plan])


def main(direction: str, *line: str) -> None:
    planner = broken(Line(*line)) if line else Planner(make_plan, after, confirmed)
    plans = []
    for desired, observed in WORLDS.validate_json(sys.stdin.buffer.read()):
        if direction == "backwards":
            plans.append(planner.make_plan(reversed_desired(desired), reversed_observed(observed)))
        else:
            plans.append(planner.make_plan(desired, observed))
    sys.stdout.buffer.write(_PLANS.dump_json(plans))


if __name__ == "__main__":
    main(*sys.argv[1:])
