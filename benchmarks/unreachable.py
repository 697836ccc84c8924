"""What one stopped libvirtd of 16 costs the other hosts: their apply, beside that with all answering.

The others' time runs from the start of `reconcile apply` to the end of the last step on another host, by
the journal. Each round updates every guest with a restart: with all answering, with one stopped before,
and with one stopped in the middle.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.lab.boot_sector import boot_sector_image
from tests.lab.crowd import crowd_yaml
from tests.lab.desk import Desk, image_yaml
from tests.lab.laboratory import Laboratory

_GOAL = 1.2
_ALL, _BEFORE, _MEANWHILE = "all answer", "one stopped before", "one stopped meanwhile"


class Crowd:
    """A desk in front of many hosts, with one guest on each."""

    def __init__(self, desk: Desk, scratch: Path) -> None:
        self._desk = desk
        self._log = scratch / "apply.log"
        self._memory = 16
        self._usual = 0.0
        *_, self._silent = desk.lab.hosts
        desk.write("shop.yaml", crowd_yaml(desk.lab))
        self._catch_up()

    def round(self, what: str) -> tuple[float, float]:
        """Seconds until the others were done, and until `apply` ended."""
        self._another_size()
        if what == _BEFORE:
            self._silent.stop_daemon()
        since, wall = time.monotonic(), datetime.now(UTC)
        process = self._desk.start("apply", "--yes", log=self._log)
        try:
            if what == _MEANWHILE:
                time.sleep(self._usual * 0.5)
                self._silent.stop_daemon()
            code = process.wait(timeout=300)
        finally:
            process.kill()
            process.wait()
            if what != _ALL:
                self._silent.continue_daemon()
        ended = time.monotonic() - since
        others = self._others_done(wall)
        if what == _ALL:
            assert code == 0, self._log.read_text()
            self._usual = others
        else:
            self._catch_up()
        return others, ended

    def _another_size(self) -> None:
        new = 24 if self._memory == 16 else 16
        self._desk.edit(f"memory: {self._memory}MiB", f"memory: {new}MiB")
        self._memory = new

    def _others_done(self, since: datetime) -> float:
        rows = [row for row in self._desk.journal() if len(row) > 8 and str(row[6]) >= since.isoformat()]
        done = [row for row in rows if row[4] != self._silent.name and row[8] == "ok"]
        assert len(done) == len(self._desk.lab.hosts) - 1, [row[1:9] for row in rows]
        return (max(datetime.fromisoformat(str(row[7])) for row in done) - since).total_seconds()

    def _catch_up(self) -> None:
        code, report = self._desk.reconcile("apply", "--yes", timeout=600)
        assert code == 0, report


def main() -> int:
    """Print the table; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench unreachable", description=__doc__)
    parser.add_argument("--hosts", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    taken: dict[str, list[tuple[float, float]]] = {_ALL: [], _BEFORE: [], _MEANWHILE: []}
    with Laboratory(hosts=arguments.hosts) as lab, TemporaryDirectory(prefix="crowd-") as scratch:
        desk = Desk(lab, Path(scratch) / "desk", quiet=True)
        desk.path.mkdir()
        (desk.path / "fleet.yaml").write_text(lab.fleet_yaml())
        sector = boot_sector_image(Path(scratch) / "sector.qcow2", heeds_button=True)
        (desk.path / "images.yaml").write_text(image_yaml([sector]))
        crowd = Crowd(desk, Path(scratch))
        for _ in range(arguments.rounds):
            for what, times in taken.items():
                times.append(crowd.round(what))
    return _print_table(taken)


def _print_table(taken: dict[str, list[tuple[float, float]]]) -> int:
    usual = statistics.median(others for others, _ in taken[_ALL])
    title = f"seconds, median of {len(taken[_ALL])}"
    print(f"{title:<28}{'others done':>12}{'ratio':>8}{'apply ended':>13}")
    for what, times in taken.items():
        others = statistics.median(other for other, _ in times)
        ended = statistics.median(end for _, end in times)
        print(f"{what:<28}{others:>12.2f}{others / usual:>8.2f}{ended:>13.2f}")
    worst = max(statistics.median(other for other, _ in times) / usual for times in taken.values())
    print(f"goal: at most {_GOAL} times as long: {'met' if worst <= _GOAL else 'MISSED'}")
    return 0 if worst <= _GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
