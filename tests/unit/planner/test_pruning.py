"""Which images go, and where the others come from."""

from __future__ import annotations

from dataclasses import replace

from reconciler.actions import DropImage, PutImage
from reconciler.plan import Step, StepId
from reconciler.planner import after, broken_precondition, confirmed, make_plan
from reconciler.planner.pruning import prune_plan
from reconciler.specs.desired import Connect, HostName, Scheme
from reconciler.state import Observed, StoredImage
from tests.builders import GIB, desired_of, fleet_of, image_use, instance, machine, observed_of, running, sha

FLEET = fleet_of(hv1=16 * GIB, hv2=16 * GIB)
DB = instance("shop-db-0", machine())
DEBIAN = image_use().digests[0]
HV1, HV2 = HostName("hv1"), HostName("hv2")


def holding(observed: Observed, host: HostName) -> Observed:
    """The same, with the image on that host."""
    hosts = (replace(each, images=(DEBIAN,)) if each.host == host else each for each in observed.hosts)
    return replace(observed, hosts=tuple(hosts))


def step(action: DropImage) -> Step:
    return Step(StepId("x"), action, ())


def test_only_what_nothing_needs_goes_and_what_was_cut_short() -> None:
    used, unused = StoredImage(DEBIAN, 1, ("shop-db-0",)), StoredImage(sha("old"), 1)
    left = StoredImage(DEBIAN, 1, whole=False)
    made = prune_plan(desired_of(FLEET, DB), observed_of(FLEET), {HV1: (used, left, unused)})
    assert {each.action for each in made.steps} == {
        DropImage(HV1, sha("old"), sha("old")[:12]),
        DropImage(HV1, DEBIAN, "debian-12", whole=False),
    }


PROBE = StoredImage(sha(""), 0, whole=False, probe="lab.shop.db.0.0123.probe")
OTHER = replace(PROBE, probe="lab.shop.web.0.4567.probe")


def test_what_is_left_of_telling_pools_apart_goes_file_by_file() -> None:
    made = prune_plan(desired_of(FLEET), observed_of(FLEET), {HV1: (PROBE, OTHER), HV2: ()})
    assert [each.action for each in made.steps] == [
        DropImage(HV1, PROBE.sha256, PROBE.probe, whole=False),
        DropImage(HV1, OTHER.sha256, OTHER.probe, whole=False),
    ]
    assert len({each.id for each in made.steps}) == 2


def test_it_stays_while_another_host_may_be_in_the_middle_of_it() -> None:
    left = StoredImage(DEBIAN, 1, whole=False)
    made = prune_plan(desired_of(FLEET), observed_of(FLEET, silent=["hv2"]), {HV1: (PROBE, left)})
    assert [each.action for each in made.steps] == [DropImage(HV1, DEBIAN, DEBIAN[:12], whole=False)]


def test_of_a_shared_pool_each_of_them_goes_once() -> None:
    seen = {HV1: (PROBE,), HV2: (PROBE, OTHER)}
    made = prune_plan(desired_of(SHARED), observed_of(SHARED), seen)
    assert [each.id for each in made.steps] == [
        f"drop-probe/{PROBE.probe}@hv1",
        f"drop-probe/{OTHER.probe}@hv2",
    ]


SHARED = replace(FLEET, hosts=tuple(replace(host, storage="san1") for host in FLEET.hosts))


def test_hosts_that_share_a_pool_keep_what_one_of_them_needs_and_drop_the_rest_once() -> None:
    idle, used = StoredImage(DEBIAN, 1), StoredImage(DEBIAN, 1, ("shop-db-0",))
    old = StoredImage(sha("old"), 1)
    made = prune_plan(desired_of(SHARED, DB), observed_of(SHARED), {HV1: (idle, old), HV2: (used, old)})
    assert [each.action for each in made.steps] == [DropImage(HV1, sha("old"), sha("old")[:12])]


def test_nothing_goes_from_a_shared_pool_while_one_who_may_need_it_is_silent() -> None:
    made = prune_plan(desired_of(SHARED, DB), observed_of(SHARED), {HV1: (StoredImage(DEBIAN, 1),)})
    assert made.steps == ()


def test_an_image_is_brought_to_a_shared_pool_once_at_a_time() -> None:
    # Of CPUs and memory each host has enough for one, of disk the pool has enough for both.
    one = machine().resources
    room = replace(one, disk_mib=2 * one.disk_mib)
    small = replace(SHARED, hosts=tuple(replace(host, capacity=room) for host in SHARED.hosts))
    other = instance("shop-db-1", machine())
    made = make_plan(desired_of(small, DB, other), observed_of(small))
    images = {each.id: each.needs for each in made.steps if isinstance(each.action, PutImage)}
    assert images == {"image/debian-12@hv1": (), "image/debian-12@hv2": ("image/debian-12@hv1",)}


def test_an_image_that_is_gone_is_what_was_asked_for() -> None:
    drop = step(DropImage(HV1, DEBIAN, "debian-12"))
    there = holding(observed_of(FLEET), HV1)
    assert not confirmed(drop, there.hosts[0])
    gone = after(drop, there)
    assert gone.hosts[0].images == ()
    assert confirmed(drop, gone.hosts[0])


def test_what_is_left_of_an_upload_takes_no_whole_image_with_it() -> None:
    drop = step(DropImage(HV1, DEBIAN, "debian-12", whole=False))
    there = holding(observed_of(FLEET), HV1)
    assert after(drop, there) == there


def test_an_image_that_came_to_be_needed_is_not_dropped() -> None:
    drop = step(DropImage(HV1, DEBIAN, "debian-12"))
    (state, _) = observed_of(FLEET, running(DB, on="hv1")).hosts
    assert broken_precondition(drop, state) == "shop-db-0 needs it"


def test_an_image_is_copied_from_a_host_that_has_all_of_it() -> None:
    pinned = replace(DB, placement=replace(DB.placement, require=('host.name == "hv1"',)))
    for has, source in ((HV2, HV2), (HV1, None)):
        made = make_plan(desired_of(FLEET, pinned), holding(observed_of(FLEET), has))
        puts = [each.action for each in made.steps if isinstance(each.action, PutImage)]
        assert [put.source for put in puts] == ([source] if source else [])
    (put, _) = make_plan(desired_of(FLEET, pinned), observed_of(FLEET)).steps
    assert isinstance(put.action, PutImage)
    assert put.action.source is None


def test_a_real_host_is_given_no_copy_of_a_simulated_image() -> None:
    first, second = FLEET.hosts
    real = replace(first, connect=Connect(Scheme.SSH, "ssh://hv1/", address="hv1"))
    fleet = replace(FLEET, hosts=(real, second))
    pinned = replace(DB, placement=replace(DB.placement, require=('host.name == "hv1"',)))
    (put, _) = make_plan(desired_of(fleet, pinned), holding(observed_of(fleet), HV2)).steps
    assert isinstance(put.action, PutImage)
    assert put.action.source is None


def test_an_image_is_told_the_largest_root_disk_it_has_to_fit_into() -> None:
    (put, create) = make_plan(desired_of(FLEET, DB), observed_of(FLEET)).steps
    assert isinstance(put.action, PutImage)
    assert put.action.root_mib == max(disk.size_mib for disk in DB.machine.disks if disk.name == "root")
    assert create.needs == (put.id,)
