"""Fleets to measure with: directories of YAML with every kind of rule, and what their hosts would say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.actions import Create, PutNetwork
from reconciler.planner import make_plan
from reconciler.planner.objects import after
from reconciler.planner.scope import sorted_desired
from reconciler.specs.desired import Desired, Fleet, HostName, Instance, Resources, Sha256
from reconciler.state import HostState, InstanceState, Live, LiveDisk, Observed, Power, VolumeState

HOSTS_OF_A_RACK = 40
_HEADING = "apiVersion: reconciler/v1\nkind: "
_SERVICES_OF_A_FILE = 25
_PER_SERVICE = 30
_CAPACITY = Resources(128, 512 * 1024, 20 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Size:
    """How many machines on how many hosts."""

    instances: int
    hosts: int

    def __str__(self) -> str:
        return f"{self.instances:,} x {self.hosts:,}"

    @property
    def racks(self) -> int:
        """Of about ``HOSTS_OF_A_RACK`` hosts, and never fewer than five."""
        return max(5, self.hosts // HOSTS_OF_A_RACK)


def write_simulated(directory: Path) -> None:
    """50 simulated hosts in 10 racks, and one service of 20 components with 50 replicas each."""
    hosts = "\n".join(
        f'  h{n:02}: {{connect: "sim://", labels: {{rack: r{n % 10}}},'
        " capacity: {cpus: 128, memory: 512GiB, disk: 20TiB}}"
        for n in range(50)
    )
    components = "\n".join(
        f"  c{n:02}:\n    replicas: 50\n    resources: {{cpus: 2, memory: 4GiB}}\n"
        "    disks: {root: 10GiB, data: 20GiB}\n    networks: [lan]\n"
        "    placement: {spread: {over: rack, max_skew: 2}, require: ['host.labels.rack != \"r99\"']}"
        for n in range(20)
    )
    (directory / "fleet.yaml").write_text(f"{_HEADING}Fleet\nname: bench\nhosts:\n{hosts}\n")
    (directory / "service.yaml").write_text(
        f"{_image()}---\n{_HEADING}Service\nname: big\nnetworks: {{lan: {{bridge: br0}}}}\n"
        f"defaults: {{image: base}}\ncomponents:\n{components}\n"
    )


def write_fleet(directory: Path, size: Size, *, drained: int | None = None) -> None:
    """Racks of hosts over SSH, and services of four components: every kind of rule, one in five with a
    segment of its own. The hosts of the rack ``drained`` are in maintenance.
    """
    keys = directory / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "ops.pub").write_text(f"ssh-ed25519 {'A' * 68} ops@bench\n")
    (directory / "fleet.yaml").write_text(_fleet(size, drained))
    (directory / "images.yaml").write_text(_image())
    services = [_service(number, count) for number, count in enumerate(_counts(size.instances))]
    for first in range(0, len(services), _SERVICES_OF_A_FILE):
        text = "---\n".join(services[first : first + _SERVICES_OF_A_FILE])
        (directory / f"services-{first // _SERVICES_OF_A_FILE:04}.yaml").write_text(text)


def rack_of(host: int, size: Size) -> int:
    """Neighbours in number are in different racks."""
    return host % size.racks


def _image() -> str:
    return (
        f"{_HEADING}Image\nname: base\nsource: https://images.example/base.qcow2\n"
        f"sha256: '{'ab' * 32}'\nformat: qcow2\n"
    )


def _fleet(size: Size, drained: int | None) -> str:
    hosts = "\n".join(
        f"  h{n:04}: {{connect: ssh://ops@h{n:04}.example, cluster: {'prod' if n % 10 else 'edge'}, "
        f"labels: {{rack: r{rack_of(n, size):02}, disk: {'ssd' if n % 4 else 'hdd'}, row: w{n % 7}}}, "
        f"overcommit: {{cpu: 4}}, reserve: {{memory: 8GiB}}"
        + (", maintenance: true}" if rack_of(n, size) == drained else "}")
        for n in range(size.hosts)
    )
    return f"{_HEADING}Fleet\nname: bench\nclusters: {{prod: {{}}, edge: {{}}}}\nhosts:\n{hosts}\n"


def _counts(instances: int) -> Iterator[int]:
    left = instances
    while left > 0:
        yield min(left, _PER_SERVICE)
        left -= _PER_SERVICE


def _service(number: int, count: int) -> str:
    """Of ``count`` machines; three components or more, and every fourth has a cache beside them."""
    db, cache = min(2, count), (3 if number % 4 == 0 and count > 12 else 0)
    web = max(0, (count - db - cache) // 3)
    app = max(0, count - db - cache - web)
    segment = number % 5 == 0
    back = f"{{cidr: 10.{number // 250}.{number % 250}.0/24}}" if segment else "{bridge: br-back}"
    database = "DATABASE: 'postgres://${{ components.db.instances[0].name }}:5432/s'"
    extra = f"  cache:\n{_component(cache, 2, 8, 'back')}{_CACHE}" if cache else ""
    return (
        f"{_HEADING}Service\nname: s{number:04}\n"
        f"networks: {{front: {{bridge: br-front}}, back: {back}}}\n"
        f"defaults:\n  image: base\n  ssh_keys: ['file:keys/ops.pub']\n  disks: {{root: 10GiB}}\n"
        f"components:\n  db:\n{_component(db, 4, 8, 'back')}{_DB}"
        f"  app:\n{_component(app, 2, 4, 'back')}{_APP}    environment: {{MODE: prod, {database}}}\n"
        f"  web:\n{_component(web, 1, 2, 'front, back')}{_WEB}{extra}"
    )


def _component(replicas: int, cpus: int, memory: int, networks: str) -> str:
    return (
        f"    replicas: {replicas}\n    resources: {{cpus: {cpus}, memory: {memory}GiB}}\n"
        f"    networks: [{networks}]\n"
    )


_DB = """\
    disks: {root: 10GiB, data: {size: 100GiB, on_delete: retain}}
    placement:
      cluster: prod
      require: ['host.labels.disk == "ssd"']
      anti_affinity: [host, {over: rack, strict: false}]
    healthcheck: {tcp: 5432, interval: 10s, start_period: 3m}
    protect: true
"""
_APP = """\
    depends_on: {db: healthy}
    placement:
      cluster: prod
      anti_affinity: host
      spread: {over: rack, max_skew: 2}
      affinity: {to: db, over: row, strict: false}
    healthcheck: {http: ':8080/healthz', interval: 5s}
    update: {parallelism: 2}
"""
_WEB = """\
    depends_on: {app: healthy}
    placement: {cluster: prod, anti_affinity: [host, {to: db, over: host}], rank: host.free.memory_gib}
    healthcheck: {http: ':80/', expect: [200, 301]}
"""
_CACHE = """\
    depends_on: [db]
    placement: {cluster: edge, spread: {over: rack, max_skew: 3, strict: false}}
"""


def recorded_empty(fleet: Fleet) -> Observed:
    """Hosts that have nothing yet but the base image."""
    return Observed(
        fleet.name,
        tuple(
            HostState(
                host.name,
                _CAPACITY,
                bridges=("br-back", "br-front"),
                images=(Sha256("ab" * 32),),
                address=f"172.{16 + n // 65536}.{n // 256 % 256}.{n % 256}",
            )
            for n, host in enumerate(fleet.hosts)
        ),
    )


def recorded_done(desired: Desired) -> Observed:
    """The fleet once all is as it should be: the planner finds nothing to do."""
    desired = sorted_desired(desired)
    empty = recorded_empty(desired.fleet)
    found: dict[HostName, list[InstanceState]] = {host.name: [] for host in desired.fleet.hosts}
    for step in make_plan(desired, empty).steps:
        if isinstance(step.action, Create):
            found[step.action.host].append(_made(step.action.instance, step.action.host))
    assert sum(map(len, found.values())) == len(desired.instances)
    hosts = {state.host: _holding(state, found[state.host]) for state in empty.hosts}
    observed = replace(empty, hosts=tuple(hosts.values()))
    for step in make_plan(desired, observed).steps:
        assert isinstance(step.action, PutNetwork), step
        hosts[step.host] = after(step.action, hosts[step.host])
    observed = replace(empty, hosts=tuple(hosts.values()))
    left = make_plan(desired, observed)
    assert left.is_idle and not left.blocked, (left.steps[:3], left.blocked[:3])
    return observed


def drifted(observed: Observed) -> Observed:
    """One machine in a hundred is not what it was: by turns it has stopped, has fewer CPUs, or is gone."""
    number = 0
    hosts = []
    for host in observed.hosts:
        kept: list[InstanceState] = []
        for state in host.instances:
            number += 1
            match number % 300:
                case 0:
                    kept.append(replace(state, power=Power.STOPPED, detail="crashed"))
                case 100:
                    kept.append(replace(state, live=replace(state.live, cpus=state.live.cpus + 1)))
                case 200:
                    continue
                case _:
                    kept.append(state)
        hosts.append(_holding(host, kept))
    return replace(observed, hosts=tuple(hosts))


def _made(instance: Instance, host: HostName) -> InstanceState:
    machine = instance.machine
    disks = tuple(LiveDisk(disk.name, disk.size_mib) for disk in machine.disks)
    live = Live(machine.cpus, machine.memory_mib, disks, machine.plugs)
    return InstanceState(host, instance.key, instance.fleet, instance.uuid, Power.RUNNING, machine, live)


def _holding(host: HostState, states: list[InstanceState]) -> HostState:
    ordered = tuple(sorted(states, key=lambda each: each.key))
    volumes = tuple(VolumeState(each.key, disk.name) for each in ordered for disk in each.applied.disks)
    return replace(host, instances=ordered, volumes=volumes)
