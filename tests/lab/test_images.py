"""Base images on real hosts: where they come from, what is refused, and what a prune takes away."""

from __future__ import annotations

import asyncio
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libvirt")

from reconciler.actions import PutImage
from reconciler.actuators.hostfiles import HostFiles, RemoteFiles
from reconciler.actuators.libvirt.actuator import LibvirtActuator
from reconciler.errors import ActionFailed, NoRoom
from reconciler.specs.desired import Image, ImageFormat, ImagePart, ImageUse
from reconciler.specs.fingerprint import sha256_hex

from .boot_sector import boot_sector_image
from .desk import Desk, image_yaml, set_up
from .domains import Disk, domain_xml
from .laboratory import Laboratory
from .libvirt_bench import POOL, Bench, Supplies, benches
from .namespaces import run

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
components:
  db:
    image: sector
    replicas: 1
    resources: {cpus: 1, memory: 32MiB}
    disks: {root: 20MiB}
    placement: {anti_affinity: host}
"""


@pytest.fixture
def desk(laboratory: Laboratory, tmp_path: Path) -> Iterator[Desk]:
    sector = boot_sector_image(tmp_path / "sector.qcow2", heeds_button=True)
    with set_up(laboratory, tmp_path, _SERVICE, image_yaml([sector])) as desk:
        yield desk


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The files of a directory on the web."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def image_step(plan: dict[str, Any]) -> dict[str, Any]:
    (step,) = (each for each in plan["steps"] if each["action"] == "image")
    return dict(step)


def test_an_image_whose_source_has_vanished_comes_from_another_host(desk: Desk) -> None:
    sector = desk.path / "sector.qcow2"
    with served(desk.path) as url:
        desk.edit(f"source: {sector}", f"source: {url}/sector.qcow2", name="images.yaml")
        code, report = desk.reconcile("apply", "--yes")
        assert code == 0, report
        first = image_step(report)["host"]
    sector.unlink()
    shutil.rmtree(desk.path / ".reconciler" / "images")
    desk.edit("replicas: 1", "replicas: 2")
    _, plan = desk.reconcile("plan")
    assert image_step(plan)["from_host"] == first
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    assert len({host.name for host in desk.whereabouts().values()}) == 2
    assert not (desk.path / ".reconciler" / "images").exists()
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_a_copy_that_is_damaged_is_had_from_the_source_instead(desk: Desk) -> None:
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    first = next(host for host in desk.lab.hosts if host.name == image_step(report)["host"])
    (name,) = (
        line.split()[0]
        for line in first.virsh("vol-list", "default").splitlines()
        if "reconciler.image" in line
    )
    with first.path(f"{POOL}/{name}").open("ab") as file:
        file.write(b"rot")
    desk.edit("replicas: 1", "replicas: 2")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    other = next(host for host in desk.lab.hosts if host is not first)
    assert other.path(f"{POOL}/{name}").read_bytes() == (desk.path / "sector.qcow2").read_bytes()
    assert not [line for line in other.run(["ls", "-A", POOL]).split() if ".part." in line]


def test_a_prune_takes_what_nothing_needs_and_nothing_else(desk: Desk) -> None:
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    home = next(host for host in desk.lab.hosts if host.name == image_step(report)["host"])
    code, listing = desk.reconcile("images")
    assert code == 0
    (held,) = listing["images"]
    assert (held["host"], held["image"], held["used_by"]) == (home.name, "sector", ["shop-db-0"])
    path = f"{POOL}/reconciler.image.{held['sha256']}.qcow2"
    # Somebody else's machine reads it through two files that lie in no pool, and is switched off.
    home.run(["mkdir", "-p", "/var/lib/libvirt/pets"])
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]
    home.run([*create, path, "/var/lib/libvirt/pets/below.qcow2"])
    home.run([*create, "below.qcow2", "/var/lib/libvirt/pets/pet.qcow2"])
    home.define(domain_xml("pet", disks=[Disk("/var/lib/libvirt/pets/pet.qcow2")]))
    desk.write("shop.yaml", _SERVICE.replace("db:", "web:").replace("replicas: 1", "replicas: 0"))
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report

    _, listing = desk.reconcile("images")
    assert [each["used_by"] for each in listing["images"]] == [["pet"]]
    code, report = desk.reconcile("images", "--prune", "--yes")
    assert (code, report["steps"]) == (0, [])
    home.virsh("undefine", "pet")
    home.path(f"{path.replace('/reconciler', '/.reconciler')}.part.lab.0011.22").write_text("half of it")
    # Whoever made this one was killed while he told the pool from another.
    home.virsh("vol-create-as", "default", "lab.shop.db.0.0123.probe", "0", "--format", "raw")
    # Whoever brought this one was killed before he could tell the pool.
    home.path(f"{POOL}/reconciler.image.{'0' * 64}.qcow2").write_text("all of it")
    code, report = desk.reconcile("images", "--prune", "--yes")
    assert code == 0, report
    steps = sorted(step["id"].partition("/")[0] for step in report["steps"])
    assert steps == ["drop-image", "drop-image", "drop-part", "drop-probe"]
    assert home.run(["find", POOL, "-type", "f"]) == ""
    assert desk.reconcile("images")[1]["images"] == []


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boot_sector_image(tmp_path_factory.mktemp("image") / "boot.qcow2")


@pytest.fixture
def bench(laboratory: Laboratory, image: Path) -> Iterator[Bench]:
    yield from benches(laboratory, image)


def put_of(bench: Bench, file: Path, format: ImageFormat = ImageFormat.QCOW2) -> PutImage:
    bench.supplies = Supplies(file)
    digest = sha256_hex(file.read_bytes())
    return PutImage(bench.name, Image(ImageUse("odd", digest, format), (ImagePart(str(file), digest),)))


def refused(bench: Bench, put: PutImage) -> str:
    """What was said; nothing of it lies on the host."""

    async def scene() -> str:
        actuator = await bench.open()
        try:
            with pytest.raises(ActionFailed) as error:
                await actuator.perform(put)
            return str(error.value)
        finally:
            await actuator.close()

    said = asyncio.run(scene())
    assert bench.files() == set()
    return said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", "FILE", "1M"], "has a backing file of its own"),
        (["-f", "qcow2", "-o", "data_file=FILE.data,data_file_raw=on", "FILE", "1M"], "are in another file"),
        (["-f", "qcow2", "FILE", "500T"], "more than the whole pool"),
        (["-f", "raw", "FILE", "1M"], "is it `format: raw`?"),
    ],
)
def test_what_is_no_base_image_is_refused_and_leaves_nothing(
    bench: Bench, tmp_path: Path, options: list[str], says: str
) -> None:
    file = tmp_path / "odd.qcow2"
    run(["qemu-img", "create", "-q", *(word.replace("FILE", str(file)) for word in options)])
    assert says in refused(bench, put_of(bench, file))


def test_an_image_too_large_for_every_root_disk_is_refused_and_leaves_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "odd.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", str(file), "64M"])
    said = refused(bench, replace(put_of(bench, file), root_mib=32))
    assert "64 MiB large: the largest root disk asked for has 32 MiB" in said


def test_a_qcow2_that_is_declared_as_raw_is_refused(bench: Bench, image: Path) -> None:
    assert "declared as raw" in refused(bench, put_of(bench, image, ImageFormat.RAW))


def test_another_file_than_was_declared_is_refused_and_leaves_nothing(bench: Bench, image: Path) -> None:
    digest = sha256_hex(b"another")
    put = PutImage(
        bench.name, Image(ImageUse("odd", digest, ImageFormat.QCOW2), (ImagePart(str(image), digest),))
    )
    assert "arrived as" in refused(bench, put)


@dataclass
class Filling:
    """A host whose disk somebody fills while an image is under way."""

    files: RemoteFiles
    bench: Bench

    def __getattr__(self, name: str) -> object:
        return getattr(self.files, name)

    async def put(self, local: Path, path: str) -> None:
        self.bench.box.run(["sh", "-c", f"cat /dev/zero > {POOL}/fill 2> /dev/null || :"])
        await self.files.put(local, path)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "odd.raw"
    file.write_bytes(bytes(range(256)) * 4 * 1024 * 4)
    put = put_of(bench, file, ImageFormat.RAW)

    async def scene() -> None:
        actuator = await bench.open()
        files = actuator.desk.files
        assert isinstance(files, RemoteFiles)
        filling: HostFiles = Filling(files, bench)  # type: ignore[assignment]
        narrow: LibvirtActuator = replace(actuator, desk=replace(actuator.desk, files=filling))
        try:
            with pytest.raises(NoRoom, match="no room is left"):
                await narrow.perform(put)
        finally:
            await actuator.close()

    bench.box.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", POOL])
    try:
        asyncio.run(scene())
        assert bench.files() == {f"{POOL}/fill"}
    finally:
        bench.box.run(["umount", POOL])
        bench.box.virsh("pool-refresh", "default")
