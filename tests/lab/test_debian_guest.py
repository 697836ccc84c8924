"""A real Debian, with the real cloud-init and qemu-guest-agent, is what it was declared to be."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .boot_sector import boot_sector_image
from .conftest import why_not
from .debian_guest import debian_guest
from .desk import Desk, image_yaml, set_up
from .hosts import Host, wait_until
from .laboratory import Laboratory
from .namespaces import LabError

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {cidr: 10.42.0.0/24}
components:
  app:
    image: debian
    resources: {cpus: 1, memory: 512MiB}
    disks: {root: 2GiB}
    networks: {back: {addresses: [10.42.0.10]}}
    healthcheck: {agent: [test, -e, /etc/shop.conf], interval: 2s, retries: 5, start_period: 5m}
    environment: {DATABASE: 'postgres://app@${{ components.db.addresses[0] }}:5432/shop'}
    ssh_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZvci10ZXN0aW5nLW9ubHk= ops@example]
    cloud_init: files/app.yaml
  db:
    image: sector
    resources: {cpus: 1, memory: 32MiB}
    disks: {root: 20MiB}
    networks: {back: {addresses: [10.42.0.20]}}
"""
# The hardest case for the names of peers: cloud-init itself writes /etc/hosts anew at every boot.
_CLOUD_INIT = """\
#cloud-config
manage_etc_hosts: true
users:
  - default
  - {name: ada, gecos: Ada, shell: /bin/sh}
write_files:
  - path: /etc/shop.conf
    content: |
      # made for ${{ instance.name }}
      database = ${{ components.db.addresses[0] }}
runcmd:
  - echo READY-$(hostname) > /dev/ttyS0
"""
_NAMES = "10.42.0.{} shop-db-0 db-0 db\n"


@pytest.fixture(scope="module")
def debian() -> Path:
    if reason := why_not():
        pytest.skip(reason)
    try:
        return debian_guest()
    except LabError as reason:
        pytest.skip(f"the Debian guest cannot be built here: {reason}")


@pytest.fixture
def desk(laboratory: Laboratory, debian: Path, tmp_path: Path) -> Iterator[Desk]:
    image = tmp_path / "debian.qcow2"
    image.symlink_to(debian)  # as people keep large files elsewhere
    sector = boot_sector_image(tmp_path / "sector.qcow2", heeds_button=True)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "app.yaml").write_text(_CLOUD_INIT)
    with set_up(laboratory, tmp_path, _SERVICE, image_yaml([image, sector])) as desk:
        yield desk


@dataclass(frozen=True)
class Inside:
    """The inside of a guest, through its agent as libvirt reaches it."""

    host: Host
    name: str

    def is_there(self) -> bool:
        """Whether the agent answers."""
        try:
            self._ask("guest-ping")
        except LabError:
            return False
        return True

    def run(self, command: str) -> str:
        """What a shell command prints."""
        words = {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True}
        process = self._ask("guest-exec", **words)["pid"]
        said: list[dict[str, object]] = []

        def ended() -> bool:
            said.append(self._ask("guest-exec-status", pid=process))
            return said[-1]["exited"] is True

        wait_until(ended, what=f"{command!r} in {self.name}", within=30, every=0.2)
        return base64.b64decode(str(said[-1].get("out-data", ""))).decode()

    def _ask(self, command: str, **arguments: object) -> dict[str, object]:
        text = json.dumps({"execute": command, "arguments": arguments})
        answer = json.loads(self.host.virsh("qemu-agent-command", "--timeout", "5", self.name, text))[
            "return"
        ]
        assert isinstance(answer, dict)
        return answer


def _ready(guest: Inside, *, times: int) -> None:
    """Its console says that it has booted, so many times, and its agent answers."""
    wait_until(
        lambda: "Reached target" in guest.host.serial(guest.name) and guest.is_there(),
        what=f"the agent of {guest.name}",
        within=300,
        every=1,
    )
    wait_until(
        lambda: (
            guest.host.serial(guest.name).count("Cloud-init v. ") >= 4 * times
            and guest.host.serial(guest.name).count(" finished at ") >= times
        ),
        what=f"cloud-init of {guest.name}",
        within=300,
        every=1,
    )


def _is_told_in_silence(desk: Desk, guest: Inside) -> None:
    """Its peer moves, and its network changes, while its agent is away for a moment; its peer once more when
    that has stopped for good.
    """
    agent = "$(pidof qemu-ga)"
    pause = f"sleep 1; kill -STOP {agent}; sleep 8; kill -CONT {agent}"
    guest.run(f"({pause}) > /dev/null 2>&1 < /dev/null &")
    wait_until(lambda: not guest.is_there(), what="the agent to fall silent", within=30, every=1)
    desk.edit("10.42.0.21", "10.42.0.23")
    desk.edit("cidr: 10.42.0.0/24", "cidr: 10.42.0.0/24, mtu: 1400")
    assert desk.reconcile("apply", "--yes")[0] == 0
    wait_until(guest.is_there, what="the agent to be back", within=60, every=1)
    assert _NAMES.format(23) in guest.run("cat /etc/hosts")
    assert guest.run("cat /sys/class/net/eth0/mtu") == "1400\n"

    # An agent that has stopped answering is no error, and keeps nobody waiting for long.
    guest.run(f"(sleep 1; kill -STOP {agent}) > /dev/null 2>&1 < /dev/null &")
    wait_until(lambda: not guest.is_there(), what="the agent to fall silent", within=30, every=1)
    desk.edit("10.42.0.23", "10.42.0.22")
    since = time.monotonic()
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    print(f"its peer moved, and its agent did not answer, in {time.monotonic() - since:.0f} s")
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_debian_is_what_it_was_declared_to_be_and_learns_where_its_peers_have_gone(desk: Desk) -> None:
    since = time.monotonic()
    code, report = desk.reconcile("apply", "--yes", "--wait", timeout=400)
    assert code == 0, report
    print(f"its agent says that it is healthy after {time.monotonic() - since:.0f} s")
    guest = Inside(desk.whereabouts()["shop-app-0"], "shop-app-0")
    _ready(guest, times=1)
    print(f"declared, made and booted in {time.monotonic() - since:.0f} s")
    assert "READY-shop-app-0" in guest.host.serial(guest.name)
    assert guest.run("hostname") == "shop-app-0\n"
    card = guest.run("ip -o address show eth0; cat /sys/class/net/eth0/mtu")
    assert "inet 10.42.0.10/24" in card
    assert card.endswith("\n1450\n")
    assert guest.run("id -un ada; getent passwd ada").startswith("ada\nada:x:")
    assert "AAAAIGZvci10ZXN0aW5nLW9ubHk=" in guest.run("cat /home/debian/.ssh/authorized_keys")
    assert guest.run("cat /etc/shop.conf") == "# made for shop-app-0\ndatabase = 10.42.0.20\n"
    assert _NAMES.format(20) in guest.run("cat /etc/hosts")
    assert guest.run("getent hosts db").split()[0] == "10.42.0.20"
    assert guest.run("stat -c '%a %U' /etc/reconciler/environment") == "600 root\n"
    before = guest.run("cat /etc/reconciler/environment; cat /proc/sys/kernel/random/boot_id")
    assert before.startswith('DATABASE="postgres://app@10.42.0.20:5432/shop"\n')
    first = guest.run("cat /var/lib/cloud/data/instance-id")

    desk.edit("10.42.0.20", "10.42.0.21")
    assert desk.deeds() == {("update_restart", "shop-db-0"), ("update_live", "shop-app-0")}
    since = time.monotonic()
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    print(f"its peer moved, and it was told, in {time.monotonic() - since:.0f} s")
    assert _NAMES.format(21) in guest.run("cat /etc/hosts")
    assert guest.run(
        "cat /etc/reconciler/environment; cat /proc/sys/kernel/random/boot_id"
    ) == before.replace("10.42.0.20", "10.42.0.21")
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0

    # A boot of its own finds the new seed: the same guest to cloud-init, which did not write /etc/hosts last.
    guest.host.virsh("reboot", guest.name, "--mode", "agent")
    _ready(guest, times=2)
    assert _NAMES.format(21) in guest.run("cat /etc/hosts")
    assert guest.run("cat /etc/reconciler/environment") == 'DATABASE="postgres://app@10.42.0.21:5432/shop"\n'
    assert guest.run("cat /var/lib/cloud/data/instance-id") == first
    assert guest.run("cat /etc/shop.conf") == "# made for shop-app-0\ndatabase = 10.42.0.20\n"

    _is_told_in_silence(desk, guest)

    # But whoever asks for its health is told.
    desk.edit("retries: 5, start_period: 5m", "retries: 1, start_period: 1s, timeout: 1s")
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 6, report
    (wait,) = report["steps"]
    assert "agent" in wait["detail"]
