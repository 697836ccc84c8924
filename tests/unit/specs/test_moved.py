"""What is renamed keeps its machines: the identity is made of the name it had."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.specs.desired import Desired
from reconciler.specs.fingerprint import digest_of
from reconciler.specs.placement import Affinity
from tests.unit.specs.writing import loaded, messages_of, service, write

SHOP = """\
components:
  db:
    {image: debian, resources: {cpus: 1, memory: 1GiB}, disks: {root: 1GiB}, ssh_keys: [ssh-ed25519 AAAA ops]}
  web:
    image: debian
    resources: {cpus: 1, memory: 1GiB}
    disks: {root: 1GiB}
    replicas: 2
    depends_on: [db]
    placement:
      affinity: {to: db, over: rack}
      anti_affinity: [{over: host}, {to: db}]
"""
STORE = (
    SHOP.replace("db:\n    {", "database:\n    {moved: {from: db}, ")
    .replace("  web:", "  front:")
    .replace("replicas: 2", "moved: {from: web}\n    replicas: 2")
    .replace("[db]", "[database]")
    .replace("to: db", "to: database")
)


def shop_of(directory: Path, text: str, *, name: str = "shop") -> Desired:
    directory.mkdir()
    return loaded(directory, shop=service(text, name=name))


def test_a_renamed_service_with_renamed_components_asks_for_the_same_machines(tmp_path: Path) -> None:
    before = shop_of(tmp_path / "before", SHOP)
    after = shop_of(tmp_path / "after", "moved: {from: shop}\n" + STORE, name="store")
    assert [instance.name for instance in after.instances] == ["shop-db-0", "shop-web-0", "shop-web-1"]
    assert [instance.uuid for instance in after.instances] == [each.uuid for each in before.instances]
    assert digest_of(after) == digest_of(before)


def test_references_name_the_new_names_and_mean_the_old_identities(tmp_path: Path) -> None:
    *_, web = shop_of(tmp_path / "after", STORE).instances
    assert web.depends_on == ("db",)
    assert web.placement.affinity == (Affinity("db", "rack"),)
    assert web.placement.anti_affinity == (Affinity("web", "host"), Affinity("db", "host"))


def test_the_old_name_of_a_component_is_no_component_to_refer_to(tmp_path: Path) -> None:
    write(tmp_path, shop=service(STORE.replace("[database]", "[db]")))
    assert messages_of(tmp_path) == [
        "shop.yaml:13:18: error: unknown component 'db'  [components.front.depends_on[0]]"
    ]


def test_a_guest_is_still_called_what_its_machine_is_called(tmp_path: Path) -> None:
    db, *_ = shop_of(tmp_path / "after", "moved: {from: shop}\n" + STORE, name="store").instances
    assert db.context is not None
    assert db.context.hostname == db.name == "shop-db-0"


def test_the_names_that_machines_keep_are_what_must_not_clash(tmp_path: Path) -> None:
    # "a-b" + "c" and "a" + "b-c" would both give a-b-c-0.
    parts = "components: {%s: {image: debian, resources: {cpus: 1, memory: 1GiB}, disks: {root: 1GiB}}}\n"
    first = service("moved: {from: a-b}\n" + parts % "c", name="x")
    write(tmp_path, first=first, second=service(parts % "b-c", name="a"))
    (message,) = messages_of(tmp_path)
    assert "its instances would be called a-b-c-0 like those of first.yaml:5:14" in message


@pytest.mark.parametrize(("length", "fits"), [(55, True), (56, False)])
def test_the_length_that_counts_is_that_of_the_kept_name(tmp_path: Path, length: int, fits: bool) -> None:
    text = f"moved: {{from: {'s' * length}}}\n" + SHOP.replace("  web:", "  front:\n    moved: {from: web12}")
    write(tmp_path, shop=service(text, name="s"))
    assert (messages_of(tmp_path) == []) is fits


def test_zero_replicas_of_a_renamed_service_are_declared_under_the_kept_name(tmp_path: Path) -> None:
    text = "moved: {from: shop}\n" + SHOP.replace("replicas: 2", "replicas: 0").replace(
        "ssh_keys", "replicas: 0, ssh_keys"
    )
    desired = shop_of(tmp_path / "after", text, name="store")
    assert (desired.services, desired.instances) == (("shop",), ())
