"""A no-op ``plan`` of 1,000 simulated instances on 50 hosts: the whole process, and each stage of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.startup import median_seconds
from reconciler.cli.session import Request, engine
from reconciler.engine.cycle import decide
from reconciler.render.json import dumps, plan_json
from reconciler.specs.desired import Desired
from reconciler.state import Observed

_HOSTS = 50
_COMPONENTS = 20
_REPLICAS = 50
_RECONCILE = str(Path(sys.executable).with_name("reconcile"))


def write_fleet(directory: Path) -> None:
    """50 simulated hosts in 10 racks, and one service of 20 components with 50 replicas each."""
    hosts = "\n".join(
        f'  h{n:02}: {{connect: "sim://", labels: {{rack: r{n % 10}}},'
        " capacity: {cpus: 128, memory: 512GiB, disk: 20TiB}}"
        for n in range(_HOSTS)
    )
    components = "\n".join(
        f"  c{n:02}:\n    replicas: {_REPLICAS}\n    resources: {{cpus: 2, memory: 4GiB}}\n"
        "    disks: {root: 10GiB, data: 20GiB}\n    networks: [lan]\n"
        "    placement: {spread: {over: rack, max_skew: 2}, require: ['host.labels.rack != \"r99\"']}"
        for n in range(_COMPONENTS)
    )
    (directory / "fleet.yaml").write_text(
        f"apiVersion: reconciler/v1\nkind: Fleet\nname: bench\nhosts:\n{hosts}\n"
    )
    (directory / "service.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Image\nname: base\nsource: https://images.example/base.qcow2\n"
        f"sha256: '{'ab' * 32}'\nformat: qcow2\n---\n"
        "apiVersion: reconciler/v1\nkind: Service\nname: big\nnetworks: {lan: {bridge: br0}}\n"
        f"defaults: {{image: base}}\ncomponents:\n{components}\n"
    )


class Stages:
    """Prints the time since the last stage."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def ended(self, name: str) -> None:
        now = time.perf_counter()
        print(f"  {name:30}{(now - self._since) * 1000:8.1f} ms")
        self._since = now


async def look(request: Request, desired: Desired) -> Observed:
    """One read-only look at the whole fleet."""
    async with engine(request, desired, verb="bench", read_only=True) as cycle:
        return await cycle.hosts.observe()


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        directory = Path(name)
        write_fleet(directory)
        since = time.perf_counter()
        subprocess.run([_RECONCILE, "apply", name, "--yes"], check=True, capture_output=True)
        print(f"apply of 1,000 onto nothing       {time.perf_counter() - since:8.2f} s")
        argv = [_RECONCILE, "plan", name, "-o", "json", "--detailed-exitcode"]
        print(f"no-op plan, whole process         {median_seconds(argv, 5) * 1000:8.1f} ms, of which:")
        request = Request(directory, None, None)
        stages = Stages()
        desired = request.desired()
        stages.ended("load")
        observed = asyncio.run(look(request, desired))
        stages.ended("observe 50 hosts")
        plan = decide(desired, observed).plan
        stages.ended("plan")
        dumps(plan_json(plan))
        stages.ended("render")


if __name__ == "__main__":
    main()
