"""What a guest finds on the CD that it is given at boot."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from pycdlib import PyCdlib

from reconciler.context import nocloud_seed
from reconciler.errors import InvalidInput, Position
from reconciler.specs.desired import Instance
from reconciler.specs.guest import GuestContext, Interface, Peer
from tests.builders import instance, machine, sha

_CLOUD_INIT = Path("/usr/lib/python3/dist-packages/cloudinit")
_HAS_CLOUD_INIT = pytest.mark.skipif(
    not _CLOUD_INIT.is_dir(), reason="cloud-init is not installed: apt-get install cloud-init (scripts/test)"
)
_AWKWARD = 'it\'s "quoted" $HOME `id` \\n\ttwo\nlines #not a comment'
_CARDS = (
    Interface("52:54:00:aa:00:01"),
    Interface("52:54:00:aa:00:02", "10.42.0.10/24", 1450),
    Interface("52:54:00:aa:00:03", "fd00:1::10/64", 1400),
)
_PEER = Peer("10.42.0.11", ("shop-db-1", "db-1", "db"))


def told(
    text: str = "",
    *,
    keys: tuple[str, ...] = (),
    environment: tuple[tuple[str, str], ...] = (),
    digest: str = "first",
) -> Instance:
    context = GuestContext("shop-db-0", keys, environment, text)
    made = instance("shop-db-0", replace(machine(), context=sha(digest)))
    return replace(made, context=context, origin=Position("shop.yaml", 12, 3))


def on_segments(of: Instance, *cards: Interface, peers: tuple[Peer, ...] = ()) -> Instance:
    """The same once addresses are known."""
    assert of.context is not None
    return replace(of, context=replace(of.context, interfaces=cards, peers=peers))


def read(seed: bytes, name: str) -> str:
    """A file of the CD as Linux shows it, by Rock Ridge; Joliet must agree."""
    iso = PyCdlib()
    iso.open_fp(BytesIO(seed))
    by_rock_ridge, by_joliet = BytesIO(), BytesIO()
    iso.get_file_from_iso_fp(by_rock_ridge, rr_path=f"/{name}")
    iso.get_file_from_iso_fp(by_joliet, joliet_path=f"/{name}")
    iso.close()
    assert by_rock_ridge.getvalue() == by_joliet.getvalue()
    return by_rock_ridge.getvalue().decode()


def user_data(of: Instance) -> dict[str, object]:
    document = yaml.safe_load(read(nocloud_seed(of), "user-data"))
    assert isinstance(document, dict)
    return document


def instance_id(of: Instance) -> str:
    return str(yaml.safe_load(read(nocloud_seed(of), "meta-data"))["instance-id"])


def test_cloud_init_recognises_the_volume_and_the_first_line() -> None:
    seed = nocloud_seed(told())
    assert seed[16 * 2048 + 40 : 16 * 2048 + 72].strip() == b"cidata"
    assert read(seed, "user-data").startswith("#cloud-config\n")


def test_guest_learns_its_name() -> None:
    assert yaml.safe_load(read(nocloud_seed(told()), "meta-data"))["local-hostname"] == "shop-db-0"
    assert user_data(told())["hostname"] == "shop-db-0"


def test_changed_context_is_applied_at_the_next_boot() -> None:
    assert instance_id(told(digest="first")) == instance_id(told(digest="first"))
    assert instance_id(told(digest="first")) != instance_id(told(digest="second"))


def test_changed_cards_are_applied_at_the_next_boot() -> None:
    assert instance_id(on_segments(told(), *_CARDS)) == instance_id(on_segments(told(), *_CARDS))
    assert instance_id(on_segments(told(), *_CARDS)) != instance_id(on_segments(told(), *_CARDS[:2]))


def test_changed_peers_make_no_new_guest_of_it() -> None:
    other = on_segments(told(environment=(("DB", "10.42.0.11"),)), peers=(_PEER,))
    assert instance_id(other) == instance_id(told(environment=(("DB", "10.42.0.12"),)))


def test_peers_and_environment_are_told_at_every_boot_before_my_own_commands() -> None:
    mine = "bootcmd: [[mount, /data]]"
    first, second = boot_commands(on_segments(told(mine, environment=(("A", "1"),)), peers=(_PEER,)))
    assert "\n10.42.0.11 shop-db-1 db-1 db\n" in str(first)
    assert '\nA="1"\n' in str(first)
    assert second == ["mount", "/data"]


@pytest.mark.parametrize("value", ["true", "template", "'true'"])
def test_names_come_again_where_cloud_init_writes_the_hosts_file_itself(value: str) -> None:
    (ours,) = boot_commands(told(f"manage_etc_hosts: {value}"))
    assert "cat > /var/lib/cloud/scripts/per-boot/reconciler" in str(ours)


@pytest.mark.parametrize("text", ["", "manage_etc_hosts: localhost", "manage_etc_hosts: false"])
def test_names_come_once_where_they_stay(text: str) -> None:
    (ours,) = boot_commands(told(text))
    assert str(ours).startswith("rm -f /var/lib/cloud/scripts/per-boot/reconciler\n")
    assert "cat > /var/lib" not in str(ours)


def boot_commands(of: Instance) -> list[object]:
    commands = user_data(of)["bootcmd"]
    assert isinstance(commands, list)
    return commands


def test_cards_are_recognised_by_their_address_and_named_in_order() -> None:
    config = yaml.safe_load(read(nocloud_seed(on_segments(told(), *_CARDS)), "network-config"))
    assert config == {
        "version": 2,
        "ethernets": {
            "eth0": {"match": {"macaddress": "52:54:00:aa:00:01"}, "set-name": "eth0", "dhcp4": True},
            "eth1": {
                "match": {"macaddress": "52:54:00:aa:00:02"},
                "set-name": "eth1",
                "dhcp4": False,
                "dhcp6": False,
                "addresses": ["10.42.0.10/24"],
                "mtu": 1450,
            },
            "eth2": {
                "match": {"macaddress": "52:54:00:aa:00:03"},
                "set-name": "eth2",
                "dhcp4": False,
                "dhcp6": False,
                "addresses": ["fd00:1::10/64"],
                "mtu": 1400,
            },
        },
    }


def test_my_keys_are_added_to_those_of_my_document() -> None:
    mine = "ssh_authorized_keys: [ssh-ed25519 AAAA mine]"
    both = user_data(told(mine, keys=("ssh-ed25519 BBBB ops", "ssh-ed25519 AAAA mine")))
    assert both["ssh_authorized_keys"] == ["ssh-ed25519 AAAA mine", "ssh-ed25519 BBBB ops"]


def test_my_document_wins_where_both_say_something() -> None:
    both = user_data(told("hostname: other\npackages: [nginx]"))
    assert both["hostname"] == "other"
    assert both["packages"] == ["nginx"]


@pytest.mark.parametrize("text", ["- just\n- a list\n", "#!/bin/sh\necho hi\n", "key: [unclosed"])
def test_document_that_is_no_cloud_config_is_refused_where_it_is_used(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"shop.yaml:12:3: error: cloud_init of db is not"):
        nocloud_seed(told(text))


def test_secrets_are_nowhere_but_in_the_guests_own_file() -> None:
    secretive = told(environment=(("PASSWORD", "hunter2"),))
    assert "hunter2" not in repr(secretive)
    assert "hunter2" not in read(nocloud_seed(secretive), "meta-data")


_DOCUMENTS = (
    "",
    "packages: [nginx]\nusers: [default]\nruncmd: [[systemctl, start, nginx]]\n",
    "manage_etc_hosts: true\nbootcmd: [[mount, /data]]\nwrite_files: [{path: /etc/motd, content: hi}]\n",
)


def cloud_init(*words: str | Path) -> str:
    """Run Debian's own cloud-init, by Debian's own Python; what it says."""
    argv = ["/usr/bin/python3", "-m", "cloudinit.cmd.main", *map(str, words)]
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@_HAS_CLOUD_INIT
@pytest.mark.parametrize("text", _DOCUMENTS)
def test_cloud_init_itself_finds_nothing_wrong(text: str, tmp_path: Path) -> None:
    asked = told(text, keys=("ssh-ed25519 AAAA ops",), environment=(("A", _AWKWARD),))
    asked = on_segments(asked, *_CARDS, peers=(_PEER,))
    (tmp_path / "user-data").write_text(read(nocloud_seed(asked), "user-data"))
    assert "Valid cloud-config" in cloud_init("schema", "--config-file", tmp_path / "user-data")


@_HAS_CLOUD_INIT
def test_cloud_init_itself_would_tell_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "user-data").write_text("#cloud-config\nbootcmd: 5\n")
    with pytest.raises(AssertionError, match="bootcmd"):
        cloud_init("schema", "--config-file", tmp_path / "user-data")


@_HAS_CLOUD_INIT
@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("eni", ("iface eth0 inet dhcp", "address 10.42.0.10/24", "address fd00:1::10/64", "mtu 1400")),
        ("netplan", ("macaddress: 52:54:00:aa:00:02", "- 10.42.0.10/24", "- fd00:1::10/64", "mtu: 1400")),
        ("networkd", ("DHCP=ipv4", "Address=10.42.0.10/24", "Address=fd00:1::10/64", "MTUBytes=1400")),
    ],
)
def test_every_way_to_set_up_cards_understands_ours(
    kind: str, lines: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "network-config").write_text(
        read(nocloud_seed(on_segments(told(), *_CARDS)), "network-config")
    )
    made = tmp_path / "made"
    cloud_init(
        *("devel", "net-convert", "--kind", "yaml", "--distro", "debian", "--output-kind", kind),
        *("--network-data", tmp_path / "network-config", "--directory", made),
    )
    written = "\n".join(path.read_text() for path in sorted(made.rglob("*")) if path.is_file())
    assert [line for line in lines if line not in written] == [], written
