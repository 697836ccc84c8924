"""What a guest finds on the CD that it is given at boot."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from pycdlib import PyCdlib

from reconciler.context import nocloud_seed
from reconciler.context.script import environment_text
from reconciler.errors import InvalidInput, Position
from reconciler.specs.desired import GuestContext, Instance
from tests.builders import instance, machine, sha

_SCHEMA = Path(
    os.environ.get("CLOUD_INIT_SCHEMAS", "/usr/lib/python3/dist-packages/cloudinit/config/schemas"),
    "schema-cloud-config-v1.json",
)
_AWKWARD = 'it\'s "quoted" $HOME `id` \\n\ttwo\nlines #not a comment'


def told(
    cloud_init: str = "",
    *,
    keys: tuple[str, ...] = (),
    environment: tuple[tuple[str, str], ...] = (),
    digest: str = "first",
) -> Instance:
    context = GuestContext("shop-db-0", keys, environment, cloud_init)
    made = instance("shop-db-0", replace(machine(), context=sha(digest)))
    return replace(made, context=context, origin=Position("shop.yaml", 12, 3))


def read(seed: bytes, name: str) -> str:
    """A file of the CD as Linux shows it, by Rock Ridge; Joliet must agree."""
    iso = PyCdlib()
    iso.open_fp(BytesIO(seed))
    by_rock_ridge, by_joliet = BytesIO(), BytesIO()
    iso.get_file_from_iso_fp(by_rock_ridge, rr_path=f"/{name}")
    iso.get_file_from_iso_fp(by_joliet, joliet_path=f"/{name}")
    iso.close()
    assert by_rock_ridge.getvalue() == by_joliet.getvalue()
    return by_rock_ridge.getvalue().decode()


def user_data(of: Instance) -> dict[str, object]:
    document = yaml.safe_load(read(nocloud_seed(of), "user-data"))
    assert isinstance(document, dict)
    return document


def instance_id(of: Instance) -> str:
    return str(yaml.safe_load(read(nocloud_seed(of), "meta-data"))["instance-id"])


def test_cloud_init_recognises_the_volume_and_the_first_line() -> None:
    seed = nocloud_seed(told())
    assert seed[16 * 2048 + 40 : 16 * 2048 + 72].strip() == b"cidata"
    assert read(seed, "user-data").startswith("#cloud-config\n")


def test_guest_learns_its_name() -> None:
    assert yaml.safe_load(read(nocloud_seed(told()), "meta-data"))["local-hostname"] == "shop-db-0"
    assert user_data(told())["hostname"] == "shop-db-0"


def test_changed_context_is_applied_at_the_next_boot() -> None:
    assert instance_id(told(digest="first")) == instance_id(told(digest="first"))
    assert instance_id(told(digest="first")) != instance_id(told(digest="second"))


def test_my_keys_are_added_to_those_of_my_document() -> None:
    mine = "ssh_authorized_keys: [ssh-ed25519 AAAA mine]"
    both = user_data(told(mine, keys=("ssh-ed25519 BBBB ops", "ssh-ed25519 AAAA mine")))
    assert both["ssh_authorized_keys"] == ["ssh-ed25519 AAAA mine", "ssh-ed25519 BBBB ops"]


def test_my_document_wins_where_both_say_something() -> None:
    assert user_data(told("hostname: other\npackages: [nginx]")) == {
        "hostname": "other",
        "packages": ["nginx"],
    }


def test_my_files_are_written_beside_the_environment() -> None:
    files = user_data(told("write_files: [{path: /etc/motd, content: hi}]", environment=(("A", "1"),)))[
        "write_files"
    ]
    assert isinstance(files, list)
    assert [each["path"] for each in files] == ["/etc/motd", ENVIRONMENT_FILE]
    assert files[1]["permissions"] == "0600"


def test_any_value_of_the_environment_survives_a_shell(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text(environment_text((("VALUE", _AWKWARD),)))
    script = 'set -a; . "$1"/environment; printf %s "$VALUE"'
    done = subprocess.run(["sh", "-c", script, "sh", tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == _AWKWARD


@pytest.mark.parametrize("text", ["- just\n- a list\n", "#!/bin/sh\necho hi\n", "key: [unclosed"])
def test_document_that_is_no_cloud_config_is_refused_where_it_is_used(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"shop.yaml:12:3: error: cloud_init of db is not"):
        nocloud_seed(told(text))


def test_secrets_are_nowhere_but_in_the_guests_own_file() -> None:
    secretive = told(environment=(("PASSWORD", "hunter2"),))
    assert "hunter2" not in repr(secretive)
    assert "hunter2" not in read(nocloud_seed(secretive), "meta-data")


@pytest.mark.skipif(not _SCHEMA.exists(), reason="cloud-init is not installed: its schema is not here")
@pytest.mark.parametrize(
    "text", ["", "packages: [nginx]\nusers: [default]\nruncmd: [[systemctl, start, nginx]]\n"]
)
def test_cloud_init_itself_finds_nothing_wrong(text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(_SCHEMA.read_text())
    asked = told(text, keys=("ssh-ed25519 AAAA ops",), environment=(("A", _AWKWARD),))
    jsonschema.validate(user_data(asked), schema)
