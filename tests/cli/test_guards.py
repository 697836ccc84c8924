"""What guards a machine from being lost, as a user meets it: the exit code, the message, and nothing done."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from reconciler.actuators.sim import interfere
from reconciler.actuators.sim.store import Store
from reconciler.specs.desired import HostName
from tests.cli.conftest import Directory, Reconcile

WITHOUT_WEB = """\
apiVersion: reconciler/v1
kind: Service
name: shop
components:
  db:
    image: debian-12
    resources: {cpus: 2, memory: 2GiB}
    disks: {root: 10GiB, data: {size: 20GiB, on_delete: retain}}
"""
ALL = ["shop-db-0", "shop-web-0", "shop-web-1"]


@pytest.fixture
def applied(reconcile: Reconcile, directory: Directory) -> Directory:
    """The directory, and the fleet as it says."""
    assert reconcile("apply", directory, "--yes").code == 0
    return directory


def by_hand(directory: Directory, host: str, act: Callable[[Store], object]) -> None:
    act(Store(directory.path / ".reconciler", HostName(host), read_only=False))


def home_of(reconcile: Reconcile, directory: Directory, instance: str) -> str:
    rows = reconcile("status", directory, "-o", "json").json["instances"]
    assert isinstance(rows, list)
    return next(str(row["host"]) for row in rows if row["instance"] == instance)


def machines(directory: Directory) -> list[str]:
    """Every machine there is on the hosts, by their own account."""
    boxes = [
        Store(directory.path / ".reconciler", HostName(name), read_only=True).look()
        for name in ("hv1", "hv2")
    ]
    return sorted(domain.name for box in boxes for domain in box.domains.values())


def test_nothing_is_deleted_while_any_file_has_a_fault(reconcile: Reconcile, applied: Directory) -> None:
    applied.write("shop.yaml", WITHOUT_WEB)
    applied.write("other.yaml", "apiVersion: reconciler/v1\nkind: Service\nnam: other\n")
    answer = reconcile("apply", applied, "--yes", "--allow-deletes", "99")
    assert answer.code == 3
    assert "other.yaml:3:1: error: unknown field 'nam'" in answer.err
    assert machines(applied) == ALL


def test_nothing_is_deleted_on_the_word_of_a_directory_that_is_not_there(
    reconcile: Reconcile, applied: Directory
) -> None:
    shutil.copy(applied.path / "fleet.yaml", applied.path.parent / "fleet.yaml")
    missing = applied.path / "mistyped"
    answer = reconcile(
        "apply",
        missing,
        "--fleet",
        applied.path.parent / "fleet.yaml",
        "--store",
        applied.path / ".reconciler",
        "--yes",
        "--allow-deletes",
        "99",
    )
    assert answer.code == 3
    assert "mistyped" in answer.err
    assert machines(applied) == ALL


def test_nothing_is_deleted_while_a_host_is_silent(reconcile: Reconcile, applied: Directory) -> None:
    silent = home_of(reconcile, applied, "shop-db-0")
    by_hand(applied, silent, interfere.silence)
    applied.write("shop.yaml", WITHOUT_WEB)
    answer = reconcile("apply", applied, "--yes", "--allow-deletes", "99")
    assert answer.code == 8
    assert f"{silent} did not answer: nothing is deleted while it may be there too" in answer.out
    assert machines(applied) == ALL


def test_nothing_is_made_a_second_time_while_a_host_that_may_have_it_is_silent(
    reconcile: Reconcile, applied: Directory
) -> None:
    silent = home_of(reconcile, applied, "shop-db-0")
    by_hand(applied, silent, interfere.silence)
    answer = reconcile("apply", applied, "--yes")
    assert answer.code == 8
    assert "shop-db-0" in answer.out
    assert "did not answer" in answer.out
    assert machines(applied) == ALL
    by_hand(applied, silent, interfere.wake)
    assert reconcile("plan", applied, "--detailed-exitcode").code == 0


def test_deleting_the_block_of_a_protected_machine_does_not_unprotect_it(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.edit("shop.yaml", "  web:\n", "  web:\n    protect: true\n")
    reconcile("apply", directory, "--yes")
    directory.write("shop.yaml", WITHOUT_WEB)
    answer = reconcile("apply", directory, "--yes", "--allow-deletes", "99")
    assert answer.code == 7
    assert "protected: declare it with protect: false and apply that before removing it" in answer.out
    assert machines(directory) == ALL


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        pytest.param("ab" * 32, "cd" * 32, "protected: this change replaces it", id="its-image"),
        pytest.param(
            "disks: {root: 10GiB, scratch: 1GiB}",
            "disks: {root: 10GiB}",
            "protected: this change deletes a disk",
            id="a-disk",
        ),
    ],
)
def test_a_protected_machine_is_neither_replaced_nor_loses_a_disk(
    reconcile: Reconcile, directory: Directory, old: str, new: str, why: str
) -> None:
    directory.edit("shop.yaml", "    disks: {root: 10GiB}\n", "    disks: {root: 10GiB, scratch: 1GiB}\n")
    directory.edit("shop.yaml", "  web:\n", "  web:\n    protect: true\n")
    reconcile("apply", directory, "--yes")
    directory.edit("image.yaml" if "ab" in old else "shop.yaml", old, new)
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 7
    assert why in answer.out


def test_a_machine_that_somebody_paused_is_left_alone(reconcile: Reconcile, applied: Directory) -> None:
    home = home_of(reconcile, applied, "shop-web-0")
    by_hand(applied, home, lambda store: interfere.pause(store, "shop-web-0"))
    answer = reconcile("apply", applied, "--yes")
    assert answer.code == 4
    assert "seen here: paused (user)" in answer.out
    assert machines(applied) == ALL


def test_a_foreign_machine_of_our_name_is_not_touched(reconcile: Reconcile, directory: Directory) -> None:
    reconcile("plan", directory)
    for host in ("hv1", "hv2"):
        by_hand(directory, host, lambda store: interfere.foreign(store, "shop-db-0"))
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 1
    assert "another machine is called shop-db-0" in answer.out
    assert machines(directory).count("shop-db-0") == 2
