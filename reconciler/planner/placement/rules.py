"""The rules: where an instance may not be, and why.

A rule is prepared once for an instance and then asked of every host. Hard rules are rows of a
table; the first that refuses a host gives the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from reconciler.planner.amounts import bare, mib, parts, some
from reconciler.planner.groups import Group, group_of
from reconciler.planner.placement.board import Board
from reconciler.planner.placement.ledger import Site, demand
from reconciler.planner.placement.standing import why_closed, why_empty
from reconciler.planner.wires import foreign_in_the_way, segments_in
from reconciler.specs.desired import Disk, HostName, Instance, Machine, Nic, NicKind, Resources
from reconciler.specs.disks import DEFAULT_POOL
from reconciler.specs.expressions import MissingLabel, Unanswered
from reconciler.specs.placement import Affinity, Spread
from reconciler.specs.resources import pool_in
from reconciler.state import HostState, InstanceState, VolumeState

Check = Callable[[Site], str | None]
"""Why an instance may not be on a host, or None where it may."""

Rule = Callable[[Instance, Board], Check]

_LATER = "; this plan's removals come first"


def answered(_: Instance, __: Board) -> Check:
    """The host was seen."""
    return lambda site: None if site.state else f"did not answer: {site.silence}"


def in_service(_: Instance, __: Board) -> Check:
    """Not everything is to leave it."""
    return lambda site: why_empty(site.host, site.state)


def open_to(instance: Instance, _: Board) -> Check:
    """The host is given something new."""
    return lambda site: why_closed(site.host, site.state, instance.uuid)


def same_cluster(instance: Instance, _: Board) -> Check:
    """Instances never leave their cluster."""
    wanted = instance.placement.cluster
    if wanted is None:
        return lambda _: None
    return lambda site: (
        None if site.host.cluster == wanted else f"is in cluster {site.host.cluster}, not in {wanted}"
    )


def required(instance: Instance, board: Board) -> Check:
    """Every ``require`` is true."""

    def check(site: Site) -> str | None:
        for expression in instance.placement.require:
            match board.answers.of(expression, site):
                case MissingLabel(name):
                    return f"has no label {name}: {expression}"
                case Unanswered(reason):
                    return f"has no answer to {expression}: {reason}"
                case False:
                    return f"is not {expression}"
                case _:
                    continue
        return None

    return check


def plugged(instance: Instance, _: Board) -> Check:
    """The bridges and networks exist; where the platform cannot tell, they are believed to."""

    def check(site: Site) -> str | None:
        missing = [nic for nic in others if not _has(site.state, nic)]
        return f"has no {missing[0].kind} {missing[0].source}" if missing else None

    segments = segments_in(instance.machine.nics)
    others = [nic for nic in instance.machine.nics if nic.source not in segments]
    return check


def wired(instance: Instance, board: Board) -> Check:
    """The segments that it needs can be there."""
    segments = sorted(segments_in(instance.machine.nics))
    is_alone = len(board.sites) == 1

    def check(site: Site) -> str | None:
        if not segments or site.state is None:
            return None
        reasons = (foreign_in_the_way(bridge, site.state) for bridge in segments)
        reason = next((reason for reason in reasons if reason is not None), None)
        if reason is None and not (is_alone or site.state.address):
            return f"has no address by which others reach it: set hosts.{site.name}.address"
        return reason

    return check


def _has(state: HostState | None, nic: Nic) -> bool:
    if state is None:
        return False
    there = state.networks if nic.kind is NicKind.NETWORK else state.bridges
    return there is None or nic.source in there


def with_its_data(instance: Instance, board: Board) -> Check:
    """An instance that returns goes back to the disks it left behind."""
    wanted = {disk.name: disk for disk in instance.machine.disks}
    left = {
        host: [volume for volume in volumes if volume.disk in wanted]
        for host, volumes in board.ledger.left(instance.key).items()
    }
    homes = ", ".join(f"{volume.disk} is kept on {host}" for host, own in left.items() for volume in own)
    if not homes:
        return lambda _: None

    def check(site: Site) -> str | None:
        for volume in left.get(site.name, ()):
            if reason := unlike_its_disk(volume, wanted[volume.disk]):
                return reason
        return None if left.get(site.name) else f"does not have its disks: {homes}"

    return check


def unlike_its_disk(left: VolumeState, wanted: Disk) -> str | None:
    """Why a disk that was kept cannot become the one that is wanted; None where it can."""
    if left.pool != wanted.pool:
        pool = left.pool or DEFAULT_POOL
        return f"keeps its disk {left.disk} in pool {pool}: write pool: {pool}, or remove that one by hand"
    if (left.size_mib or 0) > wanted.size_mib:
        return f"keeps its disk {left.disk} of {mib(left.size_mib or 0)}, and shrinking is refused"
    return None


def roomy(instance: Instance, board: Board) -> Check:
    """There is room."""
    return lambda site: shortage(demand(instance, board.ledger), site, board)


def shortage(need: Resources, site: Site, board: Board) -> str | None:
    """What a host has too little of, with the amounts; None where ``need`` fits, or nobody knows."""
    if site.state is None:
        return None
    there = dict(site.host.size(site.state.capacity).pooled) if need.devices else {}
    if missing := [pool_in(kind) for kind, _ in need.pooled if kind not in there]:
        return f"has no storage pool {missing[0]}"
    free = board.ledger.free(site.name)
    short = _short(need, free)
    if short and not _short(need, free + board.ledger.freed(site.name)):
        return short + _LATER
    return short


def overdrawn(before: InstanceState, machine: Machine, site: Site, board: Board) -> str | None:
    """What a host has given out too much of and this machine is now to have more of; None where nothing.

    Somebody may have given it more by hand than there is: that it has it already is no consent.
    """
    applied, wanted = parts(before.applied.resources), parts(machine.resources)
    for name, left in parts(board.ledger.free(site.name)).items():
        # A disk that was grown by hand counts as it is, and what it grows by has to fit.
        if name != "disk" and left < 0 and wanted.get(name, 0) > applied.get(name, 0):
            return f"{some(name, -left)} are given out that it does not have"
    return None


def _short(need: Resources, free: Resources) -> str | None:
    # Who needs nothing more of a resource does not mind that the host has given out too much of it.
    there = parts(free)
    for name, amount in parts(need).items():
        if 0 < amount > (left := there.get(name, 0)):
            return f"needs {some(name, amount)}, {bare(name, max(0, left))} free"
    return None


def apart(rule: Affinity, instance: Instance, board: Board) -> Check:
    """No instance of ``rule.to`` has the same value of ``rule.over``."""
    values = board.values(rule.over)
    group = Group(instance.key.service, rule.to)
    taken = _valued(board.ledger.seats(group), values)
    staying = _valued(board.ledger.staying(group), values)

    def check(site: Site) -> str | None:
        value = values[site.name]
        if value is None:
            return f"has no label {rule.over}"
        if not taken[value]:
            return None
        return f"{rule.to} is {_place(rule.over, value)}" + ("" if staying[value] else _LATER)

    return check


def together(rule: Affinity, instance: Instance, board: Board) -> Check:
    """An instance of ``rule.to`` has the same value of ``rule.over``."""
    values = board.values(rule.over)
    own = group_of(instance.key)
    there = _valued(board.ledger.staying(Group(own.service, rule.to)), values)
    # The first of its kind, and the first of two that ask for each other, goes where it likes.
    is_first = not there and rule.to not in board.neighbours.earlier.get(own, frozenset())

    def check(site: Site) -> str | None:
        value = values[site.name]
        if value is None:
            return f"has no label {rule.over}"
        return None if is_first or there[value] else f"no {rule.to} is {_place(rule.over, value)}"

    return check


def spread(rule: Spread, instance: Instance, board: Board) -> Check:
    """The numbers of replicas over the values of ``rule.over`` stay within ``max_skew``.

    Only values of hosts on which it may run at all, room apart, are counted as empty.
    """
    values = board.values(rule.over)
    checks = [prepare(instance, board) for prepare in ADMISSION]
    admissible = [site for site in board.sites if first_refusal(checks, site) is None]
    count = _valued(board.ledger.staying(group_of(instance.key)), values)
    least = min((count[value] for site in admissible if (value := values[site.name]) is not None), default=0)

    def check(site: Site) -> str | None:
        value = values[site.name]
        if value is None:
            return f"has no label {rule.over}"
        if count[value] + 1 - least <= rule.max_skew:
            return None
        here = f"{count[value]} of {instance.key.component} are {_place(rule.over, value)}"
        return f"{here} and {least} elsewhere: more than max_skew {rule.max_skew}"

    return check


def _valued(seats: Mapping[HostName, int], values: Mapping[HostName, str | None]) -> Counter[str]:
    """Seats by host as seats by value of a label; hosts without the label count for none."""
    counts: Counter[str] = Counter()
    for host, count in seats.items():
        value = values.get(host)
        if value is not None:
            counts[value] += count
    return counts


def _place(over: str, value: str) -> str:
    return f"already on {value}" if over == "host" else f"in {over} {value}"


STANDING: tuple[Rule, ...] = (answered, in_service, same_cluster, plugged, wired)
"""What asks nothing but what a host is: it is the same for all hosts that are alike."""
ADMISSION: tuple[Rule, ...] = (answered, open_to, same_cluster, required, plugged, wired, with_its_data)
"""What does not depend on who else is there."""


def neighbourly(instance: Instance, board: Board, *, strict: bool) -> tuple[Check, ...]:
    """The rules between instances: the strict ones, or the others."""
    placement = instance.placement
    return (
        *(
            apart(rule, instance, board)
            for rule in board.neighbours.apart.get(group_of(instance.key), ())
            if rule.strict is strict
        ),
        *(together(rule, instance, board) for rule in placement.affinity if rule.strict is strict),
        *(spread(rule, instance, board) for rule in placement.spread if rule.strict is strict),
    )


def _strict_neighbours(instance: Instance, board: Board) -> Check:
    checks = neighbourly(instance, board, strict=True)
    return lambda site: first_refusal(checks, site)


HARD: tuple[Rule, ...] = (*ADMISSION, roomy, _strict_neighbours)
"""Every rule that may refuse a host, in the order in which they are asked."""


def refusal_of(instance: Instance, board: Board) -> Check:
    """One check for all the rules: the first reason against a host, or None."""
    checks = tuple(rule(instance, board) for rule in HARD)
    return lambda site: first_refusal(checks, site)


def first_refusal(checks: Iterable[Check], site: Site) -> str | None:
    """The first reason of these checks against a host, or None."""
    return next((reason for check in checks if (reason := check(site)) is not None), None)
