"""Say why hosts are refused: the table is asked in words, and only for those who have no place."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from reconciler.plan import BlockKind, Refusal
from reconciler.planner.amounts import parts, some
from reconciler.planner.groups import group_of
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.conflicts import Mover, deadlock_of
from reconciler.planner.placement.fields import field_against
from reconciler.planner.placement.footprints import footprint
from reconciler.planner.placement.ledger import Site
from reconciler.planner.placement.pose import Seen
from reconciler.planner.placement.rules import (
    STANDING,
    first_refusal,
    neighbourly,
    open_to,
    refusal_of,
    required,
    shortage,
)
from reconciler.planner.terms import in_its_way, unlike
from reconciler.planner.verdicts import Hold
from reconciler.specs.desired import Instance, Resources

NO_ROOM_FOR_OTHERS = "would do, but then others would have no place"
_MOST_ASKED = 50_000
"""Of those that run, conflicts are looked for until so many hosts were asked every rule."""
_NO_HOSTS = (Refusal("*", "the fleet has no hosts"),)


@dataclass(slots=True)
class Refusals:
    """Reasons as the board has it now, found once for all that ask for the same."""

    board: Board
    _known: dict[Hashable, Hold] = field(default_factory=dict)
    _asked: int = 0

    def held(self, instance: Instance) -> Hold:
        """Why no host will do for one that is nowhere."""
        machine = instance.machine
        asks = (group_of(instance.key), machine.resources, machine.plugs)
        key = (*asks, instance.key if self.board.ledger.left(instance.key) else None)
        if key not in self._known:
            check = refusal_of(instance, self.board)
            found = tuple(Refusal(site.name, check(site) or NO_ROOM_FOR_OTHERS) for site in self.board.sites)
            deadlock = deadlock_of(instance, self.board)
            self._known[key] = Hold(BlockKind.NO_PLACE, found or _NO_HOSTS, deadlock)
        return self._known[key]

    def of_seen(self, seen: Seen) -> Hold:
        """Why one may not stay where it is, then why no other host will do; sorted by host."""
        ledger, state = self.board.ledger, seen.state
        assert seen.instance is not None, "nobody looks for a place for what nobody asks for"
        moved, source = replace(seen.instance, machine=state.applied), ledger.site(state.host)
        here = self.of_home(seen)

        def unfit(site: Site) -> str | None:
            return unlike(source, site) or in_its_way(state, source, site) if site is not source else None

        with self._lifted(seen):
            checks = (
                *(rule(moved, self.board) for rule in (*STANDING[:3], open_to, required, *STANDING[3:])),
                unfit,
                lambda site: shortage(ledger.need_at(state, site.name), site, self.board),
                *neighbourly(moved, self.board, strict=True),
            )
            reasons = [
                Refusal(site.name, here if site is source else first_refusal(checks, site) or _WORSE)
                for site in self.board.sites
            ]
            deadlock = None
            if self._asked * len(self.board.sites) < _MOST_ASKED:
                deadlock = deadlock_of(moved, self.board, Mover(source, footprint(state), unfit))
                self._asked += 1
        return Hold(BlockKind.NO_PLACE, tuple(reasons), deadlock)

    def of_home(self, seen: Seen) -> str:
        """Why one may not stay where it is."""
        state = seen.state
        assert seen.instance is not None, "nobody minds where something is that nobody asks for"
        moved, site = replace(seen.instance, machine=state.applied), self.board.ledger.site(state.host)
        standing = (rule(moved, self.board) for rule in (*STANDING[:3], required, *STANDING[3:]))
        with self._lifted(seen):
            reason = first_refusal(standing, site) or first_refusal(
                neighbourly(moved, self.board, strict=True), site
            )
        return reason or excess(self.board.ledger.free(site.name)) or "breaks a rule"

    def field_of_home(self, seen: Seen) -> str:
        """The field of its component that does not let it stay where it is; empty where none is."""
        state = seen.state
        assert seen.instance is not None, "nobody minds where something is that nobody asks for"
        moved, site = replace(seen.instance, machine=state.applied), self.board.ledger.site(state.host)
        with self._lifted(seen):
            return field_against(moved, self.board, site)

    @contextmanager
    def _lifted(self, seen: Seen) -> Iterator[None]:
        """It is not in its own way."""
        self.board.ledger.seat(seen.state.key, seen.state.host, -1)
        try:
            yield
        finally:
            self.board.ledger.seat(seen.state.key, seen.state.host)


_WORSE = "would do, but then others could not stay where they are"


def excess(free: Resources) -> str | None:
    """What a host has given out too much of, given what is left of it; None where nothing."""
    for name, left in parts(free).items():
        if left < 0:
            return f"has given out {some(name, -left)} that it does not have"
    return None
