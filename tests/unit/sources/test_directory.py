"""A directory ticks for every way in which editors and git change it, and not for what is no part of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.sources.directory import DirectorySource
from tests.cli.conftest import FLEET, IMAGE, SERVICE

_GIVE_UP_S = 20


@pytest.fixture
def files(tmp_path: Path) -> Path:
    path = tmp_path / "services"
    path.mkdir()
    for name, text in (("fleet.yaml", FLEET), ("image.yaml", IMAGE), ("shop.yaml", SERVICE)):
        (path / name).write_text(text)
    return path


def watched(
    files: Path, scene: Callable[[DirectorySource], Awaitable[None]], *, fleet: Path | None = None
) -> None:
    async def main() -> None:
        with DirectorySource(files, fleet=fleet) as source:
            await asyncio.wait_for(scene(source), _GIVE_UP_S)

    asyncio.run(main())


async def each_noticed(source: DirectorySource, file: Path, service: str) -> None:
    """Save it some times: a tick of what was before is one at most."""
    for replicas in (3, 4, 5, 6):
        file.write_text(service.replace("replicas: 2", f"replicas: {replicas}"))
        await source.changed()


def _in_place(files: Path) -> None:
    (files / "shop.yaml").write_text(SERVICE.replace("replicas: 2", "replicas: 3"))


def _renamed_into_place(files: Path) -> None:
    (files / ".shop.yaml.swp").write_text(SERVICE.replace("replicas: 2", "replicas: 3"))
    (files / ".shop.yaml.swp").rename(files / "shop.yaml")


def _moved_in(files: Path) -> None:
    outside = files.parent / "shop.yaml"
    outside.write_text(SERVICE.replace("replicas: 2", "replicas: 3"))
    outside.rename(files / "shop.yaml")


def _removed_and_made(files: Path) -> None:
    (files / "shop.yaml").unlink()
    (files / "more").mkdir()
    (files / "more" / "shop.yaml").write_text(SERVICE.replace("replicas: 2", "replicas: 3"))


@pytest.mark.parametrize("edit", [_in_place, _renamed_into_place, _moved_in, _removed_and_made])
def test_every_way_of_saving_a_file_is_noticed(files: Path, edit: Callable[[Path], None]) -> None:
    async def scene(source: DirectorySource) -> None:
        assert len((await source.load()).instances) == 3
        edit(files)
        await source.changed()
        while len((await source.load()).instances) != 4:
            await source.changed()

    watched(files, scene)


def test_a_file_in_a_directory_that_was_made_meanwhile_is_noticed(files: Path) -> None:
    async def scene(source: DirectorySource) -> None:
        (files / "deep" / "er").mkdir(parents=True)
        await source.changed()
        await each_noticed(source, files / "deep" / "er" / "other.yaml", SERVICE.replace(": shop", ": other"))

    watched(files, scene)


def test_a_half_written_file_does_not_load_and_the_rest_of_it_is_noticed(files: Path) -> None:
    async def scene(source: DirectorySource) -> None:
        (files / "shop.yaml").write_text(SERVICE[: SERVICE.index("memory: 2GiB") + 9])
        await source.changed()
        with pytest.raises(InvalidInput):
            await source.load()
        (files / "shop.yaml").write_text(SERVICE)
        while True:
            await source.changed()
            try:
                assert len((await source.load()).instances) == 3
            except InvalidInput:
                continue
            return

    watched(files, scene)


def test_a_directory_that_is_replaced_by_another_is_watched_in_its_place(files: Path) -> None:
    async def scene(source: DirectorySource) -> None:
        await source.load()
        files.rename(files.with_name("old"))
        fresh = files.with_name("fresh")
        fresh.mkdir()
        for name, text in (("fleet.yaml", FLEET), ("image.yaml", IMAGE), ("shop.yaml", SERVICE)):
            (fresh / name).write_text(text)
        fresh.rename(files)
        await source.load()
        await each_noticed(source, files / "shop.yaml", SERVICE)

    watched(files, scene)


def test_a_fleet_file_elsewhere_is_watched_too(files: Path) -> None:
    fleet = files.parent / "fleets" / "lab.yaml"
    fleet.parent.mkdir()
    (files / "fleet.yaml").rename(fleet)

    async def scene(source: DirectorySource) -> None:
        assert len((await source.load()).fleet.hosts) == 2
        fresh = fleet.with_name("lab.yaml.new")
        fresh.write_text(
            FLEET + '  hv3: {connect: "sim://", capacity: {cpus: 1, memory: 1GiB, disk: 1GiB}}\n'
        )
        fresh.rename(fleet)
        await source.changed()
        while len((await source.load()).fleet.hosts) != 3:
            await source.changed()

    watched(files, scene, fleet=fleet)
