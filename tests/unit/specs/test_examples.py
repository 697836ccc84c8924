"""Every example loads, and is valid for an editor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.specs.desired import Scheme
from reconciler.specs.load import load

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
SERVICES = EXAMPLES / "services"
DOCUMENTS = [
    path for path in sorted(EXAMPLES.rglob("*.yaml")) if not path.read_text().startswith("#cloud-config")
]


def test_services_load_on_the_simulated_fleet() -> None:
    desired = load(SERVICES)
    assert {host.connect.scheme for host in desired.fleet.hosts} == {Scheme.SIM}
    assert len({host.label("rack") for host in desired.fleet.hosts}) == 3
    assert desired.services == ("hello", "probe", "shop")
    assert {key.component for instance in desired.instances if (key := instance.key).service == "shop"} == {
        "app",
        "db",
        "web",
    }


def test_services_load_on_real_hosts() -> None:
    desired = load(SERVICES, fleet=EXAMPLES / "real-hosts" / "fleet.yaml")
    assert Scheme.SIM not in {host.connect.scheme for host in desired.fleet.hosts}
    assert [instance.name for instance in desired.instances] == [
        instance.name for instance in load(SERVICES).instances
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_example_names_the_schema_for_editors(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    _, _, relative = first.partition("# yaml-language-server: $schema=")
    assert (path.parent / relative).resolve() == ROOT / "reconciler.schema.json"


def test_examples_are_valid_for_check_jsonschema(tmp_path: Path) -> None:
    for path in DOCUMENTS:
        for number, document in enumerate(path.read_text().split("\n---\n")):
            (tmp_path / f"{path.parent.name}-{path.stem}-{number}.yaml").write_text(document)
    files = sorted(tmp_path.iterdir())
    assert len(files) > len(DOCUMENTS)
    schema = ROOT / "reconciler.schema.json"
    command: list[str | Path] = [sys.executable, "-m", "check_jsonschema", "--schemafile", schema, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
