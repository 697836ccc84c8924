"""Creating 1, 10 and 30 machines on three hosts over SSH, beside a plain virsh loop doing the same.

The loop is what a person would type: for each machine one ``virsh -c qemu+ssh://…`` that clones the root
disk, makes the data disk, defines the domain and starts it. It places nothing, waits for nothing and
remembers nothing. Ours is the whole process: it loads, looks, places, creates, and looks again. Base
image and hosts are warm for both; rounds alternate, and medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
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
        """Seconds of the loop."""
        hosts = self.desk.lab.hosts
        jobs = [self._job(hosts[number % len(hosts)], number) for number in range(count)]
        since = time.perf_counter()
        for job in jobs:
            self.desk.lab.run(job, timeout=120)
        seconds = time.perf_counter() - since
        self._all_run(count)
        return seconds

    def _job(self, host: Host, number: int) -> list[str]:
        disks = (Disk("root", _ROOT_MIB), Disk("data", _DATA_MIB))
        key = InstanceKey("shop", "web", number)
        mark = Mark("lab", key, Machine(self.image, 1, _MEMORY_MIB, disks), complete=True)
        file = self.scratch / f"{key.name}.xml"
        file.write_text(domain_xml(mark, Site("qemu", "x86_64", IMAGES), seeded=False))
        root, data = (disk_volume("lab", key, disk.name) for disk in disks)
        commands = (
            f"vol-create-as default {root} {_ROOT_MIB}MiB --format qcow2"
            f" --backing-vol {self.base} --backing-vol-format qcow2",
            f"vol-create-as default {data} {_DATA_MIB}MiB --format qcow2",
            f"define {file}",
            f"start {key.name}",
        )
        uri = f"qemu+ssh://root@{host.address}/system?keyfile={self.desk.lab.keyfile}&no_verify=1&no_tty=1"
        return ["virsh", "-q", "-c", uri, "; ".join(commands)]

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
        print(f"{f'seconds, median of {rounds}':<24}{'virsh loop':>12}{'reconcile':>12}{'ratio':>8}   goal")
        for count in _COUNTS:
            loop, ours = _compared(yard, count, rounds)
            goal = _GOALS.get(count)
            met = met and (goal is None or ours / loop <= goal)
            verdict = "" if goal is None else f"at most {goal}: {'met' if ours / loop <= goal else 'MISSED'}"
            print(f"{f'{count} machines':<24}{loop:>12.2f}{ours:>12.2f}{ours / loop:>8.2f}   {verdict}")
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


def _compared(yard: Yard, count: int, rounds: int) -> tuple[float, float]:
    loops: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        for times, work in ((loops, yard.loop), (ours, yard.ours)):
            times.append(work(count))
            yard.clear()
    return statistics.median(loops), statistics.median(ours)


if __name__ == "__main__":
    sys.exit(main())
