"""Every single fault at every effect and phase of one small change of everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.specs.desired import Resources
from reconciler.specs.limits import DeleteBudget
from tests.builders import GIB, fleet_of, host
from tests.simulation.faults import JOURNAL, WIRE, Fault
from tests.simulation.scenario import Result, Scenario
from tests.simulation.simulation import simulate
from tests.simulation.wishes import Component, Files

_SIZE = Resources(6, 8 * GIB, 80 * GIB)
_FLEET = replace(fleet_of(host("h1", _SIZE), host("h2", _SIZE)), deletes=DeleteBudget(5, 10))
_BEFORE = Files(
    _FLEET,
    (
        Component("app", 1, extra=1, depends_on=("db",)),
        Component("db", 1, data=True),
        Component("old", 1),
    ),
)
_WORK = (
    Fault("edit:image", 60.0, 3),  # app is replaced,
    Fault("edit:disk", 60.0, 0),  # and gets a disk more,
    Fault("edit:memory", 60.0, 4),  # db is restarted,
    Fault("edit:remove", 60.0, 2),  # old is destroyed
)
CALM = Scenario(0, _BEFORE, _WORK, resync=4 * 3600.0)
"""Create, update, replace and destroy, without any fault."""

NEVER_ASKED = frozenset({"look:partial", "look:stale", "journal:full", "open:refused", "open:hang"})


def single_faults(calm: Result) -> Iterator[Fault]:
    """Each kind of fault at each call of its family."""
    for kind in (*WIRE, *JOURNAL):
        if kind not in NEVER_ASKED:
            for number in range(calm.calls.get(kind.partition(":")[0], 0)):
                yield Fault(kind, nth=number, seconds=5.0)


def struck(fault: Fault) -> Result:
    """The small change with one fault in it."""
    return simulate(replace(CALM, faults=(*_WORK, fault)))
