"""What sound documents come to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from reconciler.errors import Position
from reconciler.specs.desired import (
    Disk,
    Hypervisor,
    ImagePart,
    InstanceKey,
    Nic,
    NicKind,
    OnDelete,
    Overcommit,
    Resources,
)
from reconciler.specs.identity import instance_uuid
from reconciler.specs.limits import DeleteBudget
from reconciler.specs.placement import Affinity, Placement, Spread
from tests.unit.specs.writing import (
    DIGEST,
    FLEET,
    HEAD,
    IMAGE,
    component,
    host_of,
    instance_of,
    loaded,
    messages_of,
    placement_of,
    service,
    write,
)

KEY = "ssh-ed25519 AAAAC3Nza ops"


def test_component_becomes_as_many_instances_as_it_has_replicas(tmp_path: Path) -> None:
    desired = loaded(tmp_path, shop=component("replicas: 3\n"))
    assert [instance.name for instance in desired.instances] == ["shop-web-0", "shop-web-1", "shop-web-2"]
    first = desired.instances[0]
    assert first.uuid == instance_uuid("lab", InstanceKey("shop", "web", 0))
    assert first.origin == Position("shop.yaml", 5, 3)


def test_zero_replicas_are_no_instances_of_a_service_that_is_there(tmp_path: Path) -> None:
    desired = loaded(tmp_path, shop=component("replicas: 0\n"))
    assert (desired.services, desired.instances) == (("shop",), ())


def test_replicas_share_what_they_have_in_common(tmp_path: Path) -> None:
    desired = loaded(tmp_path, shop=component("replicas: 1000\nplacement: {anti_affinity: host}\n"))
    assert len({id(instance.machine) for instance in desired.instances}) == 1
    assert len({id(instance.placement) for instance in desired.instances}) == 1


def test_instances_are_sorted_by_service_component_and_number(tmp_path: Path) -> None:
    body = "replicas: 11\n"
    desired = loaded(tmp_path, b=component(body), a=component("", name="db").replace("name: shop", "name: a"))
    keys = [instance.key for instance in desired.instances]
    assert keys == sorted(keys)
    assert keys[-1].ordinal == 10


def test_root_disk_comes_first_and_the_others_by_name(tmp_path: Path) -> None:
    disks = "disks: {wal: 1GiB, root: 10GiB, data: {size: 1.5GiB, on_delete: retain}}"
    text = component("").replace("disks: {root: 10GiB}", disks)
    machine = loaded(tmp_path, shop=text).instances[0].machine
    assert machine.disks == (Disk("root", 10240), Disk("data", 1536, OnDelete.RETAIN), Disk("wal", 1024))


@pytest.mark.parametrize("networks", ["[front, back]", "{front: {}, back: {}}", "{front: , back: }"])
def test_network_cards_are_in_the_order_written_in_every_form(tmp_path: Path, networks: str) -> None:
    text = component(f"networks: {networks}\n")
    text = text.replace(
        "components:", "networks: {back: {bridge: br0}, front: {libvirt_network: lan}}\ncomponents:"
    )
    machine = loaded(tmp_path, shop=text).instances[0].machine
    assert machine.nics == (Nic(NicKind.NETWORK, "lan"), Nic(NicKind.BRIDGE, "br0"))


@pytest.mark.parametrize("depends_on", ["[db]", "{db: started}"])
def test_dependencies_have_a_short_and_a_long_form(tmp_path: Path, depends_on: str) -> None:
    text = (
        component(f"depends_on: {depends_on}\n")
        + "  db: {image: debian, resources: {cpus: 1, memory: 1GiB}, disks: {root: 1GiB}}\n"
    )
    by_name = {instance.name: instance for instance in loaded(tmp_path, shop=text).instances}
    assert by_name["shop-web-0"].depends_on == ("db",)  # type: ignore[index]


def test_defaults_are_merged_under_every_component(tmp_path: Path) -> None:
    text = service("""\
        defaults:
          image: debian
          resources: {cpus: 2, memory: 2GiB}
          disks: {root: 10GiB, data: 1GiB}
          ssh_keys: [ssh-ed25519 AAAA all]
          environment: {A: a, B: b}
        components:
          plain:
          other:
            resources: {memory: 4GiB}
            disks: {data: {size: 5GiB, on_delete: retain}}
            ssh_keys: [ssh-ed25519 AAAA other]
            environment: {B: c}
        """)
    other, plain = loaded(tmp_path, shop=text).instances
    assert plain.machine.resources == Resources(2, 2048, 11 * 1024)
    assert (other.machine.cpus, other.machine.memory_mib) == (2, 4096)
    assert other.machine.disks == (Disk("root", 10240), Disk("data", 5120, OnDelete.RETAIN))
    assert other.context is not None
    assert other.context.ssh_keys == ("ssh-ed25519 AAAA other",)
    assert other.context.environment == (("A", "a"), ("B", "c"))


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "22:22",
        "0777",
        "1e3",
        "52:54:00:12:34:56",
        "2024-01-01",
        "~",
        "null",
        "1_000",
        "0x1F",
        ".inf",
        "3.10",
    ],
)
def test_text_arrives_as_it_was_written(tmp_path: Path, text: str) -> None:
    context = instance_of(tmp_path, f"environment: {{A: {text}}}\n").context
    assert context is not None
    assert context.environment == (("A", text),)
    assert host_of(tmp_path, f'connect: "test:///default", labels: {{x: {text}}}').label("x") == text


def test_nothing_is_an_empty_text(tmp_path: Path) -> None:
    context = instance_of(tmp_path, "environment: {A: , B: ''}\n").context
    assert context is not None
    assert context.environment == (("A", ""), ("B", ""))


def test_aliases_stand_for_what_they_refer_to(tmp_path: Path) -> None:
    text = service("""\
        components:
          a: {image: debian, resources: &small {cpus: 3, memory: 1GiB}, disks: {root: 1GiB}}
          b: {image: debian, resources: *small, disks: {root: 1GiB}}
        """)
    assert [instance.machine.cpus for instance in loaded(tmp_path, shop=text).instances] == [3, 3]


def test_placement_in_its_short_forms(tmp_path: Path) -> None:
    affinity = "affinity: {to: web, over: rack}"
    fields = f"{{require: host.load < 1.0, anti_affinity: host, {affinity}, spread: {{over: rack}}}}"
    assert placement_of(tmp_path, fields) == Placement(
        require=("host.load < 1.0",),
        anti_affinity=(Affinity("web", "host"),),
        affinity=(Affinity("web", "rack"),),
        spread=(Spread("rack", 1),),
    )


def test_placement_in_its_long_forms(tmp_path: Path) -> None:
    placement = placement_of(
        tmp_path,
        """
      cluster: default
      require: [host.load < 1.0, 'host.labels.disk == "ssd"']
      anti_affinity: [host, {to: web, over: rack, strict: false}]
      affinity: [{to: web, strict: false}]
      spread: [{over: rack, max_skew: 2}, {over: row, strict: false}]
      rank: host.free.memory_gib - 4.0 * host.load
""",
    )
    assert placement == Placement(
        cluster="default",
        require=("host.load < 1.0", 'host.labels.disk == "ssd"'),
        anti_affinity=(Affinity("web", "host"), Affinity("web", "rack", strict=False)),
        affinity=(Affinity("web", "host", strict=False),),
        spread=(Spread("rack", 2), Spread("row", 1, strict=False)),
        rank="host.free.memory_gib - 4.0 * host.load",
    )


def test_anti_affinity_may_name_another_component(tmp_path: Path) -> None:
    text = component("placement: {anti_affinity: {to: db, over: rack}}\n")
    text += "  db: {image: debian, resources: {cpus: 1, memory: 1GiB}, disks: {root: 1GiB}}\n"
    (web,) = (each for each in loaded(tmp_path, shop=text).instances if each.key.component == "web")
    assert web.placement.anti_affinity == (Affinity("db", "rack"),)


def test_guest_that_is_told_nothing_has_no_context(tmp_path: Path) -> None:
    instance = instance_of(tmp_path, "ssh_keys: []\nenvironment: {}\n")
    assert (instance.context, instance.machine.context) == (None, None)


def test_digest_of_the_context_is_of_all_that_a_guest_is_told(tmp_path: Path) -> None:
    desired = loaded(tmp_path, shop=component(f"replicas: 2\nssh_keys: [{KEY}]\nenvironment: {{A: b}}\n"))
    for instance in desired.instances:
        assert instance.context is not None
        assert instance.context.hostname == instance.name
        told = {
            "hostname": str(instance.name),
            "ssh_keys": [KEY],
            "environment": [["A", "b"]],
            "cloud_init": "",
        }
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        assert instance.machine.context == hashlib.sha256(canonical).hexdigest()
        assert asdict(instance.context)["hostname"] == instance.name


def test_keys_and_cloud_config_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ops.pub").write_text(f"# operators\n{KEY}\n\nssh-rsa AAAA x\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "web.yaml").write_text("#cloud-config\npackages: !!seq [nginx]\n")
    context = instance_of(
        tmp_path, f"ssh_keys: [file:keys/ops.pub, {KEY}]\ncloud_init: files/web.yaml\n"
    ).context
    assert context is not None
    assert context.ssh_keys == (KEY, "ssh-rsa AAAA x")
    assert context.cloud_init == "#cloud-config\npackages: !!seq [nginx]\n"


def test_cloud_config_may_hold_yaml_that_documents_may_not(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("#cloud-config\na: &x {b: 1}\nc: {<<: *x}\nd: !!binary aGk=\n")
    text = component("cloud_init: web.yaml\n")
    assert loaded(tmp_path, shop=text).instances
    write(tmp_path, shop=text.replace("image: debian", "image: debain"))
    assert messages_of(tmp_path) == ["shop.yaml:6:12: error: unknown image 'debain'  [components.web.image]"]


def test_secrets_of_the_context_stay_out_of_what_is_printed(tmp_path: Path) -> None:
    assert "hunter2" not in repr(instance_of(tmp_path, "environment: {PASSWORD: hunter2}\n"))


def test_image_file_is_beside_its_document(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "d.raw").write_bytes(b"")
    text = HEAD.format(kind="Image", name="local") + f"source: d.raw\nsha256: {DIGEST.upper()}\nformat: raw\n"
    (tmp_path / "images" / "local.yaml").write_text(text)
    image = loaded(tmp_path).image("local")
    assert image.parts == (ImagePart(str(tmp_path / "images" / "d.raw"), DIGEST),)  # type: ignore[arg-type]


def test_appliance_boots_a_kernel_without_a_root_disk(tmp_path: Path) -> None:
    image = HEAD.format(kind="Image", name="probe") + (
        f"kernel: {{source: https://i.example/k, sha256: {DIGEST}}}\n"
        f"initrd: {{source: https://i.example/i, sha256: {DIGEST[::-1]}}}\ncmdline: quiet\n"
    )
    text = component("").replace("image: debian", "image: probe").replace("    disks: {root: 10GiB}\n", "")
    machine = loaded(tmp_path, probe=image, shop=text).instances[0].machine
    assert (machine.image.kernel, machine.image.initrd, machine.image.cmdline) == (
        DIGEST,
        DIGEST[::-1],
        "quiet",
    )
    assert machine.disks == ()


def test_host_has_everything_that_was_written(tmp_path: Path) -> None:
    host = host_of(
        tmp_path,
        'connect: "sim://", hypervisor: qemu, cluster: prod, labels: {b: x, a: y}, '
        "capacity: {cpus: 8, memory: 16GiB, disk: 1TiB}, overcommit: {cpu: 4, memory: 1.5}, "
        "reserve: {cpus: 1, memory: 2GiB}",
    )
    assert (host.hypervisor, host.cluster) == (Hypervisor.QEMU, "prod")
    assert host.labels == (("a", "y"), ("b", "x"))
    assert host.capacity == Resources(8, 16384, 1 << 20)
    assert host.overcommit == Overcommit(4.0, 1.5, 1.0)
    assert host.reserve == Resources(1, 2048, 0)
    assert host.origin == Position("fleet.yaml", 4, 9)


def test_capacity_of_a_real_host_is_left_to_be_discovered(tmp_path: Path) -> None:
    assert host_of(tmp_path, "connect: ssh://hv1.example").capacity is None


def test_paths_of_a_connection_are_beside_the_fleet_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    uri = "ssh://ops@hv1.example:2222/?keyfile=keys/id&known_hosts=~/hosts&socket=/run/l%20v.sock"
    connect = host_of(tmp_path, f'connect: "{uri}"').connect
    assert connect.keyfile == str(tmp_path / "keys" / "id")
    assert connect.known_hosts == "/home/ops/hosts"
    assert connect.socket == "/run/l v.sock"
    assert (connect.user, connect.address, connect.port) == ("ops", "hv1.example", 2222)


def test_hosts_are_sorted_and_limits_are_read(tmp_path: Path) -> None:
    text = HEAD.format(kind="Fleet", name="lab") + (
        "hosts: {b: {connect: test:///default}, a: {connect: test:///default}}\nlimits: {deletes: {max: 0}}\n"
    )
    fleet = loaded(tmp_path, fleet=text).fleet
    assert [host.name for host in fleet.hosts] == ["a", "b"]
    assert fleet.deletes == DeleteBudget(max=0, percent=10)


def test_declared_clusters_may_be_empty_in_either_form(tmp_path: Path) -> None:
    text = FLEET.replace("hosts:", "clusters: {default: {}, prod: }\nhosts:")
    assert (
        loaded(tmp_path, fleet=text, shop=component("placement: {cluster: prod}\n"))
        .instances[0]
        .placement.cluster
        == "prod"
    )


def test_faults_of_all_files_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        a=component("replcas: 2\n"),
        image=IMAGE + "x: y\n",
        c="{",
        d=service("components: 1\n", name="d"),
    )
    assert [message.split(": error")[0] for message in messages_of(tmp_path)] == [
        "a.yaml:9:5",
        "c.yaml:1:1",
        "d.yaml:4:13",
        "image.yaml:7:1",
    ]


def test_same_directory_gives_the_same_value_twice(tmp_path: Path) -> None:
    text = component(f"replicas: 2\nssh_keys: [{KEY}]\n")
    assert loaded(tmp_path, shop=text) == loaded(tmp_path, shop=text)
