"""Health checks on real hosts, from the command line alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .desk import Desk, clean, image_yaml
from .guest import Guest
from .laboratory import Laboratory

_SERVICE = """\
apiVersion: reconciler/v1
kind: Service
name: shop
defaults:
  image: guest
  resources: {cpus: 1, memory: 96MiB}
components:
  db:
    healthcheck: {console: '^RECONCILER-GUEST-(UP|READY)', interval: 1s, retries: 40, start_period: 0s}
  app:
    depends_on: {db: healthy}
"""


@pytest.fixture
def desk(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    for host in laboratory.hosts:
        clean(host)
    (tmp_path / "fleet.yaml").write_text(laboratory.fleet_yaml())
    (tmp_path / "images.yaml").write_text(image_yaml([], guest))
    (tmp_path / "shop.yaml").write_text(_SERVICE)
    yield Desk(laboratory, tmp_path)
    for host in laboratory.hosts:
        clean(host)


def test_app_is_made_only_once_the_guest_of_db_says_that_it_is_up(desk: Desk) -> None:
    code, report = desk.reconcile("apply", "--yes")
    assert code == 0, report
    steps = {step["id"]: step for step in report["steps"]}
    assert steps["create/shop-app-0"]["needs"][-1] == "wait/shop-db-0"
    # A guest takes seconds to boot, and a wait that did not look would take none.
    assert steps["wait/shop-db-0"]["seconds"] > 0.5
    homes = desk.whereabouts()
    assert "RECONCILER-GUEST-UP" in homes["shop-db-0"].serial("shop-db-0")
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_a_guest_that_never_says_so_is_6_and_nothing_comes_after_it(desk: Desk) -> None:
    desk.edit(
        "'^RECONCILER-GUEST-(UP|READY)', interval: 1s, retries: 40",
        "'no guest says this', interval: 1s, retries: 3",
    )
    code, report = desk.reconcile("apply", "--yes")
    assert code == 6, report
    outcomes = {step["id"]: step["outcome"] for step in report["steps"]}
    assert (outcomes["wait/shop-db-0"], outcomes["create/shop-app-0"]) == ("unhealthy", "skipped")
    (wait,) = [step for step in report["steps"] if step["id"] == "wait/shop-db-0"]
    assert "no line of its console is like that yet" in wait["detail"]
    assert set(desk.whereabouts()) == {"shop-db-0"}
