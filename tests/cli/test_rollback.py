"""A component that is rolled back, from the command line, on simulated hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Directory, Reconcile

CHECK = "healthcheck: {tcp: 80, interval: 1s, retries: 1, start_period: 0s}"
OLD, NEW = "ab" * 32, "cd" * 32
WEB = ("shop-web-0", "shop-web-1")


@pytest.fixture
def directory(directory: Directory) -> Directory:
    """The same service, as it runs; web rolls back, and the image that it is about to get is not healthy."""
    directory.edit("shop.yaml", "  web:\n", f"  web:\n    {CHECK}\n    update: {{on_failure: rollback}}\n")
    directory.write(
        "new.yaml", (directory.path / "image.yaml").read_text().replace("debian-12", "new").replace(OLD, NEW)
    )
    return directory


def store_of(directory: Directory, host: str) -> Store:
    return Store(Path(directory) / ".reconciler", HostName(host))


def sickened(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    for host in ("hv1", "hv2"):
        interfere.sicken_image(store_of(directory, host), NEW)
    directory.edit("shop.yaml", "    replicas: 2\n", "    replicas: 2\n    image: new\n")


def images(reconcile: Reconcile, directory: Directory) -> dict[str, str]:
    seen = reconcile("snapshot", directory).json["observed"]
    assert isinstance(seen, dict)
    return {
        f"{state['key']['service']}-{state['key']['component']}-{state['key']['ordinal']}": state["applied"][
            "image"
        ]["disk"]
        for host in seen["hosts"]
        for state in host["instances"]
    }


def done(steps: object) -> list[str]:
    assert isinstance(steps, list)
    return [each["id"] for each in steps if each["outcome"] == "done" and not each["id"].startswith("image/")]


def test_a_change_that_is_not_healthy_is_rolled_back_by_the_same_apply_and_it_is_6(
    reconcile: Reconcile, directory: Directory
) -> None:
    sickened(reconcile, directory)
    answer = reconcile("apply", directory, "--yes", "-o", "json")
    assert answer.code == 6
    assert done(answer.json["steps"]) == ["replace/shop-web-0"]
    back = answer.json["rolled_back"]
    assert isinstance(back, dict)
    assert done(back["steps"]) == ["give-up/shop-web-0", "give-up/shop-web-1", "replace/shop-web-0"]
    assert {images(reconcile, directory)[name] for name in WEB} == {OLD}


def test_what_was_rolled_back_stays_so_and_is_said_until_the_files_change(
    reconcile: Reconcile, directory: Directory
) -> None:
    sickened(reconcile, directory)
    reconcile("apply", directory, "--yes", "--wait")
    for verb in (("plan", directory), ("apply", directory, "--yes")):
        again = reconcile(*verb, "-o", "json")
        assert (again.code, again.json["steps"]) == (6, [])
        blocked = again.json["blocked"]
        assert isinstance(blocked, list)
        assert [(each["instance"], each["kind"]) for each in blocked] == [(name, "refused") for name in WEB]
    assert "rolled back: form" in reconcile("status", directory).out
    assert "rolled back: form" in reconcile("explain", "shop-web-0", directory).out
    for host in ("hv1", "hv2"):
        interfere.cure_image(store_of(directory, host), NEW)
    directory.edit("shop.yaml", "cpus: 1, memory: 1GiB", "cpus: 1, memory: 1100MiB")
    assert reconcile("apply", directory, "--yes").code == 0
    assert {images(reconcile, directory)[name] for name in WEB} == {NEW}
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0


def test_what_it_was_made_from_is_not_pruned_while_it_may_be_needed_again(
    reconcile: Reconcile, directory: Directory
) -> None:
    sickened(reconcile, directory)
    promise = directory.path / "promise.json"
    assert reconcile("plan", directory, "--out", promise).code == 0
    # A signed plan is all that was agreed to: it is not rolled back by this apply.
    assert reconcile("apply", promise, "--yes").code == 6
    assert NEW in images(reconcile, directory).values()
    held = reconcile("images", directory, "-o", "json").json["images"]
    assert isinstance(held, list)
    users = [user for each in held if each["sha256"] == OLD for user in each["used_by"]]
    assert "shop-web-0" in users
    assert reconcile("apply", directory, "--yes").code == 6
    assert {images(reconcile, directory)[name] for name in WEB} == {OLD}


def test_what_else_is_due_when_it_is_rolled_back_is_left_for_the_next_apply_and_said(
    reconcile: Reconcile, directory: Directory
) -> None:
    sickened(reconcile, directory)
    whole = (directory.path / "shop.yaml").read_text()
    before, after = whole.index("  db:\n"), whole.index("  web:\n")
    directory.write("shop.yaml", whole[:before] + whole[after:].replace("    depends_on: [db]\n", ""))
    answer = reconcile("apply", directory, "--yes", "--allow-deletes", "1", "-o", "json")
    back = answer.json["rolled_back"]
    assert isinstance(back, dict)
    assert done(back["steps"]) == ["give-up/shop-web-0", "give-up/shop-web-1", "replace/shop-web-0"]
    assert back["hints"] == ["left for the next plan: destroy/shop-db-0"]
    assert answer.code == 6
    assert "shop-db-0" in images(reconcile, directory)
    again = reconcile("apply", directory, "--yes", "-o", "json")
    assert done(again.json["steps"]) == ["destroy/shop-db-0"]
