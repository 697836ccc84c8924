"""Choose a host for an instance: the best of those that no hard rule refuses."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.plan import Refusal
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.ledger import Site, demand
from reconciler.planner.placement.rules import neighbourly, refusal_of
from reconciler.specs.desired import HostName, Instance


@dataclass(frozen=True, slots=True)
class Fit:
    """A host that would do.

    ``kept`` counts the soft rules that hold there, ``rank`` is the value of ``placement.rank``, and
    ``free`` the share of its memory that would be left.
    """

    host: HostName
    kept: int
    rank: float
    free: float

    @property
    def order(self) -> tuple[float, float, float, str]:
        """Smaller comes first."""
        return (-self.kept, -self.rank, -self.free, self.host)

    def behind(self, best: Fit) -> str:
        """Why another host was taken."""
        if self.kept != best.kept:
            return f"would do, but keeps {self.kept} of the soft rules, and {best.host} {best.kept}"
        if self.rank != best.rank:
            return f"would do, but ranks {self.rank:g}, and {best.host} {best.rank:g}"
        if self.free != best.free:
            return f"would do, but {best.host} has a larger share of its memory free"
        return f"would do as well as {best.host}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Hosts that would do, the best first, and why each of the others would not, by name."""

    fits: tuple[Fit, ...]
    refusals: tuple[Refusal, ...]


def choose(instance: Instance, board: Board) -> Choice:
    """Judge every host for an instance that is on none."""
    refused = refusal_of(instance, board)
    soft = neighbourly(instance, board, strict=False)
    fits: list[Fit] = []
    refusals: list[Refusal] = []
    for site in board.sites:
        reason = refused(site)
        if reason is None:
            kept = sum(check(site) is None for check in soft)
            fits.append(Fit(site.name, kept, _rank(instance, site, board), _free(instance, site, board)))
        else:
            refusals.append(Refusal(site.name, reason))
    return Choice(tuple(sorted(fits, key=lambda fit: fit.order)), tuple(refusals))


def _rank(instance: Instance, site: Site, board: Board) -> float:
    if instance.placement.rank is None:
        return 0.0
    answer = board.answers.of(instance.placement.rank, site)
    # A host that cannot be ranked comes last.
    return float(answer) if isinstance(answer, bool | float) else float("-inf")


def _free(instance: Instance, site: Site, board: Board) -> float:
    if site.state is None:
        return 0.0
    left = board.ledger.free(site.name).memory_mib - demand(instance, board.ledger).memory_mib
    return left / max(1, site.host.usable(site.state.capacity).memory_mib)
