"""`kill -9` of `reconcile apply` at any moment, and `apply` again: what scripts/kill9 counts.

A directory changes between two states, there and back. Each way creates, updates with a restart,
replaces and destroys; the way there brings an image as well. Where each state ends when nobody is killed
is seen first; then each killed change must end there too.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from .boot_sector import boot_sector_image
from .desk import Desk, clean, image_yaml
from .domains import domain_xml
from .hosts import IMAGES, Host, wait_until
from .laboratory import Laboratory
from .namespaces import LabError, command_line
from .truth import Held, content, held

_MOST_APPLIES = 3
_FOREIGN_DOMAIN, _FOREIGN_VOLUME = "somebody-elses", "somebody-elses.qcow2"

_HEAD = "apiVersion: reconciler/v1\nkind: Service\nname: shop\ncomponents:\n"
_KEEP = """\
  keep:
    image: sector
    resources: {cpus: 1, memory: 16MiB}
    disks: {root: 16MiB}
    placement: {require: ['host.name == "hv1"']}
"""
_HERE = f"""{_HEAD}{_KEEP}
  grow:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, one: 8MiB}}
    environment: {{WHERE: here}}
    placement: {{require: ['host.name == "hv2"']}}
  fresh:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv1"']}}
  gone:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv2"']}}
"""
_THERE = f"""{_HEAD}{_KEEP}
  grow:
    image: sector
    resources: {{cpus: 2, memory: 24MiB}}
    disks: {{root: 16MiB, two: 8MiB}}
    environment: {{WHERE: there}}
    placement: {{require: ['host.name == "hv2"']}}
  fresh:
    image: other
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv1"']}}
  new:
    image: other
    replicas: 2
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv2"']}}
"""


@dataclass(frozen=True, slots=True)
class End:
    """Where a change ended, told from the hosts' own side."""

    domains: dict[str, dict[str, str]]
    running: dict[str, set[str]]
    files: dict[str, dict[str, int]]
    foreign: dict[str, str]

    def beside(self, other: "End") -> Iterator[str]:
        """What differs, in words."""
        for host, names in self.running.items():
            for name in sorted(names ^ other.running[host]):
                yield f"{host}: {name} {'runs' if name in names else 'does not run'}"
            for name in sorted(self.domains[host].keys() ^ other.domains[host].keys()):
                yield f"{host}: domain {name} {'is too many' if name in self.domains[host] else 'is missing'}"
            for name in sorted(self.domains[host].keys() & other.domains[host].keys()):
                if self.domains[host][name] != other.domains[host][name]:
                    yield f"{host}: definition of {name} differs"
            for name, size in sorted(self.files[host].items() ^ other.files[host].items()):
                yield f"{host}: file {name} of {size} bytes"
            if self.foreign[host] != other.foreign[host]:
                yield f"{host}: somebody else's volume has changed"


@dataclass(frozen=True, slots=True)
class Way:
    """One change of the directory, and what it comes to when nobody is killed. ``seconds`` it takes."""

    text: str
    end: End
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kill came to. ``faults`` is empty where all is as if it had not been."""

    moment: float
    finished: bool
    applies: int
    unknown: int
    left: int
    faults: tuple[str, ...]


@dataclass
class Stage:
    """A desk between the two states."""

    desk: Desk
    scratch: Path
    ways: tuple[Way, ...] = ()
    at: int = 0
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.scratch / "killed.log"
        self.temporary = self.scratch / "t"
        self.temporary.mkdir()

    @property
    def hosts(self) -> tuple[Host, ...]:
        return self.desk.lab.hosts

    def rehearse(self) -> None:
        """Go there and back with nobody killed."""
        self._apply(_HERE)
        self.reset()
        there = self._way(_THERE)
        self.ways = (self._way(_HERE), there)
        self.reset()

    def reset(self) -> None:
        """Take the image away that only one of the states needs, so that it is brought again."""
        for host in self.hosts:
            if self.at == 0:
                host.run(["sh", "-c", f"rm -f {IMAGES}/reconciler.image.$1.*", "sh", self._digest()])
                host.virsh("pool-refresh", "default")

    def kill_at(self, share: float) -> Outcome:
        """Change the directory, kill `apply` after that share of the time it takes, and apply again."""
        self.at = 1 - self.at
        way = self.ways[self.at]
        self.desk.write("shop.yaml", way.text)
        since = time.monotonic()
        process = self.desk.start(
            "apply", "--yes", "--allow-deletes", "100", log=self.log, env={"TMPDIR": str(self.temporary)}
        )
        try:
            time.sleep(max(0.0, share * way.seconds - (time.monotonic() - since)))
        finally:
            process.kill()
            process.wait()
        applies, faults = self._recover()
        faults += tuple(self.end().beside(way.end)) + tuple(self._unresolved())
        self.reset()
        left = len(list(self.temporary.iterdir()))
        return Outcome(share, process.returncode == 0, applies, self._unknown(), left, faults)

    def end(self) -> End:
        """What the hosts hold now."""
        for host in self.hosts:
            wait_until(lambda h=host: not _sessions(h), what=f"{host.name}: the end of SSH sessions")  # type: ignore[misc]
        found: dict[str, Held] = {host.name: held(host) for host in self.hosts}
        return End(
            domains={name: each.domains for name, each in found.items()},
            running={name: set(each.running) for name, each in found.items()},
            files={
                name: {file: size for file, (size, _) in each.files.items()} for name, each in found.items()
            },
            foreign={host.name: content(host, _FOREIGN_VOLUME) for host in self.hosts},
        )

    def _way(self, text: str) -> Way:
        seconds = self._apply(text)
        self.at = 1 if text is _THERE else 0
        return Way(text, self.end(), seconds)

    def _apply(self, text: str) -> float:
        self.desk.write("shop.yaml", text)
        since = time.monotonic()
        code, report = self.desk.reconcile("apply", "--yes", "--allow-deletes", "100")
        if code != 0:
            raise LabError(f"apply: exit {code}: {report}")
        return time.monotonic() - since

    def _recover(self) -> tuple[int, tuple[str, ...]]:
        for applies in range(1, _MOST_APPLIES + 1):
            code, report = self.desk.reconcile("apply", "--yes", "--allow-deletes", "100")
            if code == 0:
                code, plan = self.desk.reconcile("plan", "--detailed-exitcode")
                return applies, () if code == 0 else (f"a plan is left: {plan}",)
        return _MOST_APPLIES, (f"not applied in {_MOST_APPLIES} tries: {report}",)

    def _unresolved(self) -> Iterator[str]:
        for row in self.desk.journal():
            if len(row) > 8 and row[8] == "":
                yield f"the journal still does not know what became of {row[1]}"

    def _unknown(self) -> int:
        return sum(len(row) > 8 and row[8] == "unknown" for row in self.desk.journal())

    def _digest(self) -> str:
        lines = (self.desk.path / "images.yaml").read_text().split("name: other")[1].splitlines()
        return next(line.split()[1] for line in lines if line.startswith("sha256:"))


def _sessions(host: Host) -> list[int]:
    return [pid for pid in host.processes() if command_line(pid).startswith("sshd: root")]


def staged(lab: Laboratory, scratch: Path) -> Stage:
    """A desk in front of two clean hosts, on which somebody else has a domain and a volume."""
    desk = Desk(lab, scratch / "desk", quiet=True)
    desk.path.mkdir()
    (desk.path / "fleet.yaml").write_text(lab.fleet_yaml())
    sectors = [
        boot_sector_image(scratch / f"{n}.qcow2", heeds_button=True, label=n) for n in ("sector", "other")
    ]
    (desk.path / "images.yaml").write_text(image_yaml(sectors))
    for host in lab.hosts:
        clean(host)
        host.define(domain_xml(_FOREIGN_DOMAIN))
        (host.path(IMAGES) / _FOREIGN_VOLUME).write_bytes(b"not ours" * 1000)
        host.virsh("pool-refresh", "default")
    return Stage(desk, scratch)


def shares(count: int, luck: random.Random) -> list[float]:
    """Moments spread over the whole of an apply, in no order."""
    moments = [(number + luck.random()) / count for number in range(count)]
    luck.shuffle(moments)
    return moments


def main() -> int:
    """Print a line a kill and the sums; 1 where anything was left, lost or changed."""
    parser = argparse.ArgumentParser(prog="scripts/kill9", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with Laboratory(hosts=2) as lab, TemporaryDirectory(prefix="kill9-") as scratch:
        return _count(staged(lab, Path(scratch)), arguments)


def _count(stage: Stage, arguments: argparse.Namespace) -> int:
    since = time.monotonic()
    stage.rehearse()
    print(f"unkilled: {', '.join(f'{way.seconds:.2f} s' for way in stage.ways)}; seed {arguments.seed}")
    outcomes: list[Outcome] = []
    for share in shares(arguments.count, random.Random(arguments.seed)):
        outcome = stage.kill_at(share)
        outcomes.append(outcome)
        print(
            f"{len(outcomes):4} at {share:6.1%}  {outcome.applies} applies  {'; '.join(outcome.faults)}",
            flush=True,
        )
    print(f"kills {len(outcomes)} ({sum(o.finished for o in outcomes)} after its end)")
    print(f"applies until it matched {dict(sorted(Counter(o.applies for o in outcomes).items()))}")
    print(f"steps that the journal called unknown, all seen to {outcomes[-1].unknown}")
    print(f"temporary files on the controller at the end {outcomes[-1].left}")
    bad = [outcome for outcome in outcomes if outcome.faults]
    print(f"ends unlike the unkilled one {len(bad)}   ({time.monotonic() - since:.0f} s)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
