"""Scripts of the contract: base images, and what needs them."""

from __future__ import annotations

from reconciler.actions import Create, Destroy, DropImage, PutImage
from reconciler.errors import ActionFailed, HostUnreachable, UnknownImage
from reconciler.specs.desired import Image, Sha256
from tests.contract.stage import DATA, DB, ROOT, Stage, assert_as_asked, changed


def _drop(stage: Stage, image: Image | None = None) -> DropImage:
    (sha256, *_) = (image or stage.platform.image).use.digests
    return DropImage(stage.host, sha256, "an-image")


async def _users(stage: Stage) -> dict[Sha256, tuple[str, ...]]:
    return {each.sha256: each.users for each in await stage.actuators[0].images()}


async def an_image_tells_which_machines_need_it(stage: Stage) -> None:
    (sha256,) = stage.platform.image.use.digests
    assert await stage.actuators[0].images() == ()
    await stage.put_image()
    assert await _users(stage) == {sha256: ()}
    await stage.created(stage.instance())
    await stage.created(stage.instance("shop-web-0"))
    assert await _users(stage) == {sha256: (DB, "shop-web-0")}
    await stage.perform(Destroy(stage.host, await stage.seen(stage.instance())))
    assert await _users(stage) == {sha256: ("shop-web-0",)}


async def who_may_only_read_sees_the_images(stage: Stage) -> None:
    await stage.created(stage.instance())
    reader = await stage.open(read_only=True)
    assert await reader.images() == await stage.actuators[0].images()
    await stage.refuses(_drop(stage), ActionFailed, by=reader)


async def an_image_that_nothing_needs_is_dropped(stage: Stage) -> None:
    db = stage.instance()
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    await stage.perform(_drop(stage))
    assert (await stage.look()).images == ()
    assert await stage.actuators[0].images() == ()
    await stage.perform(_drop(stage))
    await stage.refuses(Create(stage.host, db), UnknownImage)
    assert_as_asked(await stage.created(db), db)


async def an_image_that_a_machine_needs_stays(stage: Stage) -> None:
    db = stage.instance()
    await stage.created(db)
    assert DB in await stage.refuses(_drop(stage), ActionFailed)
    stage.platform.stop(DB)
    assert DB in await stage.refuses(_drop(stage), ActionFailed)


async def an_image_that_another_fleet_needs_stays(stage: Stage) -> None:
    other = await stage.open(fleet="theirs")
    theirs = stage.instance(fleet="theirs")
    await stage.put_image()
    await other.perform(Create(stage.host, theirs))
    assert DB in await stage.refuses(_drop(stage), ActionFailed)


async def an_image_that_a_half_made_machine_needs_stays(stage: Stage) -> None:
    await stage.created(stage.instance())
    stage.platform.stop(DB)
    stage.platform.leave_half_made(DB)
    await stage.refuses(_drop(stage), ActionFailed)


async def an_image_stays_for_a_root_disk_whose_machine_is_gone(stage: Stage) -> None:
    await stage.created(stage.instance())
    stage.platform.undefine(DB)
    await stage.refuses(_drop(stage), ActionFailed)


async def a_data_disk_needs_no_image(stage: Stage) -> None:
    db = stage.instance(DB, ROOT, DATA)
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    await stage.perform(_drop(stage))
    assert (await stage.look()).images == ()


async def a_kernel_that_a_machine_boots_stays_and_its_initrd_too(stage: Stage) -> None:
    kernel = stage.platform.kernel
    db = changed(stage.instance(), image=kernel.use, disks=())
    await stage.put_image(kernel)
    await stage.perform(Create(stage.host, db))
    for sha256 in kernel.use.digests:
        await stage.refuses(DropImage(stage.host, sha256, "direct"), ActionFailed)
    await stage.perform(Destroy(stage.host, await stage.seen(db)))
    for sha256 in kernel.use.digests:
        await stage.perform(DropImage(stage.host, sha256, "direct"))
    assert (await stage.look()).images == ()


async def without_the_lock_no_image_is_dropped(stage: Stage) -> None:
    await stage.perform(PutImage(stage.host, stage.platform.image))
    await stage.actuators[0].unlock()
    await stage.refuses(_drop(stage), HostUnreachable)
