"""Each reason names the line of the files that caused it: the field, or else what it is part of."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reconciler.specs.written import Lines, Written
from tests.cli.conftest import Directory, Reconcile


def _line(directory: Directory, name: str, text: str) -> str:
    """Where a text is in a file that has it once."""
    lines = (directory.path / name).read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, start=1) if text in line]
    return f"{name}:{number}"


def _sources(plan: dict[str, object]) -> dict[str, list[str | None]]:
    steps = cast("list[dict[str, Any]]", plan["steps"])
    return {step["id"]: [reason["source"] for reason in step["because"]] for step in steps}


@pytest.fixture
def applied(reconcile: Reconcile, directory: Directory) -> Directory:
    assert reconcile("apply", directory, "--yes").code == 0
    return directory


def test_what_is_made_names_its_component_its_replicas_its_image_and_its_network(
    reconcile: Reconcile, directory: Directory
) -> None:
    directory.edit("shop.yaml", "lan: {bridge: br0}", "lan: {bridge: br0}\n  back: {cidr: 10.42.0.0/24}")
    directory.edit("shop.yaml", "    placement:", "    placement:\n      # nothing\n      ")
    directory.edit(
        "shop.yaml", "20GiB, on_delete: retain}}\n    networks: [lan]", "20GiB}}\n    networks: [back]"
    )
    sources = _sources(reconcile("plan", directory, "-o", "json").json)
    assert sources["create/shop-db-0"] == [_line(directory, "shop.yaml", "  db:")]
    assert sources["create/shop-web-0"] == [_line(directory, "shop.yaml", "  web:")]
    assert sources["create/shop-web-1"] == [_line(directory, "shop.yaml", "replicas: 2")]
    assert sources["image/debian-12@hv1"] == [_line(directory, "image.yaml", "name: debian-12")]
    assert sources["network/shop.back@hv1"] == [_line(directory, "shop.yaml", "back: {cidr")]
    text = reconcile("plan", directory).out
    assert f"not on any host ({_line(directory, 'shop.yaml', 'replicas: 2')})" in text
    why = reconcile("explain", "shop-web-1", directory)
    assert f"not on any host ({_line(directory, 'shop.yaml', 'replicas: 2')})" in why.out


@pytest.mark.parametrize(
    "edit",
    [
        ("{cpus: 2, memory: 2GiB}", "\n      cpus: 3\n      memory: 2GiB", "cpus", "cpus: 3"),
        ("{cpus: 2, memory: 2GiB}", "\n      cpus: 2\n      memory: 3GiB", "memory_mib", "memory: 3GiB"),
        (
            ", data: {size: 20GiB, on_delete: retain}}",
            ",\n      data: {\n      size: 21GiB,\n      on_delete: retain}}",
            "disks.data.size_mib",
            "size: 21GiB",
        ),
        (
            ", data: {size: 20GiB,",
            ",\n      more: 1GiB,\n      data: {size: 20GiB,",
            "disks.more",
            "more: 1GiB",
        ),
        (
            ", data: {size: 20GiB, on_delete: retain}}",
            "}",
            "disks.data",
            "disks: {root: 10GiB}\n    networks: [lan]\n  web",
        ),
        (
            "    resources: {cpus: 2,",
            "    protect: true\n    resources: {cpus: 2,",
            "protect",
            "protect: true",
        ),
        (
            "defaults: {image: debian-12}",
            "defaults:\n  image: debian-12\n  protect: true",
            "protect",
            "  protect: true",
        ),
        (
            "    resources: {cpus: 2,",
            "    environment: {A: b}\n    resources: {cpus: 2,",
            "context",
            "environment:",
        ),
    ],
)
def test_what_is_changed_names_the_line_of_the_field(
    edit: tuple[str, str, str, str], reconcile: Reconcile, applied: Directory
) -> None:
    old, new, field, where = edit
    applied.edit("shop.yaml", old, new)
    text = (applied.path / "shop.yaml").read_text()
    assert text.count(where) == 1
    plan = reconcile("plan", applied, "-o", "json").json
    steps = cast("list[dict[str, Any]]", plan["steps"])
    (step,) = [step for step in steps if step.get("instance") == "shop-db-0"]
    (reason,) = [reason for reason in step["because"] if reason["field"] == field]
    assert reason["source"] == f"shop.yaml:{text[: text.index(where.strip())].count(chr(10)) + 1}"


def test_what_goes_names_the_replicas_if_there_are_some_left(
    reconcile: Reconcile, applied: Directory
) -> None:
    applied.edit("shop.yaml", "replicas: 2", "replicas: 1")
    sources = _sources(reconcile("plan", applied, "-o", "json").json)
    assert sources == {"destroy/shop-web-1": [_line(applied, "shop.yaml", "replicas: 1")]}


def test_what_must_move_names_the_rule_or_the_host(reconcile: Reconcile, applied: Directory) -> None:
    directory = applied
    rule = 'host.labels.rack == "r9"'
    directory.edit(
        "fleet.yaml",
        "labels: {rack: r2}}",
        "labels: {rack: r9}}\n"
        "  hv3: {connect: 'sim://', capacity: {cpus: 8, memory: 16GiB, disk: 200GiB}, labels: {rack: r9}}",
    )
    directory.edit(
        "shop.yaml",
        "    placement: {anti_affinity: host}",
        f"    placement:\n      anti_affinity: host\n      require:\n        - '{rule}'",
    )
    sources = _sources(reconcile("plan", directory, "-o", "json").json)
    moves = {name: each for name, each in sources.items() if name.startswith("migrate/shop-web")}
    assert list(moves.values()) == [[_line(directory, "shop.yaml", rule)]]


def test_what_must_leave_a_host_names_the_line_that_empties_it(
    reconcile: Reconcile, applied: Directory
) -> None:
    applied.edit(
        "fleet.yaml",
        "labels: {rack: r2}}",
        "labels: {rack: r2},\n        maintenance: true}\n"
        "  hv3: {connect: 'sim://', capacity: {cpus: 8, memory: 16GiB, disk: 200GiB}}",
    )
    where = _line(applied, "fleet.yaml", "maintenance: true")
    answer = reconcile("plan", applied, "-o", "json")
    moves = {name: each for name, each in _sources(answer.json).items() if name.startswith("migrate/")}
    assert moves
    assert set(map(tuple, moves.values())) == {(where,)}
    # It says so itself: not twice.
    assert reconcile("plan", applied).out.count(where) == len(moves)


def test_a_rebalance_names_the_policy(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("shop.yaml", "anti_affinity: host", "cluster: default")
    directory.edit("fleet.yaml", "hosts:", "clusters:\n  default:\n    policy: consolidate\nhosts:")
    assert reconcile("apply", directory, "--yes").code == 0
    sources = _sources(reconcile("rebalance", directory, "--dry-run", "-o", "json").json)
    moves = {name: each for name, each in sources.items() if name.startswith("migrate/")}
    assert moves
    assert set(map(tuple, moves.values())) == {(_line(directory, "fleet.yaml", "policy: consolidate"),)}


def test_a_line_that_moves_does_not_make_a_signed_plan_stale(
    reconcile: Reconcile, directory: Directory
) -> None:
    saved = directory.path.parent / "plan.json"
    assert reconcile("plan", directory, "--out", saved).code == 0
    directory.edit("shop.yaml", "kind: Service", "# in front of everything\nkind: Service")
    assert reconcile("apply", saved, "--yes").code == 0


def test_the_nearest_thing_that_is_written_is_named() -> None:
    lines = Lines(
        [Written("shop/db", "a/shop.yaml", ":3 disks:5 disks.data:6"), Written("shop", "a/shop.yaml", "")]
    )
    assert lines.of("shop/db", "disks.data.size") == "a/shop.yaml:6"
    assert lines.of("shop/db", "disks.root") == "a/shop.yaml:5"
    assert lines.of("shop/db", "cpus") == "a/shop.yaml:3"
    assert lines.of("shop", "networks") == lines.of("shop/web", "cpus") == ""
