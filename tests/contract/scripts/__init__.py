"""The contract, as scripts: each a sentence that is true of every platform."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.contract.duo import DuoScript
from tests.contract.scripts import (
    asking,
    breaking,
    carrying,
    changing,
    cordoning,
    growing,
    hearing,
    locking,
    looking,
    making,
    meddling,
    moving,
    plugging,
    pooling,
    reverting,
    sharing,
    storing,
    telling,
    wiring,
)
from tests.contract.stage import Script


def _of(module: ModuleType) -> tuple[Any, ...]:
    """Every public coroutine that the module itself wrote, in the order in which they are written."""
    written = (value for name, value in vars(module).items() if not name.startswith("_"))
    return tuple(value for value in written if getattr(value, "__module__", "") == module.__name__)


_EVERYWHERE = (
    looking,
    making,
    changing,
    growing,
    pooling,
    sharing,
    locking,
    hearing,
    meddling,
    storing,
    telling,
    asking,
    reverting,
)
SCRIPTS: tuple[Script, ...] = tuple(script for module in _EVERYWHERE for script in _of(module))

FLESH: tuple[Script, ...] = (*_of(breaking), *_of(plugging), *_of(wiring), *_of(cordoning))
"""For platforms whose machines are processes, volumes files and links the kernel's: libvirt's test driver
has none of them."""

PAIRS: tuple[DuoScript, ...] = (*_of(moving), *_of(carrying))
"""For pairs of hosts between which a machine can move."""
