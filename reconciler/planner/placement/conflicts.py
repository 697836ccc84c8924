"""Say why no host will do: how many each rule refuses, a smallest set of rules that refuses them all, and
what would have to be asked for instead.

Every rule is asked of every host, also where another one refuses it already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from reconciler.plan import Count, Deadlock
from reconciler.planner.amounts import less, parts
from reconciler.planner.groups import group_of
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.ledger import Site, demand
from reconciler.planner.placement.rules import (
    Check,
    answered,
    apart,
    open_to,
    plugged,
    required,
    same_cluster,
    spread,
    together,
    wired,
    with_its_data,
)
from reconciler.specs.desired import HostName, Instance, Resources
from reconciler.specs.placement import Affinity, Spread

_MOST_TOGETHER = 12
"""So many rules are tried in every combination; of more, one after the other is left out."""
_MOST_SKEW = 64
_NEAREST = 3
"""How many ways out are told."""


@dataclass(frozen=True, slots=True)
class _Way:
    """What would have to be otherwise for one rule on one host; the least ``amount`` is the nearest."""

    text: str
    amount: int = 0


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of an instance by its name, where it refuses, and how it would not; None: there is no way."""

    name: str
    refuses: Callable[[Site], bool]
    way: Callable[[Site], _Way | None]


@dataclass(frozen=True, slots=True)
class Mover:
    """One that runs, and is to leave: from where, what it takes, and which hosts do not suit it for that."""

    source: Site
    takes: Resources
    unfit: Check


def deadlock_of(instance: Instance, board: Board, mover: Mover | None = None) -> Deadlock | None:
    """Why an instance has no place, found out of its rules; None where some host would do."""
    sites = board.sites
    refused = {rule.name: rule for rule in _rules(instance, board, mover)}
    by_rule = {
        name: frozenset(site.name for site in sites if rule.refuses(site)) for name, rule in refused.items()
    }
    by_rule = {name: hosts for name, hosts in by_rule.items() if hosts}
    everywhere = frozenset(site.name for site in sites)
    if not sites or frozenset().union(*by_rule.values()) != everywhere:
        return None
    counts = sorted((Count(name, len(hosts)) for name, hosts in by_rule.items()), key=_most_first)
    conflict = _smallest({count.rule: by_rule[count.rule] for count in counts}, everywhere)
    against = {site.name: [name for name, hosts in by_rule.items() if site.name in hosts] for site in sites}
    return Deadlock(tuple(counts), conflict, tuple(_nearest(sites, against, refused)))


def _most_first(count: Count) -> tuple[int, str]:
    return (-count.hosts, count.rule)


def _smallest(by_rule: Mapping[str, frozenset[HostName]], everywhere: frozenset[HostName]) -> tuple[str, ...]:
    """As few rules as will do that refuse every host together."""
    names = list(by_rule)
    if len(names) <= _MOST_TOGETHER:
        for size in range(1, len(names) + 1):
            for some in combinations(names, size):
                if frozenset().union(*(by_rule[name] for name in some)) == everywhere:
                    return some
    for name in reversed(names):
        rest = [each for each in names if each != name]
        if frozenset().union(*(by_rule[each] for each in rest)) == everywhere:
            names = rest
    return tuple(names)


def _nearest(
    sites: Sequence[Site], against: Mapping[HostName, Sequence[str]], rules: Mapping[str, _Rule]
) -> Iterator[str]:
    """What has to be otherwise, where the fewest rules do: each way with the hosts that would do then."""
    found: dict[tuple[str, ...], tuple[int, str, list[HostName]]] = {}
    for site in sites:
        ways = [rules[name].way(site) for name in against[site.name]]
        told = [way for way in ways if way is not None]
        if len(told) < len(ways):
            continue
        amount, text = sum(way.amount for way in told), " and ".join(way.text for way in told)
        known = found.get(tuple(against[site.name]))
        if known is None or amount < known[0]:
            found[tuple(against[site.name])] = (amount, text, [site.name])
        elif text == known[1]:
            known[2].append(site.name)
    fewest = min((len(names) for names in found), default=0)
    nearest = sorted(
        (each for names, each in found.items() if len(names) == fewest), key=lambda each: each[1]
    )
    for _, text, hosts in nearest[:_NEAREST]:
        more = f" and {len(hosts) - _NEAREST} more" if len(hosts) > _NEAREST else ""
        yield f"{text} it would fit on {', '.join(hosts[:_NEAREST])}{more}"


def _rules(instance: Instance, board: Board, mover: Mover | None) -> Iterator[_Rule]:
    yield _plain("answered", answered(instance, board), None)
    yield _plain("open", open_to(instance, board), lambda site: f"were {site.name} open to new instances")
    yield _plain("cluster", same_cluster(instance, board), lambda site: f"in cluster {site.host.cluster}")
    for expression in instance.placement.require:
        alone = replace(instance, placement=replace(instance.placement, require=(expression,)))
        yield _plain(
            f"require {expression}", required(alone, board), _always(f"without require {expression}")
        )
    yield _plain("networks", plugged(instance, board), lambda site: f"with its networks on {site.name}")
    yield _plain(
        "segments", wired(instance, board), lambda site: f"were its networks possible on {site.name}"
    )
    yield _plain("disks", with_its_data(instance, board), _always("without the disks it left behind"))
    if mover is not None:
        yield _plain("migration", mover.unfit, None)
    yield from _amounts(demand(instance, board.ledger) if mover is None else mover.takes, board, mover)
    yield from _neighbours(instance, board)


def _plain(name: str, check: Check, way: Callable[[Site], str] | None) -> _Rule:
    def refuses(site: Site) -> bool:
        # Of a host that did not answer nothing more is known.
        return (site.state is not None or name == "answered") and check(site) is not None

    return _Rule(name, refuses, lambda site: None if way is None else _Way(way(site)))


def _always(text: str) -> Callable[[Site], str]:
    return lambda _: text


def _amounts(need: Resources, board: Board, mover: Mover | None) -> Iterable[_Rule]:
    def rule(name: str, asked: int) -> _Rule:
        def lacking(site: Site) -> int:
            if site.state is None or (mover is not None and site is mover.source):
                return 0  # nobody knows, or it is there already
            if mover is not None and name == "disk" and _shares(mover, site, board):
                return 0
            return asked - max(0, parts(board.ledger.free(site.name)).get(name, 0))

        return _Rule(name, lambda site: lacking(site) > 0, lambda site: _less(lacking(site), asked, name))

    return (rule(name, asked) for name, asked in parts(need).items() if asked > 0)


def _shares(mover: Mover, site: Site, board: Board) -> bool:
    """Whether its disks are where they are to be already."""
    pool = board.ledger.pool(site.name)
    return pool is not None and pool == board.ledger.pool(mover.source.name)


def _less(lacking: int, asked: int, name: str) -> _Way | None:
    """Nobody can do with nothing at all."""
    return _Way(f"with {less(name, lacking)}", lacking) if lacking < asked else None


def _neighbours(instance: Instance, board: Board) -> Iterator[_Rule]:
    placement, own = instance.placement, group_of(instance.key)
    for rule in board.neighbours.apart.get(own, ()):
        if rule.strict:
            yield _between("anti_affinity", rule, apart(rule, instance, board))
    for rule in placement.affinity:
        if rule.strict:
            yield _between("affinity", rule, together(rule, instance, board))
    for even in placement.spread:
        if even.strict:
            yield _Rule(
                f"spread over {even.over}",
                _known(spread(even, instance, board)),
                _skewed(even, instance, board),
            )


def _between(word: str, rule: Affinity, check: Check) -> _Rule:
    name = f"{word} to {rule.to} over {rule.over}"
    return _Rule(name, _known(check), lambda _: _Way(f"without {name}"))


def _known(check: Check) -> Callable[[Site], bool]:
    return lambda site: site.state is not None and check(site) is not None


def _skewed(even: Spread, instance: Instance, board: Board) -> Callable[[Site], _Way | None]:
    """With which ``max_skew`` a host would do; none helps where it lacks the label."""

    def way(site: Site) -> _Way:
        for skew in range(even.max_skew + 1, _MOST_SKEW):
            if spread(replace(even, max_skew=skew), instance, board)(site) is None:
                return _Way(f"with max_skew {skew} over {even.over}", skew)
        return _Way(f"without spread over {even.over}", _MOST_SKEW)

    return way
