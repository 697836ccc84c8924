"""What of a file may be shown: secrets are covered, whatever state the file is in."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.specs.yaml.secrets import covered, secret_free, without_credentials, without_quotes
from tests.unit.specs.malformed import CORPUS

CANARY = "hunter2"


def shown(text: str) -> str:
    return "\n".join(covered(dedent(text).split("\n")))


@pytest.mark.parametrize(
    "text",
    [
        "environment: {PASSWORD: hunter2}",
        "environment:\n  PASSWORD: hunter2",
        "environment:\n  - PASSWORD=hunter2",
        "environment:\n- PASSWORD=hunter2",
        "environment: hunter2",
        "environment:hunter2",
        "environment\n  PASSWORD: hunter2",
        "? environment\n: PASSWORD: hunter2",
        '"environment": {"PASSWORD":"hunter2"}',
        "enviroment: {PASSWORD: hunter2}",
        "Environment: {PASSWORD: hunter2}",
        "env:\n  - name: PASSWORD\n    value: hunter2",
        "web: {image: x, environment: {PASSWORD: hunter2}, replicas: 1}",
        "web: {environment: hunter2, replicas: 1}",
        "web: {environment: {A: '}', PASSWORD: hunter2}}",
        'web: {environment: {A: "\\"}", PASSWORD: hunter2}}',
        "web: {environment: {A: it''s }, PASSWORD: hunter2",
        "environment: {A: b, # }\n  PASSWORD: hunter2}",
        "environment: {A: b,\nPASSWORD: hunter2}",
        "environment: [A=b,\nPASSWORD=hunter2]",
        'environment:\n  A: "two\nhunter2 lines"',
        "environment:\n  A: 'two\nhunter2 lines'",
        "environment:\n  A: |\n    x: hunter2\n\n    hunter2: x\n  B: hunter2",
        'environment:\n  A: "hunter2\n  B: never closed',
        "environment:\n  hunter2",
        "web:\n    environment:\n  GREETING: hunter2",
        'web:\n  environment:\n    A: "two\n  B: hunter2"',
        "web:\n  environment: {A: b,\n  B: hunter2}",
        'environment {"GREETING": hunter2}',
        "environment: &hunter2 {A: *hunter2, B: !hunter2 c}",
        "cloud_init: 'password: hunter2'",
        "cloud_init: {password: hunter2}",
        "cloud_init: |\n  #cloud-config\n  password: hunter2",
        "cloud_init: >\n\n  hunter2",
        "password: hunter2",
        "secrets:\n  db: {file: x, of: hunter2}",
        "user-data: |\n  hunter2",
    ],
)
def test_secrets_of_every_shape_are_covered(text: str) -> None:
    assert CANARY in text
    assert CANARY not in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "components:\n  envoy: {image: x}\n  environs: {image: y}",
        "cloud_init: files/web.yaml",
        "{cloud_init: files/web.yaml, replicas: 2}",
        "cloud_init: 'files/web.yaml' # ours",
        "labels: {rack: r1}",
        "name: environment",
        "# about the environment",
    ],
)
def test_everything_else_is_shown(text: str) -> None:
    assert shown(text) == dedent(text)


def test_names_and_what_follows_stay_readable() -> None:
    text = """\
        web:
          environment:
            PASSWORD: hunter2
            DATABASE: x
          replicas: two
        db: {environment: {A: b}, replicas: two}"""
    assert shown(text).split("\n") == [
        "web:",
        "  environment:",
        "    PASSWORD: *******",
        "    DATABASE: *",
        "  replicas: two",
        "db: {environment: *** **, replicas: two}",
    ]


LINES = st.lists(st.text(st.sampled_from("ab{}[],:'\"#- \t\\|*&environment"), max_size=30), max_size=8)


@given(LINES)
def test_columns_and_spaces_stay_where_they_were(lines: list[str]) -> None:
    after = covered(lines)
    assert [len(line) for line in after] == [len(line) for line in lines]
    for line, was in zip(after, lines, strict=True):
        assert all(new in (old, "*") for new, old in zip(line, was, strict=True))


@given(st.text(st.sampled_from("ab{}[],:'\"#- \t\\|*&\n"), max_size=60), st.integers(1, 6))
def test_nothing_below_a_block_shows_but_names(value: str, indent: int) -> None:
    block = "\n".join(" " * indent + line for line in f"X: {value} {CANARY}\n{CANARY}".split("\n"))
    assert CANARY not in shown(f"environment:\n{block}\nreplicas: 1")


def test_passwords_of_urls_are_covered_and_ports_and_users_are_not() -> None:
    assert without_credentials("ssh://ops:hunter2@hv1") == "ssh://ops:*******@hv1"
    assert without_credentials("ssh://ops@hv1:22/x") == "ssh://ops@hv1:22/x"
    assert without_credentials("-----BEGIN RSA PRIVATE KEY-----\\nabc") == (
        "-----BEGIN RSA PRIVATE KEY**********"
    )


def test_a_message_loses_what_it_quotes_and_keeps_its_signs() -> None:
    assert without_quotes("expected a mapping, got 'hunter2'") == "expected a mapping, got '…'"
    assert without_quotes('''got "it's hunter2"''') == "got '…'"
    assert without_quotes("tags ('!') are not supported") == "tags ('!') are not supported"


def test_a_path_ends_where_no_name_follows() -> None:
    assert secret_free("components.web.environment.A=hunter2.x") == "components.web.environment.…"
    assert secret_free("components.web.ssh_keys[0]") == "components.web.ssh_keys[0]"


def test_no_secret_of_the_malformed_corpus_is_in_what_is_said_of_it() -> None:
    files = [path for path in CORPUS.rglob("*.yaml") if path.is_file()]
    holders = [path for path in files if CANARY.encode() in path.read_bytes()]
    assert len(holders) >= 20
    assert [path for path in CORPUS.rglob("*.expected") if CANARY in path.read_text()] == []
