"""Let `reconcile watch` idle before a fleet that matches, and print what it did: what scripts/soak runs."""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from .boot_sector import boot_sector_image
from .desk import Desk, image_yaml, watching
from .domains import domain_xml
from .laboratory import Laboratory
from .truth import Held, calls_recorded, changes, held

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
components:
  db:
    image: sector
    replicas: 4
    resources: {cpus: 1, memory: 16MiB}
    disks: {root: 16MiB, data: 8MiB}
"""


def main() -> int:
    """Print the figures; 1 where anything was changed."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--resync", type=float, default=10.0, help="seconds between looks [%(default)s]")
    arguments = parser.parse_args()
    with Laboratory(hosts=2) as lab, TemporaryDirectory(prefix="soak-") as scratch:
        return _soak(_desk(lab, Path(scratch)), Path(scratch), arguments)


def _desk(lab: Laboratory, scratch: Path) -> Desk:
    desk = Desk(lab, scratch / "desk")
    desk.path.mkdir()
    (desk.path / "fleet.yaml").write_text(lab.fleet_yaml())
    sector = boot_sector_image(scratch / "sector.qcow2", heeds_button=True)
    (desk.path / "images.yaml").write_text(image_yaml([sector]))
    (desk.path / "shop.yaml").write_text(_SERVICE)
    for host in lab.hosts:
        host.define(domain_xml("somebody-elses"))
    return desk


def _soak(desk: Desk, scratch: Path, arguments: argparse.Namespace) -> int:
    temporary = scratch / "t"
    temporary.mkdir()
    with watching(desk, temporary, resync=arguments.resync) as watcher:
        watcher.wait_for("failed=0", within=120)
        time.sleep(2 * arguments.resync)
        before, rows, said = _everything(desk), desk.journal(), watcher.text()
        spent = _cpu_seconds(watcher.process.pid)
        with calls_recorded(desk.lab.hosts) as calls:
            time.sleep(arguments.minutes * 60)
            seen = calls()
        spent = _cpu_seconds(watcher.process.pid) - spent
        verdicts = {
            "domains, definitions, files and locks unchanged": _everything(desk) == before,
            "history unchanged": desk.journal() == rows,
            "log unchanged": watcher.text() == said,
            "no temporary files": not any(temporary.iterdir()),
            "no call that changes anything": not changes(seen),
        }
    looks = seen["virConnectGetAllDomainStats"]
    print(f"{arguments.minutes:g} min, {len(desk.lab.hosts)} hosts, {looks} looks, {spent:.2f} s of CPU time")
    _print_calls(seen)
    for what, holds in verdicts.items():
        print(f"{what:<50}{'yes' if holds else 'NO'}")
    return 0 if all(verdicts.values()) and looks else 1


def _print_calls(seen: Counter[str]) -> None:
    changing = changes(seen)
    for name, count in sorted(seen.items()):
        print(f"  {name:<48}{count:>7}{'   CHANGES' if name in changing else ''}")


def _everything(desk: Desk) -> list[Held]:
    return [held(host) for host in desk.lab.hosts]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    sys.exit(main())
