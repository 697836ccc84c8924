"""`kill -9` of `reconcile apply` at any moment, and `apply` again: what scripts/kill9 counts.

A directory changes between two states, there and back (`scenes.py`). Where each state ends when nobody
is killed is seen first; then each killed change must end there too, and leave nothing that nobody owns.
Some turn back: the directory is as it was before when `apply` is typed again.
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

from .desk import Desk, clean, image_yaml
from .domains import domain_xml
from .ends import FOREIGN_DOMAIN, FOREIGN_VOLUME, End
from .hosts import IMAGES, Host, wait_until
from .laboratory import Laboratory
from .namespaces import LabError, command_line
from .scenes import CHANGES, SCENES, Scene, scene_images

_MOST_APPLIES = 3
_MOST_SAID = 12
_APPLY = ("apply", "--yes", "--allow-deletes", "100")


@dataclass(frozen=True, slots=True)
class Way:
    """One change of the directory, and what it comes to when nobody is killed. ``seconds`` it takes."""

    text: str
    end: End
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kill came to. ``faults`` is empty where all is as if it had not been."""

    moment: float | str
    finished: bool
    turned_back: bool
    applies: int
    unknown: int
    left: int
    faults: tuple[str, ...]


@dataclass
class Stage:
    """A desk between the two states of a scene."""

    desk: Desk
    scratch: Path
    scene: Scene
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
        self._way(self.scene.here)
        there = self._way(self.scene.there)
        self.ways = (self._way(self.scene.here), there)

    def collect(self) -> None:
        """Where less is wanted, have the images collected that nothing needs: they are brought again."""
        if self.at == 0:
            code, report = self.desk.reconcile("images", "--prune", "--yes")
            if code != 0:
                raise LabError(f"images --prune: exit {code}: {report}")

    def kill_at(self, moment: float | str, *, turn_back: bool = False, desk: Desk | None = None) -> Outcome:
        """Change the directory, kill `apply` after that share of the time it takes, or when it has said that,
        and apply again.

        To ``turn_back`` is to change the directory back before that; it is for the way there, because what
        went meanwhile need not come back to the same host. The killed one is typed at ``desk``, if given.
        """
        was, way = self.ways[self.at], self.ways[1 - self.at]
        self.desk.write("shop.yaml", way.text)
        since = time.monotonic()
        process = (desk or self.desk).start(*_APPLY, log=self.log, env={"TMPDIR": str(self.temporary)})
        try:
            wait_until(
                lambda: self._is_due(moment, since, way) or process.poll() is not None,
                what="the moment",
                within=120,
                every=0.005,
            )
        finally:
            process.kill()
            process.wait()
        if turn_back:
            self.desk.write("shop.yaml", was.text)
            way = was
        else:
            self.at = 1 - self.at
        applies, faults = self._recover()
        self.collect()
        faults += tuple(self.faults(way)) + tuple(self._unresolved())
        left = len(list(self.temporary.iterdir()))
        finished = process.returncode == 0
        return Outcome(moment, finished, turn_back, applies, self._unknown(), left, faults)

    def _is_due(self, moment: float | str, since: float, way: Way) -> bool:
        if isinstance(moment, str):
            return moment in self.log.read_text()
        return time.monotonic() - since > moment * way.seconds

    def faults(self, way: Way) -> Iterator[str]:
        """What is not as where the unkilled way ended, and what nobody owns."""
        end = self.end()
        yield from end.beside(way.end)
        yield from end.orphans()

    def end(self) -> End:
        """What the hosts hold now."""
        for host in self.hosts:
            wait_until(lambda h=host: not _sessions(h), what=f"{host.name}: the end of SSH sessions")  # type: ignore[misc]
        return End.seen(self.hosts)

    def _way(self, text: str) -> Way:
        seconds = self._apply(text)
        self.at = 1 if text is self.scene.there else 0
        self.collect()
        end = self.end()
        if orphans := tuple(end.orphans()):
            raise LabError(f"with nobody killed: {orphans}")
        return Way(text, end, seconds)

    def _apply(self, text: str) -> float:
        self.desk.write("shop.yaml", text)
        since = time.monotonic()
        code, report = self.desk.reconcile(*_APPLY)
        if code != 0:
            raise LabError(f"apply: exit {code}: {report}")
        return time.monotonic() - since

    def _recover(self) -> tuple[int, tuple[str, ...]]:
        for applies in range(1, _MOST_APPLIES + 1):
            code, report = self.desk.reconcile(*_APPLY)
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


def _sessions(host: Host) -> list[int]:
    return [pid for pid in host.processes() if command_line(pid).startswith("sshd: root")]


def staged(lab: Laboratory, scratch: Path, scene: Scene = CHANGES) -> Stage:
    """A desk in front of clean hosts, on which somebody else has a domain and a volume."""
    desk = Desk(lab, scratch / "desk", quiet=True)
    desk.path.mkdir()
    (desk.path / "fleet.yaml").write_text(lab.fleet_yaml())
    (desk.path / "images.yaml").write_text(image_yaml(scene_images(scratch)))
    for host in lab.hosts:
        clean(host)
        host.define(domain_xml(FOREIGN_DOMAIN))
        (host.path(IMAGES) / FOREIGN_VOLUME).write_bytes(b"not ours" * 1000)
        host.virsh("pool-refresh", "default")
    return Stage(desk, scratch, scene)


def shares(count: int, luck: random.Random) -> list[float]:
    """Moments spread over the whole of an apply, in no order."""
    moments = [(number + luck.random()) / count for number in range(count)]
    luck.shuffle(moments)
    return moments


def main() -> int:
    """Print a line a kill and the sums; 1 where anything was left, lost or changed."""
    parser = argparse.ArgumentParser(prog="scripts/kill9", description=__doc__)
    parser.add_argument("--scene", choices=SCENES, default="changes")
    parser.add_argument("--count", type=int, default=200, help="kills, on both ways")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--turn-back", type=float, default=0.0, metavar="SHARE", help="of the kills on the way there"
    )
    arguments = parser.parse_args()
    scene = SCENES[arguments.scene]
    with Laboratory(hosts=scene.hosts) as lab, TemporaryDirectory(prefix="kill9-") as scratch:
        return _count(staged(lab, Path(scratch), scene), arguments)


def _count(stage: Stage, arguments: argparse.Namespace) -> int:
    since, luck = time.monotonic(), random.Random(arguments.seed)
    stage.rehearse()
    print(f"unkilled: {', '.join(f'{way.seconds:.2f} s' for way in stage.ways)}; seed {arguments.seed}")
    outcomes: list[Outcome] = []
    for share in shares(arguments.count, luck):
        way = "there" if stage.at == 0 else "back"
        outcome = stage.kill_at(share, turn_back=stage.at == 0 and luck.random() < arguments.turn_back)
        outcomes.append(outcome)
        turned = ", turned back" if outcome.turned_back else ""
        print(
            f"{len(outcomes):4} {way}{turned} at {share:6.1%}"
            f"  {outcome.applies} applies  {'; '.join(outcome.faults[:_MOST_SAID])}",
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
