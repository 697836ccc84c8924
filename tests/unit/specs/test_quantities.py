"""Sizes and numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.specs.quantities import (
    LARGEST_MIB,
    NotAnAmount,
    parse_duration,
    parse_size,
    parse_whole,
    write_duration,
    write_size,
)


@pytest.mark.parametrize(
    ("text", "mib"),
    [("1MiB", 1), ("512MiB", 512), ("8GiB", 8192), ("1.5GiB", 1536), ("1TiB", 1 << 20), ("0.5GiB", 512)],
)
def test_size_is_read_as_mebibytes(text: str, mib: int) -> None:
    assert parse_size(text) == mib


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("8G", "write 8GiB"),
        ("8GB", "write 8GiB"),
        ("8gb", "write 8GiB"),
        ("8 GiB", "write 8GiB"),
        ("8", "write 8GiB"),
        ("512M", "write 512MiB"),
        ("2T", "write 2TiB"),
        ("1_024MiB", "write 1024MiB"),
        ("8Ki", "units are MiB, GiB and TiB"),
        ("", "units are MiB, GiB and TiB"),
        ("eight", "units are MiB, GiB and TiB"),
        ("0.3GiB", "write 308MiB"),
        ("0.5GB", "write 0.5GiB"),
        ("08GiB", "write 8GiB"),
    ],
)
def test_wrong_size_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(NotAnAmount) as refused:
        parse_size(text)
    assert refused.value.hint == hint


@pytest.mark.parametrize("text", ["0MiB", "0.0GiB", "9999999999TiB", "-1GiB", "1e3GiB", "٣GiB", "8GiB\n"])
def test_size_out_of_bounds_or_in_other_digits_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount):
        parse_size(text)


@given(st.integers(1, LARGEST_MIB))
def test_size_written_is_read_back(mib: int) -> None:
    assert parse_size(write_size(mib)) == mib


@given(st.text(max_size=20))
def test_any_text_is_a_size_or_is_refused(text: str) -> None:
    try:
        assert 1 <= parse_size(text) <= LARGEST_MIB
    except NotAnAmount as refused:
        assert str(refused)


@pytest.mark.parametrize(
    "text", ["1.0", "1e3", "0777", "0x1F", "1_000", " 1", "1\n", "+1", "٣", "", "9" * 19]
)
def test_number_that_is_not_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount):
        parse_whole(text)


@given(st.integers(-(10**17), 10**17))
def test_plain_digits_are_a_number(number: int) -> None:
    assert parse_whole(str(number)) == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("10s", 10), ("3m", 180), ("90s", 90), ("1h", 3600), ("1h30m", 5400), ("1m5s", 65)],
)
def test_time_is_read_as_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10", "write 10s"),
        ("10 s", "write 10s"),
        ("3M", "write 3m"),
        ("2min", "write 2m"),
        ("500ms", "units are h, m and s"),
        ("", "units are h, m and s"),
        ("5s3m", "units are h, m and s"),
        ("soon", "units are h, m and s"),
        ("10s\n", "write 10s"),
    ],
)
def test_wrong_time_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(NotAnAmount) as refused:
        parse_duration(text)
    assert refused.value.hint == hint


@given(st.integers(0, 86_400))
def test_every_time_is_read_as_it_is_written(seconds: int) -> None:
    assert parse_duration(write_duration(seconds)) == seconds
