"""What ``require`` and ``rank`` answer for a host, each worked out once.

An answer depends on the expression and on the facts, and the facts of a host change only when
room is given away on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import Ledger, Site
from reconciler.specs.desired import HostName, Resources
from reconciler.specs.expressions import Answer, HostFacts, Unanswered, evaluate, facts_of
from reconciler.state import HostState


@dataclass(slots=True)
class Answers:
    """Expressions asked of hosts as the ledger has them now."""

    ledger: Ledger
    _known: dict[tuple[str, HostName, Resources], Answer] = field(default_factory=dict)

    def of(self, expression: str, site: Site) -> Answer:
        """The answer for one host."""
        if site.state is None:
            return Unanswered(site.silence)
        key = (expression, site.name, self.ledger.free(site.name))
        if key not in self._known:
            self._known[key] = evaluate(expression, self._facts(site, site.state))
        return self._known[key]

    def _facts(self, site: Site, state: HostState) -> HostFacts:
        usable = site.host.usable(state.capacity)
        return facts_of(
            site.host, state.arch, usable, self.ledger.free(site.name), self._load(site.name, state)
        )

    def _load(self, host: HostName, state: HostState) -> float:
        # A machine of ours that does not run yet will before long: were it left out, a plan made again
        # after half of the last one would rank the hosts otherwise.
        ours = sum(footprint(each).cpus for each in state.instances)
        virtual = ours + state.foreign.cpus + self.ledger.taken(host).cpus
        return virtual / max(1, state.capacity.cpus)
