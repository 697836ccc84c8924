"""A few thousand broken inputs; ``scripts/fuzz`` feeds as many as are asked for."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from fuzz import guests
from fuzz.__main__ import main
from fuzz.guests import CONTEXT, HOSTS, context_seeds, hosts_seeds
from fuzz.inputs import Input, read, write
from fuzz.run import Failure, run
from fuzz.seeds import domain_seeds, loader_seeds
from fuzz.targets import DOMAINS, LOADER, Target
from fuzz.wires import LINKS, links_seeds
from reconciler.actuators.libvirt import iproute, parse
from reconciler.context import cloud_config
from reconciler.context.script import WITHOUT_OURS
from reconciler.errors import InvalidInput
from reconciler.specs.load import load
from reconciler.specs.yaml import compose

# Every run feeds the same ones: what is new is found by scripts/fuzz.
SEED = 20261123


def _nobody(_: Failure) -> None:
    return None


def test_no_broken_directory_makes_the_loader_fall_over() -> None:
    result = run(LOADER, loader_seeds(), count=600, seed=SEED, heard=_nobody)
    assert [failure.error for failure in result.failures] == []


def test_no_broken_domain_makes_its_reader_fall_over() -> None:
    result = run(DOMAINS, domain_seeds(), count=10_000, seed=SEED, heard=_nobody)
    assert [failure.error for failure in result.failures] == []


def test_no_cloud_config_and_no_expression_makes_a_seed_that_cannot_be_read() -> None:
    result = run(CONTEXT, context_seeds(), count=300, seed=SEED, heard=_nobody)
    assert [failure.error for failure in result.failures] == []


def test_no_file_of_hosts_loses_a_line_that_is_not_ours() -> None:
    result = run(HOSTS, hosts_seeds(), count=300, seed=SEED, heard=_nobody)
    assert [failure.error for failure in result.failures] == []


def test_nothing_that_a_host_says_of_its_links_makes_their_reader_fall_over() -> None:
    result = run(LINKS, links_seeds(), count=5_000, seed=SEED, heard=_nobody)
    assert [failure.error for failure in result.failures] == []


def test_enough_inputs_are_sound_to_try_what_comes_after_loading(directory: Path) -> None:
    accepted: list[Input] = []

    def feed(files: Input) -> None:
        folder = directory / str(len(list(directory.iterdir())))
        write(files, folder)
        with contextlib.suppress(InvalidInput):
            load(folder)
            accepted.append(files)

    run(Target("loader", feed), loader_seeds(), count=200, seed=SEED, heard=_nobody)
    assert len(accepted) >= 10


def test_the_same_seed_feeds_the_same_inputs() -> None:
    def fed(seed: int) -> list[Input]:
        inputs: list[Input] = []
        run(Target("loader", inputs.append), loader_seeds(), count=50, seed=seed, heard=_nobody)
        return inputs

    assert fed(1) == fed(1) != fed(2)


def test_a_planted_bug_is_found_kept_and_replayed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The limit that keeps the composer from going too deep.
    monkeypatch.setattr(compose, "DEEPEST", 10**9)
    assert main(["loader", "--count", "600", "--seed", "1", "--keep", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert re.search(r"loader: 600 inputs in [0-9.]+ s, [0-9]+ a second, .* 1 failures", said)
    (kept,) = tmp_path.iterdir()
    assert f"replay: scripts/fuzz --replay {kept}" in said
    assert main(["--replay", str(kept)]) == 1
    assert "RecursionError" in capsys.readouterr().out
    assert sum(len(data.splitlines()) for data in read(kept).values()) <= 5, "it was not made small"
    monkeypatch.undo()
    assert main(["--replay", str(kept)]) == 0


def test_a_bug_planted_in_the_reader_of_domains_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A domain without the element is not thought of.
    monkeypatch.setattr(parse, "_text", lambda parts, tag: parts[tag].text or "")
    assert main(["domains", "--count", "1000", "--seed", "1", "--keep", str(tmp_path)]) == 1
    assert [folder.name.partition("-")[0] for folder in tmp_path.iterdir()] == ["domains"]


def test_bugs_planted_in_what_guests_are_told_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cloud_config, "_merged", lambda users, ours: {**ours, **users})
    monkeypatch.setattr(guests, "WITHOUT_OURS", WITHOUT_OURS.partition("END {")[0])
    assert main(["context", "hosts", "--count", "300", "--seed", "1", "--keep", str(tmp_path)]) == 1
    assert {folder.name.partition("-")[0] for folder in tmp_path.iterdir()} == {"context", "hosts"}


def test_a_bug_planted_in_the_reader_of_links_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # An address that is none is not thought of.
    known = {"10.42.0.254/24": "10.42.0.254/24"}
    monkeypatch.setattr(iproute, "ip_interface", known.__getitem__)
    assert main(["links", "--count", "1000", "--seed", "1", "--keep", str(tmp_path)]) == 1
    assert [folder.name.partition("-")[0] for folder in tmp_path.iterdir()] == ["links"]
