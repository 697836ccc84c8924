"""Amounts as people write them: whole numbers, sizes with their unit, and spans of time."""

from __future__ import annotations

import re
from decimal import Decimal

MIB_OF = {"MiB": 1, "GiB": 1 << 10, "TiB": 1 << 20}
"""MiB in one of each unit."""
LARGEST_MIB = 1 << 40
"""An exbibyte: more than any host has, and small enough for every platform's integers."""

SIZE_PATTERN = r"^(0|[1-9][0-9]*)(\.[0-9]+)?(MiB|GiB|TiB)$"
_SIZE = re.compile(SIZE_PATTERN[1:-1], re.ASCII)  # "$" would let a line break pass

SECONDS_OF = {"h": 3600, "m": 60, "s": 1}
LONGEST_S = 24 * 3600
DURATION_PATTERN = r"^(?=[0-9])([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
_DURATION = re.compile(DURATION_PATTERN[1:-1], re.ASCII)
_LOOSE_DURATION = re.compile(r"^\s*([0-9]{1,5})\s*([a-zA-Z]*)\s*$", re.ASCII)

_LOOSE = re.compile(r"^\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*$")
_NEAREST = {"m": "MiB", "g": "GiB", "t": "TiB", "": "GiB"}


class NotAnAmount(ValueError):
    """The text is no amount; ``hint`` says what was probably meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


def parse_size(text: str) -> int:
    """``8GiB``, ``512MiB``, ``1.5TiB`` as whole MiB. Raises NotAnAmount."""
    if not (match := _SIZE.fullmatch(text)) or len(text) > 30:
        raise NotAnAmount(f"expected a size such as 8GiB, got {_short(text)}", _suggest(text))
    whole, fraction, unit = match.groups()
    mib = Decimal(whole + (fraction or "")) * MIB_OF[unit]
    if mib != int(mib):
        raise NotAnAmount(f"{text} is not a whole number of MiB", f"write {int(mib) + 1}MiB")
    if not 1 <= mib <= LARGEST_MIB:
        raise NotAnAmount(f"expected a size between 1MiB and {LARGEST_MIB >> 20}TiB, got {text}")
    return int(mib)


def write_size(mib: int) -> str:
    """The shortest way to write a size: the inverse of ``parse_size``."""
    unit = next(unit for unit in ("TiB", "GiB", "MiB") if mib % MIB_OF[unit] == 0)
    return f"{mib // MIB_OF[unit]}{unit}"


def parse_duration(text: str) -> int:
    """``90s``, ``3m``, ``1h30m`` as whole seconds, a day at the most. Raises NotAnAmount."""
    if not (match := _DURATION.fullmatch(text)):
        raise NotAnAmount(f"expected a time such as 30s or 2m, got {_short(text)}", _suggest_duration(text))
    seconds = sum(int(part[:-1]) * SECONDS_OF[part[-1]] for part in match.groups() if part)
    if seconds > LONGEST_S:
        raise NotAnAmount(f"expected a time of at most 24h, got {_short(text)}")
    return seconds


def write_duration(seconds: int) -> str:
    """The shortest way to write a span of time: the inverse of ``parse_duration``."""
    unit = next(unit for unit, size in SECONDS_OF.items() if seconds % size == 0 and (seconds or unit == "s"))
    return f"{seconds // SECONDS_OF[unit]}{unit}"


def parse_whole(text: str) -> int:
    """A whole number in plain decimal digits. Raises NotAnAmount."""
    if not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text):
        raise NotAnAmount(f"expected a whole number, got {_short(text)}", _suggest_whole(text))
    return int(text)


def _suggest(text: str) -> str:
    loose = _LOOSE.match(text)
    unit = _NEAREST.get(loose[2][:1].lower()) if loose else None
    if not (loose and unit):
        return "units are MiB, GiB and TiB"
    number = re.sub(r"^0+(?=[0-9])", "", loose[1].replace("_", ""))
    return f"write {number}{unit}"


def _suggest_duration(text: str) -> str:
    loose = _LOOSE_DURATION.match(text)
    unit = loose[2][:1].lower() if loose else ""
    if not loose or loose[2].lower() == "ms" or (unit and unit not in SECONDS_OF):
        return "units are h, m and s"
    return f"write {int(loose[1])}{unit or 's'}"


def _suggest_whole(text: str) -> str:
    if re.fullmatch(r"[0-9]+m", text):
        return "CPUs are given out whole: there are no thousandths"
    if re.fullmatch(r"[0-9][0-9_]*(\.0+)?", text):
        plain = text.replace("_", "").split(".", maxsplit=1)[0].lstrip("0") or "0"
        return f"write {plain}" if len(plain) < 19 else ""
    return ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
