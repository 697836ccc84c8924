"""Health checks on simulated hosts, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Directory, Reconcile

# It has a second to become healthy.
CHECK = "healthcheck: {tcp: 80, interval: 1s, retries: 1, start_period: 0s}"
NEW = "cd" * 32


@pytest.fixture
def directory(directory: Directory) -> Directory:
    """The same service: web comes after db is healthy, and both can be asked."""
    directory.edit("shop.yaml", "depends_on: [db]", "depends_on: {db: healthy}")
    directory.edit("shop.yaml", "  db:\n", f"  db:\n    {CHECK}\n")
    directory.edit("shop.yaml", "  web:\n", f"  web:\n    {CHECK}\n")
    directory.write(
        "new.yaml",
        (directory.path / "image.yaml").read_text().replace("debian-12", "new").replace("ab" * 32, NEW),
    )
    return directory


def store_of(directory: Directory, host: str) -> Store:
    return Store(Path(directory) / ".reconciler", HostName(host))


def outcomes(said: dict[str, object]) -> dict[str, str]:
    steps = said["steps"]
    assert isinstance(steps, list)
    return {step["id"]: step["outcome"] for step in steps if not step["id"].startswith("image/")}


def test_dependants_come_after_health_and_nothing_is_left_to_do(
    reconcile: Reconcile, directory: Directory
) -> None:
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 0
    assert list(outcomes(answer.json)) == [
        "create/shop-db-0",
        "wait/shop-db-0",
        "create/shop-web-0",
        "create/shop-web-1",
    ]
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0


def test_what_is_not_healthy_in_time_is_6_and_its_dependants_are_skipped_by_name(
    reconcile: Reconcile, directory: Directory
) -> None:
    for host in ("hv1", "hv2"):
        interfere.sicken_image(store_of(directory, host), "ab" * 32)
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 6
    assert outcomes(answer.json) == {
        "create/shop-db-0": "done",
        "wait/shop-db-0": "unhealthy",
        "create/shop-web-0": "skipped",
        "create/shop-web-1": "skipped",
    }
    said = {step["id"]: step["detail"] for step in answer.json["steps"]}  # type: ignore[attr-defined]
    assert said["wait/shop-db-0"] == "not healthy within 1 s (tcp 80): its guest does not do its work"
    assert said["create/shop-web-0"] == "needs wait/shop-db-0, which was not done"
    for host in ("hv1", "hv2"):
        interfere.cure_image(store_of(directory, host), "ab" * 32)
    assert reconcile("apply", directory, "--yes").code == 0


def test_apply_wait_is_6_for_what_is_sick_and_changes_nothing(
    reconcile: Reconcile, directory: Directory
) -> None:
    assert reconcile("apply", directory, "--yes", "--wait").code == 0
    assert reconcile("apply", directory, "--yes", "--wait").code == 0
    (host,) = [each for each in ("hv1", "hv2") if store_of(directory, each).look().named("shop-db-0")]
    interfere.sicken(store_of(directory, host), "shop-db-0")
    before = (Path(directory) / ".reconciler" / "sim.sqlite").read_bytes()
    answer = reconcile("apply", directory, "--wait", "--yes")
    assert answer.code == 6
    assert "shop-db-0" in answer.out
    assert (Path(directory) / ".reconciler" / "sim.sqlite").read_bytes() == before
    # A plan without --wait does not ask.
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0


def test_a_rolling_update_stops_at_the_first_replica_that_does_not_come_back(
    reconcile: Reconcile, directory: Directory
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    for host in ("hv1", "hv2"):
        interfere.sicken_image(store_of(directory, host), NEW)
    directory.edit("shop.yaml", "  web:\n", "  web:\n    image: new\n")
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 6
    assert outcomes(answer.json) == {
        "wait/shop-db-0": "done",
        "replace/shop-web-0": "done",
        "wait/shop-web-0": "unhealthy",
        "replace/shop-web-1": "skipped",
    }
    # It stands still by itself, and goes on by itself once there is a cure.
    again = reconcile("apply", directory, "--yes", "-o", "json")
    assert (again.code, outcomes(again.json)["replace/shop-web-1"]) == (6, "skipped")
    directory.edit("shop.yaml", "image: new\n", "image: debian-12\n")
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 0
    assert outcomes(answer.json)["replace/shop-web-0"] == "done"


def test_status_shows_who_is_healthy_and_why_the_others_are_not(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.edit(
        "shop.yaml",
        "components:\n",
        "components:\n  job:\n    resources: {cpus: 1, memory: 1GiB}\n    disks: {root: 1GiB}\n",
    )
    assert reconcile("apply", directory, "--yes").code == 0
    (host,) = [each for each in ("hv1", "hv2") if store_of(directory, each).look().named("shop-web-0")]
    interfere.sicken(store_of(directory, host), "shop-web-0")

    def health() -> dict[str, str]:
        rows = reconcile("status", directory, "-o", "json").json["instances"]
        assert isinstance(rows, list)
        return {row["instance"]: row["health"] for row in rows}

    well = {"shop-db-0": "healthy", "shop-job-0": "none", "shop-web-1": "healthy"}
    assert health() == well | {"shop-web-0": "unhealthy"}
    assert "its guest does not do its work" in reconcile("status", directory).out
    directory.edit("shop.yaml", f"web:\n    {CHECK}", f"web:\n    {CHECK.replace('0s', '3m')}")
    assert health() == well | {"shop-web-0": "starting"}
    interfere.silence(store_of(directory, host))
    assert health()["shop-web-0"] == "unknown"
