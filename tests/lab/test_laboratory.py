"""The laboratory is what it says: real, separate hosts that can be hurt, and nothing left afterwards."""

import asyncio
import hashlib
import io
import os
import subprocess
import urllib.request
from pathlib import Path
from signal import SIGSEGV

import asyncssh
import pycdlib
import pytest

from . import namespaces
from .boot_sector import BANNER, boot_sector_image
from .domains import Disk, domain_xml
from .factory import Factory
from .guest import Guest, load_order
from .hosts import IMAGES, Host, boot, wait_until
from .laboratory import Laboratory, enter_network
from .namespaces import LabError
from .settings import DAEMON_LOG


def discard(host: Host, name: str) -> None:
    if "running" in host.virsh("domstate", name):
        host.virsh("destroy", name)
    host.virsh("undefine", name)


def write_seed(path: Path, files: dict[str, bytes]) -> None:
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (name, body) in enumerate(files.items()):
        image.add_fp(io.BytesIO(body), len(body), f"/F{number}.;1", rr_name=name, joliet_path=f"/{name}")
    image.write(str(path))
    image.close()


def test_hosts_answer_over_ssh_and_are_not_one_host(laboratory: Laboratory) -> None:
    capabilities = [laboratory.ssh(host, "virsh", "capabilities") for host in laboratory.hosts]
    uuids = [text.partition("<uuid>")[2].partition("</uuid>")[0] for text in capabilities]
    assert uuids == [host.uuid for host in laboratory.hosts]
    assert len(set(uuids)) == 2
    assert [laboratory.ssh(host, "hostname") for host in laboratory.hosts] == ["hv1", "hv2"]


def test_each_host_has_its_own_pool_network_and_bridge(laboratory: Laboratory) -> None:
    first, second = laboratory.hosts
    first.path(f"{IMAGES}/only-on-hv1").touch()
    for host in laboratory.hosts:
        assert set(host.virsh("pool-list", "--autostart", "--name").split()) == {"default", "fast"}
        assert host.virsh("net-list").split()[:2] == ["lab", "active"]
        assert host.run(["ip", "-br", "link", "show", "br-lab"]).split()[1] == "UP"
    assert not second.path(f"{IMAGES}/only-on-hv1").exists()


async def _through_the_relay(host: Host, lab: Laboratory, *, known_hosts: Path, fetched: Path) -> None:
    async with asyncssh.connect(
        host.address,
        username="root",
        client_keys=[str(lab.keyfile)],
        known_hosts=str(known_hosts),
        config=None,
    ) as connection:
        _, writer = await connection.open_unix_connection("/run/libvirt/libvirt-sock")
        writer.close()
        async with connection.start_sftp_client() as sftp:
            await sftp.get("/etc/hosts", str(fetched))


def test_a_client_in_this_process_reaches_the_socket_and_sftp_under_strict_keys(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    host = laboratory.hosts[0]
    fetched, known_hosts = tmp_path / "hosts", laboratory.known_hosts_file
    asyncio.run(_through_the_relay(host, laboratory, known_hosts=known_hosts, fetched=fetched))
    assert "10.213.0.12 hv2" in fetched.read_text()
    # The other host's key under this host's address must not pass.
    lines = known_hosts.read_text().splitlines()
    swapped = tmp_path / "known_hosts"
    swapped.write_text(f"{host.address} {lines[1].partition(' ')[2]}\n")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        asyncio.run(_through_the_relay(host, laboratory, known_hosts=swapped, fetched=fetched))


def test_the_guest_boots_reads_its_seed_and_heeds_the_power_button(
    laboratory: Laboratory, guest: Guest
) -> None:
    host, name, mac = laboratory.hosts[0], "seeded", "52:54:00:00:00:aa"
    user_data = b"#cloud-config\nhostname: ignored-by-the-small-guest\n"
    network = (
        f'version: 2\nethernets:\n  n0: {{match: {{macaddress: "{mac}"}}, addresses: [10.213.0.77/24]}}\n'
    )
    write_seed(
        host.path(f"{IMAGES}/seed.iso"),
        {
            "meta-data": b"instance-id: i-1\nlocal-hostname: shop-db-0\n",
            "user-data": user_data,
            "network-config": network.encode(),
        },
    )
    host.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{IMAGES}/data.qcow2", "8M"])
    disks = [Disk(f"{IMAGES}/data.qcow2"), Disk(f"{IMAGES}/seed.iso", format="raw", cdrom=True)]
    xml = domain_xml(name, guest=guest.put_on(host), disks=disks, mac=mac)
    boot(host, name, xml, until="beat 2")
    said = host.serial(name).splitlines()
    assert "RECONCILER-GUEST-UP shop-db-0" in said
    assert "SEED shop-db-0" in said
    assert f"USERDATA-SHA256 {hashlib.sha256(user_data).hexdigest()}" in said
    assert "DISK vda 16384" in said
    with urllib.request.urlopen("http://10.213.0.77/", timeout=10) as page:
        assert page.read() == b"shop-db-0\n"
    host.virsh("shutdown", name, "--mode", "acpi")
    wait_until(lambda: host.virsh("domstate", name) == "shut off", what="a graceful shutdown", within=30)
    assert "POWER-BUTTON" in host.serial(name)
    discard(host, name)


def test_the_boot_sector_boots_from_its_image_and_migrates_while_it_beats(laboratory: Laboratory) -> None:
    source, target = laboratory.hosts
    image = boot_sector_image(laboratory.shared / "sector.qcow2")
    xml = domain_xml("sector", disks=[Disk(f"/srv/{image.name}")], memory_mib=16)
    boot(source, "sector", xml, until="beat 2\n")
    assert source.serial("sector").split("\n")[0].strip().endswith(BANNER)
    destination = f"qemu+tcp://{target.address}/system"
    source.virsh(
        "migrate", "--live", "--p2p", "--persistent", "--undefinesource", "--unsafe", "sector", destination
    )
    assert source.virsh("list", "--all", "--name") == ""
    wait_until(lambda: "beat" in target.serial("sector"), what="the beat to go on")
    assert BANNER not in target.serial("sector")  # it went on, it did not start again
    discard(target, "sector")


def test_a_frozen_daemon_does_not_answer_and_its_neighbour_does(laboratory: Laboratory) -> None:
    frozen, awake = laboratory.hosts
    frozen.stop_daemon()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            frozen.virsh("list", timeout=1)
        assert awake.virsh("hostname") == "hv2"
    finally:
        frozen.continue_daemon()
    assert frozen.virsh("hostname") == "hv1"


def test_a_killed_daemon_leaves_its_guest_running_and_a_crash_does_not(laboratory: Laboratory) -> None:
    host = laboratory.hosts[1]
    image = boot_sector_image(host.path(f"{IMAGES}/survivor.qcow2"))
    xml = domain_xml("survivor", disks=[Disk(f"{IMAGES}/{image.name}")], memory_mib=16)
    boot(host, "survivor", xml, until="beat 1")
    pid = host.guest_pid("survivor")
    host.kill_daemon()
    with pytest.raises(LabError):
        host.daemon_pid()
    host.start_daemon()
    assert host.virsh("domstate", "survivor") == "running"
    assert host.guest_pid("survivor") == pid
    host.crash()
    assert host.processes() == ()
    host.boot()
    assert host.virsh("domstate", "survivor") == "shut off"
    discard(host, "survivor")


def test_a_daemon_that_crashes_is_started_again_and_that_is_told(laboratory: Laboratory) -> None:
    host = laboratory.hosts[1]
    crashed = host.daemon_pid()
    os.kill(crashed, SIGSEGV)
    wait_until(lambda: crashed not in host.processes(), what="its death")
    wait_until(lambda: "libvirtd crashed (Segmentation fault)" in _log(host), what="the log to say so")
    wait_until(lambda: _answers(host), what="libvirtd to answer again")
    assert host.daemon_pid() != crashed


def _log(host: Host) -> str:
    return host.path(DAEMON_LOG).read_text()


def _answers(host: Host) -> bool:
    try:
        return host.virsh("hostname") == host.name
    except LabError:
        return False


def test_the_network_is_entered_and_left(laboratory_factory: Factory) -> None:
    other = laboratory_factory(hosts=1)
    before = namespaces.name_of(os.getpid(), "net")
    with enter_network(other):
        assert namespaces.name_of(os.getpid(), "net") == namespaces.name_of(other.controller, "net") != before
    assert namespaces.name_of(os.getpid(), "net") == before
    other.down()


def test_modules_load_after_what_they_need() -> None:
    needs = {
        "a/net.ko": ("b/fail.ko", "c/ring.ko"),
        "b/fail.ko": (),
        "c/ring.ko": (),
        "d/blk.ko": ("c/ring.ko",),
    }
    assert load_order(("net", "blk"), needs) == ("c/ring.ko", "b/fail.ko", "a/net.ko", "d/blk.ko")
