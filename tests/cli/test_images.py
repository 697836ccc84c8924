"""``reconcile images``: what is held, what needs it, and what a prune takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Directory, Reconcile

SHA256 = "ab" * 32


def held(reconcile: Reconcile, directory: Directory) -> dict[str, list[str]]:
    """Users by host."""
    answer = reconcile("images", directory, "-o", "json")
    assert answer.code == 0
    images = cast("list[dict[str, Any]]", answer.json["images"])
    assert {image["sha256"] for image in images} <= {SHA256}
    return {image["host"]: image["used_by"] for image in images}


def without_web(directory: Directory) -> None:
    """Only the database is left, which is on hv1."""
    directory.edit("shop.yaml", "replicas: 2", "replicas: 0")


def test_every_host_lists_its_images_with_what_needs_them(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("images", directory).out == "No images.\n"
    assert reconcile("apply", directory, "--yes").code == 0
    answer = reconcile("images", directory)
    assert answer.code == 0
    assert answer.out.split("\n")[0].split("  ")[0] == "HOST"
    assert "debian-12" in answer.out
    users = held(reconcile, directory)
    assert sorted(name for names in users.values() for name in names) == [
        "shop-db-0",
        "shop-web-0",
        "shop-web-1",
    ]
    assert "| hv2 |" in reconcile("images", directory, "-o", "markdown").out


def test_a_prune_takes_only_what_nothing_needs(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    nothing = reconcile("images", directory, "--prune", "--yes")
    assert (nothing.code, "0 create" in nothing.out) == (0, True)
    without_web(directory)
    assert reconcile("apply", directory, "--yes", "--allow-deletes", "9").code == 0
    users = held(reconcile, directory)
    empty = [host for host, names in users.items() if not names]
    assert len(empty) == 1
    answer = reconcile("images", directory, "--prune", "--yes", "-o", "json")
    assert answer.code == 0
    (step,) = cast("list[dict[str, Any]]", answer.json["steps"])
    assert step["id"] == f"drop-image/{SHA256[:12]}@{empty[0]}"
    assert (step["action"], step["object"], step["outcome"]) == ("drop_image", "debian-12", "done")
    assert held(reconcile, directory) == {host: names for host, names in users.items() if names}
    assert reconcile("plan", directory, "--detailed-exitcode").code == 0


def test_a_prune_is_written_down(reconcile: Reconcile, directory: Directory) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    without_web(directory)
    assert reconcile("apply", directory, "--yes", "--allow-deletes", "9").code == 0
    assert reconcile("images", directory, "--prune", "--yes").code == 0
    assert "images --prune" in reconcile("history", directory).out


def test_a_prune_without_a_terminal_and_without_yes_does_nothing(
    reconcile: Reconcile, directory: Directory
) -> None:
    answer = reconcile("images", directory, "--prune")
    assert answer.code == 64
    assert "--yes" in answer.err


def test_a_host_that_does_not_answer_is_told_and_keeps_its_images(
    reconcile: Reconcile, directory: Directory, tmp_path: Path
) -> None:
    from reconciler.actuators.sim import interfere

    assert reconcile("apply", directory, "--yes").code == 0
    store = Store(directory.path / ".reconciler", HostName("hv2"))
    interfere.silence(store)
    answer = reconcile("images", directory)
    assert answer.code == 8
    assert "hv2 did not answer" in answer.out
    assert reconcile("images", directory, "--prune", "--yes").code == 8
    interfere.wake(store)
    assert set(held(reconcile, directory)) == {"hv1", "hv2"}
    del tmp_path


def test_the_second_host_gets_its_image_from_the_first(reconcile: Reconcile, directory: Directory) -> None:
    without_web(directory)
    assert reconcile("apply", directory, "--yes").code == 0
    directory.edit("shop.yaml", "replicas: 0", "replicas: 2")
    steps = cast("list[dict[str, Any]]", reconcile("plan", directory, "-o", "json").json["steps"])
    (image,) = (step for step in steps if step["action"] == "image")
    assert {image["host"], image["from_host"]} == {"hv1", "hv2"}
    assert f"{image['from_host']} has it: copied from there" in reconcile("plan", directory).out
