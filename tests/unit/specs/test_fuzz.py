"""Whatever is in a file, loading gives a value or faults with places, and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import InvalidInput
from reconciler.specs.load import load
from tests.unit.specs.writing import FLEET, IMAGE, component

SOUND = {
    "fleet.yaml": FLEET,
    "image.yaml": IMAGE,
    "shop.yaml": component(
        "networks: [back]\nenvironment: {A: b}\nssh_keys: [ssh-ed25519 AAAA ops]\ndepends_on: []\n"
        "placement: {require: ['host.labels.disk == \"ssd\"'], anti_affinity: host, rank: host.load * 2.0}\n"
    ).replace("components:", "networks: {back: {bridge: br0}}\ncomponents:"),
}
MARKS = ": |- |[|]|{|}|&a |*a|!x |? |>|#|'|---\n|<<|~|%|@|${{|a: b|[[[[[[|//|..|file:|-1|1e9|1GiB|true|host"
ODDITIES = (
    "",
    " ",
    "\n",
    "\t",
    "|",
    '"',
    "\\",
    "\0",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "😀",
    "\ud7ff",
    "x" * 5000,
)
SNIPPETS = st.sampled_from((*MARKS.split("|"), *ODDITIES, "cloud_init: fleet.yaml"))


def is_loaded_or_refused(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        for name, data in files.items():
            (Path(directory) / name).write_bytes(data)
        try:
            load(Path(directory))
        except InvalidInput as invalid:
            assert invalid.faults
            for fault in invalid.faults:
                assert fault.message
                assert fault.position.line >= 1
                assert fault.position.column >= 1
                assert fault.width >= 1
                assert "\n" not in str(fault)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, bytes]:
    files = dict(SOUND)
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(files)))
        text = files[name]
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        files[name] = text[:start] + draw(SNIPPETS | st.text(max_size=3)) + text[end:]
    return {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_random_text_is_refused_with_faults(text: str) -> None:
    is_loaded_or_refused({"a.yaml": text.encode("utf-8", "surrogatepass")})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_with_faults(data: bytes) -> None:
    is_loaded_or_refused({"a.yaml": data})


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_mutations_of_sound_files_are_loaded_or_refused_with_faults(files: dict[str, bytes]) -> None:
    is_loaded_or_refused(files)
