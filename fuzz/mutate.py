"""One input from others, broken in a few places. All luck comes from the ``Random`` that is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from fuzz.inputs import Input

MOST_BYTES = 20_000
"""Longer ones are cut: they would cost more than they find."""
_WORDS = (
    *(b": ", b"- ", b"{", b"}", b"[", b"]", b",", b"'", b'"', b"#", b"|", b">", b"&a ", b"*a", b"!x ", b"? "),
    *(b"<<: *a", b"---\n", b"...\n", b"%YAML 9\n", b"\t", b"\r", b"\0", b"\x1b[2J", b"\xff", b"\xed\xa0\x80"),
    *(
        "\ufeff\u202e\u2028\x85\u200b😀".encode(),
        b"\\u0000",
        b"\\ud800",
        b"${{",
        b"{{",
        b"~",
        b"null",
        b"true",
    ),
    *(b"-1", b"0", b"007", b"1e400", b".nan", b"99999999999999999999", b"1.5GiB", b"0MiB", b"1048577TiB"),
    *(b"host.load", b"host.labels.x", b"(", b")", b"1/0", b"[1].map(x, x)", b"matches('(')"),
    *(b"ssh://", b"sim://", b"@", b"[::1]", b":65536", b"?keyfile=%00", b"file:", b"../", b"/dev/zero"),
    *(b"${{ components.db.addresses[0] }}", b"${{ instance.name }}", b"}}", b".join(',')", b"${{ '}}' }}"),
    *(b"moved: {from: shop}", b"depends_on: [db]", b"environment: {A: b}", b"cloud_init: fleet.yaml"),
    *(b"<", b">", b"</domain>", b"<!DOCTYPE x>", b"<!--", b"]]>", b"&#0;", b"&x;", b"<x xmlns='urn:x'>"),
    *(b"<vcpu>-1</vcpu>", b"<memory unit='KiB'>1e9</memory>", b"<disk><serial>root</serial></disk>"),
)

_Change = Callable[[bytes, Random, Sequence[bytes]], bytes]


def broken(seeds: Sequence[Input], luck: Random) -> Input:
    """A copy of one of the seeds with one to six changes in its files."""
    files = dict(luck.choice(seeds))
    for _ in range(luck.choice((1, 1, 1, 2, 3, 6))):
        name = luck.choice(sorted(files))
        other = luck.choice(seeds)
        files[name] = luck.choice(_CHANGES)(files[name], luck, sorted(other.values()))[:MOST_BYTES]
    return files


def _cut(data: bytes, luck: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, luck)
    return data[:start] + data[end:]


def _repeat(data: bytes, luck: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, luck)
    return data[:end] + data[start:end] * luck.choice((1, 1, 2, 30)) + data[end:]


def _word(data: bytes, luck: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, luck)
    return data[:start] + luck.choice(_WORDS) + data[luck.choice((start, end)) :]


def _byte(data: bytes, luck: Random, _: Sequence[bytes]) -> bytes:
    at = luck.randrange(len(data) + 1)
    return data[:at] + bytes([luck.randrange(256)]) + data[at + 1 :]


def _splice(data: bytes, luck: Random, others: Sequence[bytes]) -> bytes:
    other = luck.choice(others)
    start, end = _span(other, luck)
    at = luck.randrange(len(data) + 1)
    return data[:at] + other[start:end] + data[at:]


def _lines(data: bytes, luck: Random, _: Sequence[bytes]) -> bytes:
    """Move, drop, double or indent whole lines: what people do by accident."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = luck.randrange(len(lines))
    line = lines.pop(at) if luck.random() < 0.7 else lines[at]
    if luck.random() < 0.8:
        indented = luck.choice((line, b"  " + line, line.removeprefix(b"  "), b"\t" + line))
        lines.insert(luck.randrange(len(lines) + 1), indented)
    return b"".join(lines)


def _tower(data: bytes, luck: Random, _: Sequence[bytes]) -> bytes:
    at, height = luck.randrange(len(data) + 1), luck.choice((5, 25, 200, 2000))
    left, right = luck.choice(((b"[", b"]"), (b"{a: ", b"}"), (b"(", b")"), (b"<a>", b"</a>"), (b"!", b"")))
    return data[:at] + left * height + right * height + data[at:]


_CHANGES: tuple[_Change, ...] = (_cut, _repeat, _word, _word, _word, _byte, _splice, _lines, _lines, _tower)


def _span(data: bytes, luck: Random) -> tuple[int, int]:
    start = luck.randrange(len(data) + 1)
    return start, min(len(data), start + luck.choice((1, 2, 5, 20, 100, 1000)))
