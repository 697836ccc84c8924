"""A secret given to a guest is in the guest's seed, and nowhere else that anybody can read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.context.seed import nocloud_seed
from reconciler.errors import Fault, InvalidInput
from reconciler.planner import make_plan
from reconciler.planner.prepare import prepared
from reconciler.specs.desired import Desired, Instance
from reconciler.specs.load import load
from reconciler.specs.yaml.source import Source
from tests.builders import observed_of
from tests.hostile.conftest import Typed
from tests.hostile.places import lay_out

CANARY = "c4n4ry-Zx9"
VERBS = (
    ("validate",),
    ("plan",),
    ("plan", "-o", "json"),
    ("plan", "-o", "markdown"),
    ("apply", "--yes"),
    ("apply", "--yes", "-o", "json"),
    ("status",),
    ("status", "-o", "json"),
    ("status", "-o", "markdown"),
    ("snapshot",),
    ("history",),
    ("history", "-o", "json"),
)


EXPRESSION = "${{ instance.name + 'c4n4ry' + '-Zx9' }}"
"""Becomes a secret only once it is filled in."""


@pytest.fixture(params=["variable value", "cloud-init text"])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[CANARY, CANARY + EXPRESSION], ids=["plain", "beside-an-expression"])
def secretive(request: pytest.FixtureRequest, place: str, tmp_path: Path) -> Path:
    """A sound directory with a canary where guests are told secrets."""
    directory = tmp_path / "services"
    directory.mkdir()
    lay_out(directory, place, request.param)
    return directory


def all_that_is_typed(directory: Path, typed: Typed) -> str:
    printed = "".join(typed(verb, directory, *options) for verb, *options in VERBS)
    return printed + typed("explain", "boutique-db-0", directory) + typed("explain", "nobody-0", directory)


def files_with_the_canary(directory: Path, *, but: frozenset[Path] = frozenset()) -> list[Path]:
    files = [path for path in directory.rglob("*") if path.is_file() and path not in but]
    return [path for path in files if CANARY.encode() in path.read_bytes()]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_secret_is_in_no_output_and_in_no_file_of_the_store(secretive: Path, typed: Typed) -> None:
    written_by_the_user = frozenset(secretive.rglob("*"))
    printed = all_that_is_typed(secretive, typed)
    assert "Applied" in printed
    assert {"sim.sqlite", "history.sqlite"} <= {path.name for path in (secretive / ".reconciler").iterdir()}
    assert CANARY not in printed
    assert files_with_the_canary(secretive.parent, but=written_by_the_user) == []


def test_an_expression_becomes_a_secret_for_the_guest_alone(place: str, tmp_path: Path, typed: Typed) -> None:
    directory = tmp_path / "services"
    directory.mkdir()
    lay_out(directory, place, EXPRESSION)
    printed = all_that_is_typed(directory, typed)
    assert "Applied" in printed
    assert CANARY not in printed
    assert files_with_the_canary(directory.parent) == []
    desired = load(directory)
    ready = prepared(desired, observed_of(desired.fleet))
    contexts = [ready.told.in_full(each).context for each in ready.desired.instances]
    found = [
        each for each in contexts if each and (CANARY in each.cloud_init or CANARY in str(each.environment))
    ]
    assert found != []
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    "expression",
    [
        "c4n4ry-Zx9",
        "components.x['c4n4ry-Zx9']",
        "int('c4n4ry-Zx9')",
        "'c4n4ry-Zx9' + 1",
        "['c4n4ry-Zx9']",
        "'c4n4ry-Zx9",
    ],
)
def test_a_fault_in_an_expression_does_not_show_it(
    place: str, expression: str, tmp_path: Path, typed: Typed
) -> None:
    directory = tmp_path / "services"
    directory.mkdir()
    lay_out(directory, place, f"${{{{ {expression} }}}}")
    printed = typed("plan", directory)
    assert "error: " in printed
    assert "c4n4ry" not in printed
    assert "Zx9" not in printed


def test_a_changed_secret_is_told_of_by_digests_alone(secretive: Path, typed: Typed) -> None:
    typed("apply", secretive, "--yes")
    for file in files_with_the_canary(secretive):
        edit(file, CANARY, f"{CANARY}-2")
    printed = all_that_is_typed(secretive, typed)
    assert "context: " in printed
    assert CANARY not in printed


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("shop.yaml", "    image: ", "    imag: ", id="an-unknown-field"),
        pytest.param("shop.yaml", "    environment: {", "    enviroment: {", id="a-misspelled-environment"),
        pytest.param("shop.yaml", "    environment: {", "    environment: {1", id="a-bad-variable"),
        pytest.param("shop.yaml", "    environment: {", "    environment: [{", id="an-open-list"),
        pytest.param("shop.yaml", "    environment: {", "    environment {", id="a-lost-colon"),
        pytest.param("shop.yaml", "    environment: {", "   environment: {", id="a-wrong-indentation"),
        pytest.param("shop.yaml", "    environment: {", "\tenvironment: {", id="a-tab"),
        pytest.param("shop.yaml", '": "', '": {"', id="a-mapping-that-is-not-closed"),
        pytest.param("shop.yaml", "kind: Service", "kind: Servce", id="an-unknown-kind"),
        pytest.param("files/web.cloud-init.yaml", "packages: [", "packages: [[", id="a-broken-cloud-init"),
        pytest.param("files/web.cloud-init.yaml", "packages: [", "packages: !x [", id="a-tag-in-cloud-init"),
        pytest.param("files/web.cloud-init.yaml", "packages: [", "- [", id="a-list-as-cloud-init"),
        pytest.param("files/web.cloud-init.yaml", "#cloud-config\n", "", id="a-lost-first-line"),
        pytest.param("files/web.cloud-init.yaml", "packages: [", "\x07packages: [", id="a-control-character"),
    ],
)
def test_a_fault_beside_a_secret_does_not_show_it(
    secretive: Path, typed: Typed, file: str, old: str, new: str
) -> None:
    edit(secretive / file, old, new)
    printed = typed("plan", secretive)
    assert "error: " in printed
    assert CANARY not in printed


def test_a_step_that_fails_does_not_show_it(secretive: Path, typed: Typed) -> None:
    edit(secretive / "fleet.yaml", "disk: 1TiB", "disk: 2GiB")
    printed = typed("apply", secretive, "--yes")
    assert "blocked" in printed
    (secretive / ".reconciler").mkdir(exist_ok=True)
    (secretive / ".reconciler" / "sim.sqlite").write_bytes(b"no database" * 100)
    edit(secretive / "fleet.yaml", "disk: 2GiB", "disk: 1TiB")
    printed += typed("apply", secretive, "--yes") + typed("apply", secretive, "--yes", "-o", "json")
    assert "did not answer" in printed
    assert CANARY not in printed


def test_a_seed_that_cannot_be_made_does_not_show_it(secretive: Path) -> None:
    instance = load(secretive).instances[0]
    assert instance.context is not None
    broken = replace(instance.context, cloud_init=f"#cloud-config\na: !x {CANARY}\nb: [{CANARY}")
    with pytest.raises(InvalidInput) as refused:
        nocloud_seed(replace(instance, context=broken))
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(refused.value.__cause__)


def test_values_that_are_printed_by_accident_do_not_show_it(secretive: Path) -> None:
    desired: Desired = load(secretive)
    plan = make_plan(desired, observed_of(desired.fleet))
    assert told(desired)
    for value in (desired, plan, *desired.instances, *(each.context for each in desired.instances)):
        assert CANARY not in repr(value)
        assert CANARY not in str(value)


def told(desired: Desired) -> list[Instance]:
    return [each for each in desired.instances if each.context is not None]


KEYS = st.sampled_from(["environment", "env", "Environment", "enviroment", '"environment"'])
FORMS = (
    "{{PASSWORD: {}, A: b}}",
    "{{A: b, PASSWORD: {}}}",
    "\n        PASSWORD: {}\n        A: b",
    "\n        - PASSWORD={}",
    "[PASSWORD={}]",
    "\n        PASSWORD: |\n          {}\n        A: b",
)
QUOTES = st.sampled_from(
    [CANARY, f"'{CANARY}'", f'"{CANARY}"', f"it's {CANARY}", f"*{CANARY}", f"!{CANARY} x"]
)
DAMAGES = ("", "}", "]", "'", '"', ": ", "\n  x", "{", "\t", "%", "- ")


@settings(max_examples=300, deadline=None)
@given(KEYS, st.sampled_from(FORMS), QUOTES, st.sampled_from(DAMAGES), st.integers(0, 400))
def test_no_damage_to_a_file_makes_a_fault_show_it(
    key: str, form: str, value: str, damage: str, at: int
) -> None:
    text = (
        "apiVersion: reconciler/v1\nkind: Service\nname: shop\ncomponents:\n    web:\n      image: nope\n"
        f"      {key}: {form.format(value)}\n      replicas: x\n"
    )
    at = min(at, len(text))
    # What is cut or put into the word itself makes it another one.
    start, end = text.index(key), text.index(CANARY) + len(CANARY)
    at = at if not start <= at <= start + len(key) and not end - len(CANARY) < at < end else len(text)
    assert CANARY not in str([vars_of(fault) for fault in faults_of(text[:at] + damage + text[at:])])


def faults_of(text: str) -> tuple[Fault, ...]:
    from reconciler.specs.documents import read_documents

    source = Source.of("shop.yaml", Path("/nowhere/shop.yaml"), text)
    return tuple(read_documents([source], fleet=None).faults)


def vars_of(fault: Fault) -> list[str]:
    return [str(fault), fault.excerpt, fault.hint, fault.path, fault.message]


def test_every_line_of_every_file_is_covered_when_it_is_shown(secretive: Path) -> None:
    for file in files_with_the_canary(secretive):
        source = Source.of(file.name, file, file.read_text())
        for number in range(1, len(source.lines) + 1):
            shown = source.at(number, 1, width=500).fault(f"got {source.lines[number - 1]!r}")
            if "environment" in source.lines[number - 1] or source.private:
                assert CANARY not in shown.excerpt
