"""`reconcile watch` in front of two real hosts: it follows the files, repairs, rests, and ends cleanly."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .boot_sector import boot_sector_image
from .desk import Desk, Watcher, clean, image_yaml, watching
from .domains import domain_xml
from .hosts import Host, wait_until
from .laboratory import Laboratory
from .truth import Held, calls_recorded, changes, held

_SELDOM = 3600.0
_IDLE_S = 20.0
_APART = "    placement: {anti_affinity: host}\n"
_SERVICE = f"""\
apiVersion: reconciler/v1
kind: Service
name: shop
components:
  db:
    image: sector
    replicas: 2
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB}}
{_APART}"""


@pytest.fixture(scope="module")
def sector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("images") / "sector.qcow2", heeds_button=True)


@pytest.fixture
def hosts(laboratory: Laboratory) -> Iterator[tuple[Host, ...]]:
    for host in laboratory.hosts:
        clean(host)
        host.define(domain_xml("somebody-elses"))
    yield laboratory.hosts
    for host in laboratory.hosts:
        clean(host)


@pytest.fixture
def desk(laboratory: Laboratory, hosts: tuple[Host, ...], sector: Path, tmp_path: Path) -> Desk:
    path = tmp_path / "desk"
    path.mkdir()
    (path / "fleet.yaml").write_text(laboratory.fleet_yaml())
    (path / "images.yaml").write_text(image_yaml([sector]))
    (path / "shop.yaml").write_text(_SERVICE)
    return Desk(laboratory, path)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    # A unix socket's path must be short.
    with TemporaryDirectory(prefix="w-") as directory:
        yield Path(directory)


def running(host: Host, name: str) -> bool:
    return name in host.virsh("list", "--name").split()


def settled(watcher: Watcher) -> None:
    """Wait until all was created: a guest that is destroyed while it starts is a failure that rests."""
    watcher.wait_for("carried out", within=60)
    assert "failed=0" in watcher.text()


def places(desk: Desk, name: str) -> list[Host]:
    return [host for host in desk.lab.hosts if running(host, name)]


def test_an_edited_file_is_followed_and_a_broken_one_leaves_everything_as_it_is(
    desk: Desk, scratch: Path
) -> None:
    with watching(desk, scratch, resync=_SELDOM) as watcher:
        settled(watcher)
        text = (desk.path / "shop.yaml").read_text()
        desk.write("shop.yaml", text.replace("replicas: 2", "replicas: 3").replace(_APART, ""))
        watcher.wait_for("carried out", times=2)
        assert places(desk, "shop-db-2")

        before = [held(host) for host in desk.lab.hosts]
        desk.edit("replicas: 3", "replicas: three")
        watcher.wait_for("the last good state stays in force")
        assert "shop.yaml:7:15: error: expected a whole number" in watcher.text()
        desk.edit("kind: Service", "kind: Srvice")
        watcher.wait_for("the last good state stays in force", times=2)
        assert [held(host) for host in desk.lab.hosts] == before

        desk.edit("kind: Srvice", "kind: Service")
        desk.edit("replicas: three", "replicas: 2")
        wait_until(lambda: not places(desk, "shop-db-2"), what="the third guest to go", within=30)


def test_a_guest_destroyed_behind_its_back_is_started_again(desk: Desk, scratch: Path) -> None:
    with watching(desk, scratch, resync=_SELDOM) as watcher:
        settled(watcher)
        (host,) = places(desk, "shop-db-0")
        for times in (2, 3):
            first = host.guest_pid("shop-db-0")
            since = time.monotonic()
            host.virsh("destroy", "shop-db-0")
            wait_until(lambda: running(host, "shop-db-0"), what="the guest to be back", within=30)
            print(f"back after {time.monotonic() - since:.2f} s")
            assert host.guest_pid("shop-db-0") != first
            watcher.wait_for("carried out", times=times)


def test_a_fleet_that_matches_is_only_looked_at(desk: Desk, scratch: Path) -> None:
    with watching(desk, scratch, resync=1.0) as watcher:
        settled(watcher)
        time.sleep(1.5)
        before, history = _everything(desk), desk.journal()
        with calls_recorded(desk.lab.hosts) as calls:
            time.sleep(_IDLE_S)
            seen = calls()
        assert seen["virConnectGetAllDomainStats"] >= _IDLE_S / 2, "it did not even look"
        assert not changes(seen)
        assert _everything(desk) == before
        assert desk.journal() == history


def test_a_recorder_of_calls_sees_what_changes(desk: Desk) -> None:
    host = desk.lab.hosts[0]
    with calls_recorded([host]) as calls:
        host.define(domain_xml("noise"))
        host.virsh("pool-refresh", "default")
        host.virsh("undefine", "noise")
        assert set(changes(calls())) >= {
            "virDomainDefineXML",
            "virStoragePoolRefresh",
            "virDomainUndefineFlags",
        }


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing_behind(desk: Desk, scratch: Path, how: signal.Signals) -> None:
    with watching(desk, scratch, resync=_SELDOM) as watcher:
        settled(watcher)
        assert watcher.end(how) == 0
        assert not list(scratch.iterdir())
        for host in desk.lab.hosts:
            host.run(["flock", "-n", "/run/lock/reconciler.lab.lock", "true"])
        assert "Traceback" not in watcher.text()


def test_a_libvirtd_that_was_killed_is_found_again_and_repaired(desk: Desk, scratch: Path) -> None:
    with watching(desk, scratch, resync=_SELDOM) as watcher:
        settled(watcher)
        (host,) = places(desk, "shop-db-0")
        (other,) = places(desk, "shop-db-1")
        host.kill_daemon()
        host.kill_guest("shop-db-0")
        watcher.wait_for("no answer")
        # Meanwhile the other host is looked after, and nothing is made anew in the place of what is not seen.
        other.virsh("destroy", "shop-db-1")
        wait_until(lambda: running(other, "shop-db-1"), what="the other guest to be back", within=30)
        assert not running(other, "shop-db-0")
        host.start_daemon()
        wait_until(lambda: running(host, "shop-db-0"), what="the guest to be back", within=60)
        assert not running(other, "shop-db-0")


def _everything(desk: Desk) -> list[Held]:
    return [held(host) for host in desk.lab.hosts]
