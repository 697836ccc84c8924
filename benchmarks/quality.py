"""How good the answers of `rebalance` are: against Ganeti's `hbal`, and against the fewest hosts possible.

The balance of equal fleets by `hbal` and by us, both judged by hbal's own metric as it is worked out here;
ours may make no more moves. Then hosts used on fleets of equal hosts, against the aggregate lower bound.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from reconciler.planner.placement.check import violations
from reconciler.planner.placement.improve import rebalance
from reconciler.planner.placement.objective import least_hosts, worth
from reconciler.planner.placement.problem import (
    NOWHERE,
    Ask,
    Cluster,
    Integers,
    Policy,
    Problem,
    Question,
    Relation,
    Rule,
    Shape,
)
from reconciler.planner.placement.stand import Stand

_MEMORY, _CPUS = 128 * 1024, 64
_POLICY = (
    "128,1,1024,1,1,1|128,1,1024,1,1,1;1048576,64,4194304,16,8,12"
    "|drbd,plain,ext,sharedfile,rbd,file,diskless,blockdev,gluster|64.0|64.0"
)


@dataclass(frozen=True, slots=True)
class Guest:
    """A machine of a fleet that both are given: MiB, CPUs, and the number of its host."""

    memory: int
    cpus: int
    host: int


def skewed_fleet(hosts: int, guests: int, seed: int) -> list[Guest]:
    """Machines of mixed sizes, most of them on the first hosts."""
    luck, taken, fleet = Random(seed), [0] * hosts, []
    for _ in range(guests):
        memory, cpus = luck.choice([2, 4, 8, 16]) * 1024, luck.choice([1, 2, 4])
        roomy = [host for host in range(hosts) if taken[host] + memory <= 0.9 * _MEMORY]
        host = min(luck.sample(roomy, min(3, len(roomy))))
        taken[host] += memory
        fleet.append(Guest(memory, cpus, host))
    return fleet


def as_ganeti(fleet: Sequence[Guest], hosts: int) -> str:
    """The text that `hbal -t` reads. Disks are external: machines migrate freely, as ours do."""
    free = [_MEMORY - sum(guest.memory for guest in fleet if guest.host == host) for host in range(hosts)]
    nodes = [
        f"n{host}|{_MEMORY}|0|{free[host]}|1000000|1000000|{_CPUS}|{'N' if host else 'M'}|g|1||N|0|0|1.0"
        for host in range(hosts)
    ]
    guests = [
        f"i{number}|{guest.memory}|1024|{guest.cpus}|running|Y|n{guest.host}||ext||1|-"
        for number, guest in enumerate(fleet)
    ]
    sections: tuple[list[str], ...] = (
        ["group|g|preferred||"],
        nodes,
        guests,
        [],
        [f"|{_POLICY}", f"group|{_POLICY}"],
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def hbal_metric(fleet: Sequence[Guest], host: Integers, hosts: int) -> float:
    """Ganeti's score of a cluster of external disks: deviations of memory, CPUs and number of machines.

    The number counts four times, as the load on cpu, memory, disk and network of machines that all do the
    same. hbal prints the same to eight digits, which is checked in each run.
    """
    memory, cpus, number = np.zeros(hosts), np.zeros(hosts), np.zeros(hosts)
    for guest, at in zip(fleet, host.tolist(), strict=True):
        memory[at] += guest.memory / _MEMORY
        cpus[at] += guest.cpus / _CPUS
        number[at] += 1
    return float(memory.std() + cpus.std() + 4 * number.std())


def as_problem(fleet: Sequence[Guest], hosts: int) -> Problem:
    """The same fleet, and what hbal looks at as resources with their weights."""
    sizes = sorted({(guest.cpus, guest.memory) for guest in fleet})
    anywhere, everybody = np.ones(hosts, np.bool_), len(fleet)
    return Problem(
        hosts=tuple(f"n{host}" for host in range(hosts)),
        resources=("cpus", "memory", "machines"),
        room=np.tile(np.array([_CPUS * 64, _MEMORY, everybody]), (hosts, 1)),
        shapes=tuple(
            Shape(f"{cpus}x{memory}", number, np.array([cpus, memory, 1]), anywhere)
            for number, (cpus, memory) in enumerate(sizes)
        ),
        shape=np.array([sizes.index((guest.cpus, guest.memory)) for guest in fleet]),
        home=np.array([guest.host for guest in fleet]),
        movable=np.ones(everybody, np.bool_),
        leaving=np.zeros(everybody, np.bool_),
        cost=np.array([float(guest.memory) for guest in fleet]),
        labels={},
        # A share of 64 × its CPUs and of all machines is not a share of 1: the weights undo that.
        clusters=(Cluster("all", anywhere, weights=(64.0**2, 1.0, (4.0 * everybody) ** 2)),),
    )


@dataclass(frozen=True, slots=True)
class Balanced:
    """What one of the two made of a fleet."""

    host: Integers
    moves: int
    seconds: float


def by_hbal(fleet: Sequence[Guest], hosts: int) -> tuple[Balanced, float]:
    """Its end state, and the score that it prints itself."""
    with TemporaryDirectory(prefix="reconciler-bench-") as name:
        data, saved = Path(name, "data"), Path(name, "end")
        data.write_text(as_ganeti(fleet, hosts))
        since = time.perf_counter()
        told = subprocess.run(
            ["hbal", "-t", str(data), "-S", str(saved)], check=True, capture_output=True, text=True
        ).stdout
        seconds = time.perf_counter() - since
        rows = [row.split("|") for row in Path(f"{saved}.balanced").read_text().split("\n\n")[2].splitlines()]
    at = {row[0]: int(row[6][1:]) for row in rows}
    host = np.array([at[f"i{number}"] for number in range(len(fleet))])
    printed = float(told.split("Cluster score improved from ")[1].split(" to ")[1].split()[0])
    moves = int(told.split("Solution length=")[1].split()[0])
    return Balanced(host, moves, seconds), printed


def by_us(fleet: Sequence[Guest], hosts: int, max_moves: int) -> Balanced:
    """Ours, the best time of three."""
    problem, seconds = as_problem(fleet, hosts), []
    for _ in range(3):
        since = time.perf_counter()
        answer = rebalance(problem, Ask(Question.REBALANCE, max_moves, effort=60.0))
        seconds.append(time.perf_counter() - since)
    assert not violations(problem, answer.host), "an answer that breaks a rule"
    return Balanced(answer.host, worth(problem, answer.host).moves, min(seconds))


def against_hbal() -> None:
    """Print the table of both."""
    if shutil.which("hbal") is None:
        print("balance: left out, for hbal is not there and could not be installed (Debian: ganeti-htools)")
        return
    print(
        f"{'balance':12}{'start':>8}{'hbal':>9}{'ours':>9}{'ratio':>7}{'moves':>12}{'seconds':>18}{'ratio':>8}"
    )
    for hosts, guests in ((20, 200), (40, 400)):
        fleet = skewed_fleet(hosts, guests, seed=1)
        theirs, printed = by_hbal(fleet, hosts)
        ours = by_us(fleet, hosts, theirs.moves)
        start = hbal_metric(fleet, np.array([guest.host for guest in fleet]), hosts)
        one, other = (hbal_metric(fleet, each.host, hosts) for each in (theirs, ours))
        assert abs(one - printed) < 1e-6, f"hbal says {printed}, and we make it {one}"
        print(
            f"{hosts:>4} × {guests:<5}{start:>8.3f}{one:>9.4f}{other:>9.4f}{other / one:>7.2f}"
            f"{theirs.moves:>6} {ours.moves:>5}{theirs.seconds:>10.2f} {ours.seconds:>7.3f}"
            f"{theirs.seconds / ours.seconds:>7.0f}x"
        )


def scattered_fleet(hosts: int, guests: int, seed: int) -> Problem:
    """Equal hosts, components of twenty replicas, every third on as many hosts, thrown about at random."""
    luck, anywhere = Random(seed), np.ones(hosts, np.bool_)
    shapes = tuple(
        Shape(
            f"c{group}",
            group,
            np.array([luck.choice([1, 2, 4, 8, 16]), luck.choice([4, 8, 16, 24, 32, 48]) * 1024]),
            anywhere,
        )
        for group in range(guests // 20)
    )
    shape = np.repeat(np.arange(len(shapes)), 20)
    problem = Problem(
        hosts=tuple(f"h{host:04}" for host in range(hosts)),
        resources=("cpus", "memory"),
        room=np.tile(np.array([128, 400 * 1024]), (hosts, 1)),
        shapes=shapes,
        shape=shape,
        home=np.full(len(shape), NOWHERE),
        movable=np.ones(len(shape), np.bool_),
        leaving=np.zeros(len(shape), np.bool_),
        cost=np.array([float(shapes[each].demand[1]) for each in shape]),
        labels={"host": np.arange(hosts)},
        rules=tuple(Rule(Relation.APART, group, "host", group) for group in range(0, len(shapes), 3)),
        clusters=(Cluster("all", anywhere, Policy.CONSOLIDATE),),
    )
    stand = Stand(problem, problem.home)
    for machine in luck.sample(range(len(shape)), len(shape)):
        may = np.flatnonzero(stand.fits(machine) & stand.allowed(machine))
        stand.move(machine, luck.choice(may.tolist()))
    return replace(problem, home=stand.host.copy())


def against_the_bound(seed: int) -> None:
    """Print the table of hosts used."""
    print(
        f"{'consolidation':16}{'start':>7}{'bound':>7}{'used':>7}{'ratio':>7}{'moves':>8}"
        f"{'seconds':>9}{'of CPU':>9}  by",
        flush=True,
    )
    for hosts, guests in ((200, 2_000), (1_000, 10_000)):
        problem = scattered_fleet(hosts, guests, seed)
        least = least_hosts(problem, problem.clusters[0], problem.home)
        since, busy = time.perf_counter(), time.process_time()
        answer = rebalance(problem, Ask(Question.REBALANCE, effort=40.0))
        seconds, worked = time.perf_counter() - since, time.process_time() - busy
        assert not violations(problem, answer.host), "an answer that breaks a rule"
        start, end = worth(problem, problem.home), worth(problem, answer.host)
        print(
            f"{guests:>7,} × {hosts:<6}{start.used_hosts:>7}{least:>7}{end.used_hosts:>7}"
            f"{end.used_hosts / least:>7.3f}{end.moves:>8}{seconds:>9.2f}{worked:>9.2f}  {answer.by}",
            flush=True,
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-hbal", action="store_true", help="hbal alone takes minutes")
    asked = parser.parse_args()
    seed: int = asked.seed
    if not asked.skip_hbal:
        against_hbal()
    against_the_bound(seed)


if __name__ == "__main__":
    main()
