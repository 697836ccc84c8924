"""Many migrations in one plan: which comes before which, what they take, and that all of them arrive."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Answer, Directory, Reconcile

_FOR_DATA, _FOR_WORK = ", labels: {for: data}", ", labels: {for: work}"


def fleet(*hosts: str) -> str:
    """A fleet file with these lines for hosts."""
    head = "apiVersion: reconciler/v1\nkind: Fleet\nname: lab\nhosts:\n"
    return head + "".join(f"  {each}\n" for each in hosts)


def line(name: str, memory: str = "16GiB", more: str = "") -> str:
    """One host."""
    return f'{name}: {{connect: "sim://", capacity: {{cpus: 32, memory: {memory}, disk: 900GiB}}{more}}}'


def service(*components: str) -> str:
    """A service of these lines."""
    head = "apiVersion: reconciler/v1\nkind: Service\nname: shop\ndefaults: {image: debian-12}\ncomponents:\n"
    return head + "".join(f"  {each}\n" for each in components)


def component(name: str, memory: str, label: str = "", replicas: int = 1) -> str:
    """One component, which is to be on a host with this value of the label ``for``, if any."""
    wish = f", placement: {{require: ['host.labels.for == \"{label}\"']}}" if label else ""
    takes = f"resources: {{cpus: 1, memory: {memory}}}, disks: {{root: 10GiB}}"
    return f"{name}: {{replicas: {replicas}, {takes}{wish}}}"


def migrations(answer: Answer) -> dict[str, dict[str, Any]]:
    """The migrate steps by instance, in their order."""
    steps: Any = answer.json["steps"]
    return {step["instance"]: step for step in steps if step["action"] == "migrate"}


def homes(reconcile: Reconcile, directory: Directory) -> dict[str, str]:
    rows: Any = reconcile("status", directory, "-o", "json").json["instances"]
    return {row["instance"]: row["host"] for row in rows}


def applied(reconcile: Reconcile, directory: Directory) -> None:
    """Carry it out; after that there is nothing left to do."""
    answer = reconcile("apply", directory, "--yes")
    assert answer.code == 0, answer
    assert reconcile("plan", directory, "-o", "json").json["steps"] == []


def test_a_host_in_maintenance_empties_in_waves_with_what_that_takes(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.write("fleet.yaml", fleet(line("hv1", "32GiB")))
    directory.write("shop.yaml", service(component("web", "2GiB", replicas=12)))
    applied(reconcile, directory)
    resting = line("hv1", "32GiB", ", maintenance: true")
    directory.write("fleet.yaml", fleet(resting, line("hv2"), line("hv3")))
    plan = reconcile("plan", directory, "-o", "json")
    steps = migrations(plan)
    assert len(steps) == 12
    # Two at a time leave one host: ``limits.migrations.per_host``.
    assert sorted(step["predicted"]["wave"] for step in steps.values()) == sorted([*range(1, 7)] * 2)
    assert {step["predicted"]["mib"] for step in steps.values()} == {12 * 1024}
    took = next(iter(steps.values()))["predicted"]["seconds"]
    predicted: Any = plan.json["predicted"]
    assert (predicted["mib"], predicted["wave"]) == (144 * 1024, 6)
    assert predicted["seconds"] == pytest.approx(6 * took)
    said = reconcile("plan", directory).out
    assert "predicted: 144 GiB to migrate in about 12 min, in 6 waves" in said
    assert "        12 GiB in about 2 min, in wave 6" in said
    assert "predicted: 144 GiB to migrate" in reconcile("plan", directory, "-o", "markdown").out
    applied(reconcile, directory)
    assert set(homes(reconcile, directory).values()) == {"hv2", "hv3"}


def test_machines_of_two_full_hosts_change_places_once_a_third_makes_room(
    reconcile: Reconcile, directory: Directory
) -> None:
    ours = (component("db", "10GiB", "data"), component("job", "12GiB"), component("app", "10GiB", "work"))
    directory.write("fleet.yaml", fleet(line("hv1", "24GiB", _FOR_DATA)))
    directory.write("shop.yaml", service(*ours[:2]))
    applied(reconcile, directory)
    directory.write("fleet.yaml", fleet(line("hv1", "24GiB", _FOR_DATA), line("hv2", more=_FOR_WORK)))
    directory.write("shop.yaml", service(*ours))
    applied(reconcile, directory)
    # Both are full, and each has what the other one should have.
    swapped = (line("hv1", "24GiB", _FOR_WORK), line("hv2", more=_FOR_DATA))
    directory.write("fleet.yaml", fleet(*swapped))
    stuck = reconcile("plan", directory, "-o", "json")
    blocked: Any = stuck.json["blocked"]
    assert (migrations(stuck), [each["instance"] for each in blocked]) == ({}, ["shop-app-0", "shop-db-0"])
    directory.write("fleet.yaml", fleet(*swapped, line("hv3")))
    steps = migrations(reconcile("plan", directory, "-o", "json"))
    assert [(name, step["predicted"]["wave"]) for name, step in steps.items()] == [
        ("shop-job-0", 1),
        ("shop-app-0", 2),
        ("shop-db-0", 3),
    ]
    assert "migrate/shop-job-0" in steps["shop-app-0"]["needs"]
    assert "migrate/shop-app-0" in steps["shop-db-0"]["needs"]
    applied(reconcile, directory)
    assert homes(reconcile, directory) == {"shop-app-0": "hv1", "shop-db-0": "hv2", "shop-job-0": "hv3"}
