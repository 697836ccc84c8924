"""What the first bytes of an image say, and what is refused for it."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.actuators.qcow2 import HEAD_BYTES, Header, read_header

NAME = b"/srv/base.qcow2"


def header(
    *, version: int = 3, backing: bytes = b"", size: int = 1 << 30, method: int = 0, bits: int = 0
) -> bytes:
    at = 512 if backing else 0
    start = struct.pack(">4sIQIIQI", b"QFI\xfb", version, at, len(backing), 16, size, method)
    body = (start.ljust(72, b"\0") + struct.pack(">Q", bits)).ljust(512, b"\0")
    return body + backing


def refusal(data: bytes) -> str | None:
    found = read_header(data)
    assert found is not None
    return found.refusal


def test_a_plain_image_may_be_a_base_image() -> None:
    assert read_header(header()) == Header(3, 1 << 30)
    assert refusal(header()) is None
    assert refusal(header(version=2)) is None


def test_what_begins_otherwise_is_no_qcow2() -> None:
    assert read_header(b"") is None
    assert read_header(bytes(1024)) is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(header(backing=NAME), "/srv/base.qcow2", id="a-backing-file"),
        pytest.param(header(version=2, backing=NAME), "/srv/base.qcow2", id="one-of-version-2"),
        pytest.param(header(bits=4), "in another file", id="external-data"),
        pytest.param(header(bits=2), "corrupt", id="corrupt"),
        pytest.param(header(bits=1 << 40), "nobody knows", id="a-feature-of-the-future"),
        pytest.param(header(method=1), "encrypted", id="encrypted"),
        pytest.param(header(version=4), "version 4", id="a-version-of-the-future"),
        pytest.param(header(version=1), "version 1", id="a-version-of-the-past"),
    ],
)
def test_what_cannot_stand_alone_is_refused(data: bytes, says: str) -> None:
    assert says in str(refusal(data))


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_what_qemu_reads_by_itself_is_no_obstacle(bits: int) -> None:
    assert refusal(header(bits=bits)) is None


@pytest.mark.parametrize("cut", [4, 47, 79])
def test_a_header_that_is_cut_short_says_so(cut: int) -> None:
    with pytest.raises(ValueError, match="cut short"):
        read_header(header()[:cut])


def test_a_name_that_is_not_where_the_header_says_is_damage() -> None:
    with pytest.raises(ValueError, match="not there"):
        read_header(header(backing=NAME)[:520])


@given(st.binary(max_size=HEAD_BYTES // 64))
def test_nothing_but_a_value_error_comes_of_any_bytes(rest: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_header(b"QFI\xfb" + rest)
