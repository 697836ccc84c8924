"""Whether a host has room for a step now: since it was planned a human may have brought a machine.

Disks are not asked for: a pool says so itself, and how much of an image a host keeps shows when it is there.
"""

from __future__ import annotations

from reconciler.plan import Step
from reconciler.planner.amounts import bare, is_disk, parts, some
from reconciler.planner.placement.ledger import Ledger, Site
from reconciler.planner.simulate import after
from reconciler.specs.desired import Host, Resources
from reconciler.state import HostState, Observed


def lacking_room(step: Step, host: Host, *seen: HostState) -> str | None:
    """What ``host`` lacks for a step, given fresh looks at the step's hosts; None where it has enough.

    A step that takes no more of something is none the worse for a host that has given out too much of it.
    """
    observed = Observed("", seen)
    left, later = _left(host, observed), _left(host, after(step, observed))
    now = parts(left)
    for name, free in parts(later).items():
        if not is_disk(name) and free < 0 and (more := now.get(name, 0) - free) > 0:
            return f"it needs {some(name, more)}, {bare(name, max(0, now.get(name, 0)))} free"
    return None


def _left(host: Host, observed: Observed) -> Resources:
    """What is left of a host; negative where it is over its capacity."""
    return Ledger.opened([Site(host, observed.host(host.name))]).free(host.name)
