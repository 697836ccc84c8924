"""Renaming a service or a component, told apart from deleting one and creating another."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Directory, Reconcile

HINT = "service 'shop' goes and 'store' comes with the same components: "
REMEDY = "if it was renamed, write `moved: {from: shop}` in it"


def test_a_rename_that_says_moved_changes_nothing(reconcile: Reconcile, directory: Directory) -> None:
    directory.edit("shop.yaml", "    depends_on: [db]\n", "    depends_on: [db]\n    environment: {A: b}\n")
    assert reconcile("apply", directory, "--yes").code == 0
    directory.edit("shop.yaml", "name: shop\n", "name: store\nmoved: {from: shop}\n")
    directory.edit("shop.yaml", "  db:\n", "  database:\n    moved: {from: db}\n")
    directory.edit("shop.yaml", "depends_on: [db]", "depends_on: [database]")
    plan = reconcile("plan", directory, "--detailed-exitcode")
    assert (plan.code, plan.out.splitlines()[0]) == (0, "The fleet is what the files say.")
    assert reconcile("apply", directory, "--yes").code == 0
    assert reconcile("status", directory, "-o", "json").out.count('"shop-') == 3


@pytest.mark.parametrize("output", ["human", "json", "markdown"])
@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_rename_that_does_not_is_hinted_at_by_every_output(
    reconcile: Reconcile, directory: Directory, verb: str, output: str
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    directory.edit("shop.yaml", "name: shop\n", "name: store\n")
    answer = reconcile(verb, directory, "-o", output, *(["--yes"] if verb == "apply" else []))
    assert HINT + REMEDY in answer.out
    if output == "json":
        assert answer.json["hints"] == [HINT + REMEDY]


def test_a_rename_beyond_the_budget_is_refused_and_still_hinted_at(
    reconcile: Reconcile, directory: Directory
) -> None:
    assert reconcile("apply", directory, "--yes").code == 0
    directory.edit("fleet.yaml", "name: lab\n", "name: lab\nlimits: {deletes: {max: 0, percent: 0}}\n")
    directory.edit("shop.yaml", "name: shop\n", "name: store\n")
    answer = reconcile("plan", directory)
    assert answer.code == 7
    assert HINT + REMEDY in answer.out
