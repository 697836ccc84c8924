"""The published JSON Schema knows what the loader knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from reconciler.specs.schema import DRAFT, KINDS, json_schema
from tests.unit.specs.malformed import CORPUS
from tests.unit.specs.writing import FLEET, IMAGE, component, service

PUBLISHED = Path(__file__).parents[3] / "reconciler.schema.json"


def is_valid(text: str, kind: str | None = None) -> bool:
    schema = cast(Mapping[str, object], json_schema(kind))
    return bool(Draft202012Validator(schema).is_valid(yaml.safe_load(text)))


def test_published_schema_is_up_to_date() -> None:
    assert json.loads(PUBLISHED.read_text()) == json_schema(), (
        "write it anew: reconcile schema > reconciler.schema.json"
    )


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_schema_is_one(kind: str | None) -> None:
    schema = json_schema(kind)
    assert schema["$schema"] == DRAFT
    Draft202012Validator.check_schema(cast(Mapping[str, object], schema))


def test_there_is_no_schema_of_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match="Secret"):
        json_schema("Secret")


@pytest.mark.parametrize("text", [FLEET, IMAGE, component("")])
def test_sound_documents_are_valid(text: str) -> None:
    kind = yaml.safe_load(text)["kind"]
    assert is_valid(text)
    assert [each for each in KINDS if is_valid(text, each)] == [kind]


@pytest.mark.parametrize(
    "fields",
    [
        "networks: [back]",
        "networks: {back: {}, front: }",
        "depends_on: [db]",
        "depends_on: {db: started}",
        "environment: {A: 1, B: true, C: ~, D: text}",
        "placement: {require: host.load < 1.0, affinity: {to: db}, spread: {over: rack}}",
        "placement: {anti_affinity: host}",
        "placement: {require: [host.load < 1.0], affinity: [{to: db}], rank: 1.0}",
        "placement: {anti_affinity: [host, {to: db}]}",
        "placement: {spread: [{over: rack, max_skew: 1, strict: false}]}",
        "protect: true",
        "depends_on: {db: healthy}",
        "healthcheck: {tcp: 5432, interval: 10s, retries: 6, start_period: 3m}",
        "healthcheck: {http: ':8080/healthz', expect: [200, 301], timeout: 2s}",
        "healthcheck: {http: ':80/', expect: 204}",
        "healthcheck: {agent: true}",
        "healthcheck: {agent: [pg_isready, -q]}",
        "healthcheck: {console: 'login:'}",
        "update: {parallelism: 2, order: stop-first, monitor: 2m, on_failure: pause}",
        "update: {order: start-first}",
    ],
)
def test_short_and_long_forms_are_valid(fields: str) -> None:
    assert is_valid(component(fields + "\n"))


def test_disks_have_a_short_and_a_long_form_and_defaults_complete_a_component() -> None:
    assert is_valid(
        service("defaults: {image: a}\ncomponents: {w: {disks: {root: 1GiB, d: {size: 1GiB}}}}\n")
    )


@pytest.mark.parametrize(
    "fields",
    [
        "replcas: 2",
        "replicas: two",
        "replicas: -1",
        "protect: 'yes'",
        "cloud_init: ~",
        "networks: back",
        "healthcheck: {tcp: 0}",
        "healthcheck: {agent: false}",
        "update: {order: first}",
        "depends_on: {db: well}",
        "environment: {MY-NAME: x}",
        "placement: {affinity: {over: rack}}",
        "placement: {rank: [1]}",
    ],
)
def test_what_the_loader_refuses_by_shape_is_invalid(fields: str) -> None:
    assert not is_valid(component(fields + "\n"))


SHAPES = ("unknown-field-", "comes-later", "come-later", "is-a-list", "is-a-mapping", "is-text", "in-words")


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(CORPUS.glob("[fis]*/*.yaml")) if any(word in path.stem for word in SHAPES)],
    ids=lambda path: path.stem,
)
def test_malformed_shapes_of_the_corpus_are_invalid(path: Path) -> None:
    assert not is_valid(path.read_text())
