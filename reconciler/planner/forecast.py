"""What a migration is thought to take: what goes over the wire, and for how long.

No host is asked how fast its network is. Where the fleet file has no ``bandwidth``, a wire is thought to
carry what one of a gigabit a second does.
"""

from __future__ import annotations

from reconciler.plan import Forecast
from reconciler.planner.terms import copies_between
from reconciler.specs.desired import Fleet, Host
from reconciler.specs.limits import MigrationLimits
from reconciler.state import InstanceState

_MIB_A_SECOND = 100
_TO_BEGIN_AND_END_S = 2
_TO_STOP_AND_START_S = 30


def forecast_of(state: InstanceState, target: Host, fleet: Fleet, *, cold: bool = False) -> Forecast:
    """Of one migration, as if it were the only one. A guest's memory is counted once; that of a ``cold`` one
    does not go along.
    """
    takes, copies = state.applied.resources, copies_between(fleet.host(state.host), target)
    mib = (0 if cold else takes.memory_mib) + (takes.all_disk_mib if copies else 0)
    around = _TO_STOP_AND_START_S if cold else _TO_BEGIN_AND_END_S
    return Forecast(mib, round(around + mib / speed_of(fleet.migrations), 1))


def speed_of(migrations: MigrationLimits) -> int:
    """What a wire is thought to carry, in MiB a second."""
    return migrations.bandwidth_mib or _MIB_A_SECOND
