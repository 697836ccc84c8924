"""Send home who had to leave its host, once that takes it again.

A home is remembered by the machine itself, and forgotten when it is there: so it goes home once, and
nothing but the next maintenance makes it leave again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reconciler.planner.placement.board import Board
from reconciler.planner.placement.breaches import concerning, count, misplaced
from reconciler.planner.placement.pose import Seen
from reconciler.planner.placement.problem import Integers, Problem
from reconciler.planner.placement.repair import may_come
from reconciler.planner.placement.seats import Seats
from reconciler.planner.placement.variants import with_moves
from reconciler.specs.desired import Fleet, HostName
from reconciler.state import InstanceState


def homes_of(seen: Sequence[Seen], board: Board, fleet: Fleet) -> Mapping[int, int]:
    """The home of each machine that is away from it and is to return, both by their numbers."""
    number = {site.name: index for index, site in enumerate(board.sites)}
    return {
        machine: number[each.state.home]
        for machine, each in enumerate(seen)
        if each.state.home in number
        and each.state.home != each.state.host
        and not each.why_not
        and _returns(each.state, fleet)
    }


def home_after(state: InstanceState, fleet: Fleet, *, leaving: bool) -> HostName | None:
    """What a machine that moves is to remember; ``leaving``: its host is to be empty.

    It is the first host that it had to leave. One that moves for another reason has a home only if it had
    one before.
    """
    if not _returns(state, fleet):
        return None
    if state.home is not None and fleet.host(state.home) is not None:
        return state.home
    return state.host if leaving else None


def _returns(state: InstanceState, fleet: Fleet) -> bool:
    host = fleet.host(state.host)
    return host is not None and fleet.cluster(host.cluster).return_home


def mended(problem: Problem, homes: Mapping[int, int], mend: Callable[[Problem], Integers]) -> Integers:
    """Where everybody is to be: whoever has to leave goes home if it can, ``mend`` finds a host for the
    others who have to, and then those go home for whom there is still room.
    """
    if not homes:
        return mend(problem)
    machines = len(problem.home)
    out = misplaced(Seats.of(problem))
    host = homeward(problem, {each: homes[each] for each in out if each in homes})
    at_home = host != problem.home
    found = mend(with_moves(problem, host))[:machines]
    host[~at_home] = found[~at_home]
    rest = {machine: home for machine, home in homes.items() if host[machine] == problem.home[machine]}
    return homeward(with_moves(problem, host), rest)[:machines]


def homeward(problem: Problem, homes: Mapping[int, int]) -> Integers:
    """Where everybody is to be once these have gone home, as far as there is room for them and no rule is
    broken that holds now; the most important first.
    """
    seats = Seats.of(problem)
    priority = [shape.priority for shape in problem.shapes]
    for machine in sorted(homes, key=lambda each: (-priority[problem.shape[each]], each)):
        if not may_come(seats, machine, homes[machine]):
            continue
        rules = concerning(seats, (seats.group(machine),))
        before = count(seats, rules)
        seats.move(machine, homes[machine])
        if count(seats, rules) > before:
            seats.back(machine)
    return seats.host
