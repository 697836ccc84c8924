"""``reconcile explain``, and what a plan says of who has no place."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Directory, Reconcile


@pytest.fixture
def crowded(directory: Directory) -> Directory:
    """A directory whose web has a replica more than there are hosts."""
    shop = directory.path / "shop.yaml"
    shop.write_text(shop.read_text().replace("replicas: 2", "replicas: 3"))
    return directory


RULE = "anti_affinity to web over host"


def test_explain_says_what_is_in_the_way_and_what_would_help(
    reconcile: Reconcile, crowded: Directory
) -> None:
    assert reconcile("apply", crowded, "--yes").code == 4
    answer = reconcile("explain", "shop-web-2", crowded, "-o", "json")
    assert answer.json["counts"] == {RULE: 2}
    assert answer.json["conflict"] == [RULE]
    assert answer.json["nearest"] == [f"without {RULE} it would fit on hv1, hv2"]
    assert answer.json["declared"] == "shop.yaml:12"
    words = reconcile("explain", "shop-web-2", crowded).out
    assert f"{RULE} leaves no host" in words
    assert "declared: shop.yaml:12" in words


def test_a_plan_says_it_of_everybody_who_is_blocked(reconcile: Reconcile, crowded: Directory) -> None:
    answer = reconcile("plan", crowded, "-o", "json")
    blocked = answer.json["blocked"]
    assert isinstance(blocked, list)
    assert blocked[0]["instance"] == "shop-web-2"
    assert blocked[0]["conflict"] == [RULE]
    assert f"without {RULE} it would fit on hv1, hv2" in reconcile("plan", crowded).out
