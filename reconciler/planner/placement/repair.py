"""Mend what breaks a strict rule where it is, with few and cheap moves.

First who is not allowed where it is leaves, the largest first; then who is too near to others or too far
from them, the cheapest first and as long as that breaks fewer rules; then a host that has given out more
than it has gets rid of some. Who finds no room goes to where others leave, or looks one step
further: a machine in its way moves out.
Each move makes less wrong than there was, in that order, so that making plans again comes to an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from reconciler.planner.placement.bid import Bid
from reconciler.planner.placement.breaches import breaking, concerning, count, misplaced, unneighbourly
from reconciler.planner.placement.problem import NOWHERE, Ask
from reconciler.planner.placement.seats import Seats

_HOSTS_TRIED, _MACHINES_TRIED = 32, 4
"""How far is looked for somebody who could make room."""


@dataclass(slots=True)
class _Work:
    seats: Seats
    left: int
    """How many moves may still be made."""

    def may_move(self, machine: int) -> bool:
        """Whether it may move, and has not yet."""
        problem = self.seats.problem
        return bool(problem.movable[machine]) and self.seats.host[machine] == problem.home[machine]

    def size(self, machine: int) -> tuple[int, ...]:
        """What it takes, as an order."""
        return tuple(self.seats.demands[self.seats.problem.shape[machine]][::-1].tolist())


def repair(seats: Seats, ask: Ask) -> None:
    """Move what has to, as far as there is a place for it."""
    problem = seats.problem
    work = _Work(seats, len(problem.home) if ask.max_moves is None else ask.max_moves)
    out = [machine for machine in misplaced(seats) if work.may_move(machine)]
    priority = [shape.priority for shape in problem.shapes]
    out.sort(key=lambda each: (-priority[problem.shape[each]], [-n for n in work.size(each)], each))
    stuck = [machine for machine in out if not _leave(work, machine)]
    stuck = [machine for machine in stuck if not (_follow(work, machine) or _push(work, machine))]
    while any(followed := [_follow(work, machine) for machine in stuck]):
        # Who has just left may have been in the way of others.
        stuck = [machine for machine, is_off in zip(stuck, followed, strict=True) if not is_off]
    near = sorted(unneighbourly(seats), key=lambda each: (problem.cost[each], each))
    near = [machine for machine in near if work.may_move(machine)]
    stuck = [machine for machine in near if _is_near(seats, machine) and not _better(work, machine)]
    for machine in stuck:
        if _is_near(seats, machine):
            _push(work, machine, better=True)
    for host in np.nonzero((seats.afterwards < 0).any(axis=1))[0].tolist():
        _relieve(work, host)


def _is_near(seats: Seats, machine: int) -> bool:
    """Whether it still breaks a rule of its own."""
    rules = (rule for rule in seats.rules.get(seats.group(machine), ()) if rule.strict and rule.moves)
    return any(machine in breaking(seats, rule) for rule in rules)


def _leave(work: _Work, machine: int) -> bool:
    """Move to the best host there is."""
    host = next(_places(work.seats, machine), NOWHERE)
    if host == NOWHERE or not work.left:
        return False
    _move(work, machine, host)
    return True


def _follow(work: _Work, machine: int) -> bool:
    """Move to where there is room once those have left who leave it anyhow."""
    seats, number = work.seats, int(work.seats.problem.shape[machine])
    if not work.left:
        return False
    demand, emptier = seats.demands[number], seats.leavers()
    roomy = (host for host in emptier if ((demand <= seats.afterwards_at(host)) | (demand == 0)).all())
    for host in islice(roomy, _HOSTS_TRIED):
        leavers = emptier[host]
        if host == seats.host[machine]:
            continue
        for other in leavers:
            seats.vanish(other)
        fits = may_come(seats, machine, host)
        if fits:
            _move(work, machine, host)
        for other in leavers:
            seats.haunt(other, host)
        if fits:
            return True
    return False


def _places(seats: Seats, machine: int) -> Iterator[int]:
    """Hosts where a machine could be instead, the best first."""
    seats.lift(machine)
    bid = Bid.of(seats, int(seats.problem.shape[machine]))
    seats.drop(machine)
    good = bid.good
    good[seats.host[machine]] = False
    while (host := bid.best(good)) != NOWHERE:
        yield host
        good[host] = False


def may_come(seats: Seats, machine: int, host: int) -> bool:
    """Whether a machine could be on a host instead of where it is."""
    seats.lift(machine)
    bid = Bid.of(seats, int(seats.problem.shape[machine]))
    seats.drop(machine)
    return bool(bid.good[host])


def _move(work: _Work, machine: int, host: int) -> None:
    work.seats.move(machine, host)
    work.left -= 1


def _better(work: _Work, machine: int) -> bool:
    """Move to the best host where fewer rules are broken then."""
    seats = work.seats
    rules = concerning(seats, (seats.group(machine),))
    before = count(seats, rules)
    for number, host in enumerate(_places(seats, machine)):
        if number >= _MACHINES_TRIED or not work.left:
            break
        seats.move(machine, host)
        if count(seats, rules) < before:
            work.left -= 1
            return True
        seats.back(machine)
    return False


def _push(work: _Work, machine: int, *, better: bool = False) -> bool:
    """Move to where another machine makes room for it by moving out first."""
    seats, problem = work.seats, work.seats.problem
    number = int(problem.shape[machine])
    seats.lift(machine)
    bid = Bid.of(seats, number)
    seats.drop(machine)
    lacking = np.maximum(0, np.where(seats.demands[number] > 0, seats.demands[number] - seats.free, 0))
    open_to = np.logical_and.reduce([bid.may, ~bid.fits, *(heard.good for heard in bid.strict)])
    open_to[seats.host[machine]] = False
    hosts = np.nonzero(open_to)[0]
    # Where the least is lacking comes first.
    hosts = hosts[np.lexsort((hosts, lacking[hosts].max(axis=1, initial=0)))][:_HOSTS_TRIED]
    for host in hosts.tolist():
        makes_room = [
            other
            for other in np.nonzero(seats.host == host)[0].tolist()
            if work.may_move(other) and (seats.demands[problem.shape[other]] >= lacking[host]).all()
        ]
        makes_room.sort(key=lambda other: (problem.cost[other], other))
        for other in makes_room[:_MACHINES_TRIED]:
            if work.left >= 2 and _swap_in(work, machine, other, better=better):
                work.left -= 2
                return True
    return False


def _swap_in(work: _Work, machine: int, other: int, *, better: bool) -> bool:
    """``other`` moves out, and ``machine`` comes to where it was, if that can be."""
    seats = work.seats
    rules = concerning(seats, (seats.group(machine), seats.group(other)))
    before = count(seats, rules) if better else 0
    target = next(_places(seats, other), NOWHERE)
    if target == NOWHERE:
        return False
    seats.move(other, target)
    home = seats.vanish(other)
    fits = may_come(seats, machine, home)
    if fits:
        seats.move(machine, home)
        if better and count(seats, rules) >= before:
            seats.back(machine)
            fits = False
    seats.haunt(other, home)
    if not fits:
        seats.back(other)
    return fits


def _relieve(work: _Work, host: int) -> None:
    """Move the fewest machines away that bring a host back to what it has: the cheapest one that is enough,
    or else the one that helps most, and so on.
    """
    seats, problem = work.seats, work.seats.problem
    excess = np.maximum(0, -seats.afterwards_at(host))
    there = [each for each in np.nonzero(seats.host == host)[0].tolist() if work.may_move(each)]
    while excess.any() and there:
        demands = {each: seats.demands[problem.shape[each]] for each in there}
        helped = {each: int(np.minimum(demands[each], excess).sum()) for each in there}
        there.sort(key=lambda each: (-helped[each], problem.cost[each], each))
        machine = there.pop(0)
        if helped[machine] and _leave(work, machine):
            excess = np.maximum(0, excess - seats.demands[problem.shape[machine]])
