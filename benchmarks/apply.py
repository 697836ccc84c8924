"""Creating 1, 10 and 30 machines on three hosts over SSH, beside a plain virsh loop doing the same.

The plain loop is what a person would type: for each machine four times ``virsh -c qemu+ssh://…``, which
clone the root disk, make the data disk, define the domain and start it. Beside it stands the same with
the four commands given to one virsh, which saves three connections a machine. Neither places, waits for
or remembers anything. Ours is the whole process: it loads, looks, places, creates, and looks again. Base
image and hosts are warm for all; rounds alternate, and medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.actuators.libvirt.domain_xml import Site, domain_xml
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.names import disk_volume
from reconciler.specs.desired import Disk, ImageFormat, ImageUse, InstanceKey, Machine
from reconciler.specs.fingerprint import sha256_hex
from tests.lab.boot_sector import boot_sector_image
from tests.lab.desk import Desk, image_yaml
from tests.lab.hosts import IMAGES, Host
from tests.lab.laboratory import Laboratory

_COUNTS = (1, 10, 30)
_GOALS = {1: 1.5, 30: 1.0}
_MEMORY_MIB, _ROOT_MIB, _DATA_MIB = 16, 16, 8

_SERVICE = f"""\
apiVersion: reconciler/v1
kind: Service
name: shop
components:
  web:
    image: sector
    replicas: {{count}}
    resources: {{{{cpus: 1, memory: {_MEMORY_MIB}MiB}}}}
    disks: {{{{root: {_ROOT_MIB}MiB, data: {_DATA_MIB}MiB}}}}
"""


@dataclass(frozen=True)
class Yard:
    """Hosts that hold the base image and nothing else, and a desk in front of them."""

    desk: Desk
    scratch: Path
    image: ImageUse

    @property
    def base(self) -> str:
        """Name of the base image's volume."""
        return f"reconciler.image.{self.image.disk}.qcow2"

    def clear(self) -> None:
        """Leave the base image and no machine."""
        for host in self.desk.lab.hosts:
            running = host.virsh("list", "--name").split()
            if running:
                host.virsh("; ".join(f"destroy {name}" for name in running), timeout=300)
            known = host.virsh("list", "--all", "--name").split()
            if known:
                host.virsh("; ".join(f"undefine {name}" for name in known))
            host.run(["find", IMAGES, "-type", "f", "!", "-name", self.base, "-delete"])
            host.virsh("pool-refresh", "default")

    def ours(self, count: int) -> float:
        """Seconds of one ``reconcile apply``."""
        self.desk.write("shop.yaml", _SERVICE.format(count=count))
        log = self.scratch / "apply.log"
        since = time.perf_counter()
        code = self.desk.start("apply", "--yes", log=log).wait(timeout=600)
        seconds = time.perf_counter() - since
        assert code == 0, log.read_text()
        self._all_run(count)
        return seconds

    def loop(self, count: int) -> float:
        """Seconds of the loop with a virsh a command."""
        return self._virsh(count, lambda commands: commands)

    def short_loop(self, count: int) -> float:
        """Seconds of the loop with a virsh a machine."""
        return self._virsh(count, lambda commands: ["; ".join(commands)])

    def _virsh(self, count: int, grouped: Callable[[list[str]], list[str]]) -> float:
        hosts = self.desk.lab.hosts
        jobs = [
            [*self._virsh_on(host), command]
            for number in range(count)
            for host in (hosts[number % len(hosts)],)
            for command in grouped(self._commands(number))
        ]
        since = time.perf_counter()
        for job in jobs:
            self.desk.lab.run(job, timeout=120)
        seconds = time.perf_counter() - since
        self._all_run(count)
        return seconds

    def _virsh_on(self, host: Host) -> list[str]:
        uri = f"qemu+ssh://root@{host.address}/system?keyfile={self.desk.lab.keyfile}&no_verify=1&no_tty=1"
        return ["virsh", "-q", "-c", uri]

    def _commands(self, number: int) -> list[str]:
        disks = (Disk("root", _ROOT_MIB), Disk("data", _DATA_MIB))
        key = InstanceKey("shop", "web", number)
        mark = Mark("lab", key, Machine(self.image, 1, _MEMORY_MIB, disks), complete=True)
        file = self.scratch / f"{key.name}.xml"
        file.write_text(domain_xml(mark, Site("qemu", "x86_64", IMAGES), seeded=False))
        root, data = (disk_volume("lab", key, disk.name) for disk in disks)
        return [
            f"vol-create-as default {root} {_ROOT_MIB}MiB --format qcow2"
            f" --backing-vol {self.base} --backing-vol-format qcow2",
            f"vol-create-as default {data} {_DATA_MIB}MiB --format qcow2",
            f"define {file}",
            f"start {key.name}",
        ]

    def _all_run(self, count: int) -> None:
        running = sum(len(host.virsh("list", "--name").split()) for host in self.desk.lab.hosts)
        assert running == count, f"{running} of {count} run"


def main() -> int:
    """Print the table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench apply", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    met = True
    with Laboratory(hosts=3) as lab, TemporaryDirectory(prefix="bench-apply-") as scratch:
        yard = _yard(lab, Path(scratch))
        title = f"seconds, median of {rounds}"
        print(f"{title:<24}{'plain loop':>12}{'4 in 1 virsh':>14}{'reconcile':>12}{'ratio':>8}{'':>8}  goal")
        for count in _COUNTS:
            plain, short, ours = _compared(yard, count, rounds)
            goal, ratio = _GOALS.get(count), ours / plain
            met = met and (goal is None or ratio <= goal)
            verdict = "" if goal is None else f"at most {goal}: {'met' if ratio <= goal else 'MISSED'}"
            figures = f"{plain:>12.2f}{short:>14.2f}{ours:>12.2f}{ratio:>8.2f}{ours / short:>8.2f}"
            print(f"{f'{count} machines':<24}{figures}  {verdict}")
    return 0 if met else 1


def _yard(lab: Laboratory, scratch: Path) -> Yard:
    desk = Desk(lab, scratch / "desk", quiet=True)
    desk.path.mkdir()
    (desk.path / "fleet.yaml").write_text(lab.fleet_yaml())
    sector = boot_sector_image(scratch / "sector.qcow2")
    (desk.path / "images.yaml").write_text(image_yaml([sector]))
    digest = sha256_hex(sector.read_bytes())
    yard = Yard(desk, scratch, ImageUse("sector", disk=digest, format=ImageFormat.QCOW2))
    # Brings the image to every host, and has each daemon probe its QEMU.
    yard.ours(len(lab.hosts))
    yard.clear()
    return yard


def _compared(yard: Yard, count: int, rounds: int) -> tuple[float, ...]:
    """Medians: the plain loop, the shorter one, ours."""
    works = (yard.loop, yard.short_loop, yard.ours)
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            taken.append(work(count))
            yard.clear()
    return tuple(statistics.median(taken) for taken in times)


if __name__ == "__main__":
    sys.exit(main())
