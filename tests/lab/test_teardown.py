"""Whatever happens to a laboratory, nothing of it stays behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import namespaces
from .boot_sector import boot_sector_image
from .domains import Disk, domain_xml
from .factory import Factory
from .hosts import IMAGES, Host, boot, wait_until
from .laboratory import Laboratory, teardown
from .namespaces import LabError


def remains_of(identity: str, networks: set[str]) -> list[str]:
    """Processes, network namespaces, mounts and directories that still carry a laboratory's id."""
    found = [f"process {pid}" for pid in namespaces.members(identity)]
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        network = namespaces.name_of(int(entry.name), "net")
        try:
            mounts = (entry / "mountinfo").read_text()
        except OSError:
            continue
        if network in networks:
            found.append(f"{network} of process {entry.name}")
        if identity in mounts:
            found.append(f"mount of process {entry.name}")
    return found + [f"directory {path}" for path in Path("/tmp").glob(f"*{identity}*")]


def networks_of(lab: Laboratory) -> set[str]:
    named = {namespaces.name_of(pid, "net") for pid in namespaces.members(lab.identity)}
    return named - {namespaces.name_of(os.getpid(), "net"), namespaces.name_of(1, "net")}


def test_nothing_is_left_after_teardown(laboratory_factory: Factory) -> None:
    lab = laboratory_factory(hosts=1)
    host = lab.hosts[0]
    image = boot_sector_image(host.path(f"{IMAGES}/left.qcow2"))
    xml = domain_xml("left", disks=[Disk(f"{IMAGES}/{image.name}")], memory_mib=16)
    boot(host, "left", xml, until="beat 1")
    networks = networks_of(lab)
    assert len(networks) == 3  # switch, controller, hv1
    assert len(remains_of(lab.identity, networks)) > 6
    lab.down()
    assert remains_of(lab.identity, networks) == []
    lab.down()  # and again is no error


def test_nothing_is_left_of_a_start_that_failed_halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Laboratory(hosts=2)

    def interrupted(_: Host) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Host, "start_daemon", interrupted)
    with pytest.raises(KeyboardInterrupt), lab:
        pass
    assert remains_of(lab.identity, set()) == []


def test_a_laboratory_whose_owner_was_killed_takes_itself_away() -> None:
    script = (
        "import os, signal\n"
        "from tests.lab.laboratory import Laboratory\n"
        "lab = Laboratory(hosts=1); lab.up(); print(lab.identity, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    here = Path(__file__).resolve().parents[2]
    owner = subprocess.run(
        [sys.executable, "-c", script], cwd=here, capture_output=True, text=True, timeout=60, check=False
    )
    identity = owner.stdout.strip()
    assert len(identity) == 12, owner.stderr
    wait_until(lambda: remains_of(identity, set()) == [], what=f"the end of {identity}")


def test_teardown_refuses_what_is_no_id() -> None:
    with pytest.raises(LabError):
        teardown("")


def test_a_guest_that_outlived_its_hosts_processes_is_found_by_its_mounts(
    laboratory_factory: Factory,
) -> None:
    lab = laboratory_factory(hosts=1)
    host = lab.hosts[0]
    image = boot_sector_image(host.path(f"{IMAGES}/orphan.qcow2"))
    xml = domain_xml("orphan", disks=[Disk(f"{IMAGES}/{image.name}")], memory_mib=16)
    boot(host, "orphan", xml, until="beat 1")
    guest = host.guest_pid("orphan")
    # libvirt gives qemu a clean environment: the mark is gone, and so is everyone who bore it.
    others = [pid for pid in namespaces.members(lab.identity) if pid != guest]
    namespaces.kill(others)
    wait_until(lambda: not any(namespaces.name_of(pid, "mnt") for pid in others), what="their end")
    assert namespaces.members(lab.identity) == (guest,)
    lab.down()
    assert remains_of(lab.identity, set()) == []
