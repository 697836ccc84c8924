"""The contract, as scripts: each a sentence that is true of every platform."""

from __future__ import annotations

from types import ModuleType

from tests.contract.scripts import (
    breaking,
    changing,
    growing,
    hearing,
    locking,
    looking,
    making,
    meddling,
    sharing,
    telling,
    wiring,
)
from tests.contract.stage import Script


def _of(module: ModuleType) -> tuple[Script, ...]:
    """Every public coroutine that the module itself wrote, in the order in which they are written."""
    written = (value for name, value in vars(module).items() if not name.startswith("_"))
    return tuple(value for value in written if getattr(value, "__module__", "") == module.__name__)


_EVERYWHERE = (looking, making, changing, growing, sharing, locking, hearing, meddling, telling)
SCRIPTS = tuple(script for module in _EVERYWHERE for script in _of(module))

FLESH = (*_of(breaking), *_of(wiring))
"""For platforms whose machines are processes, volumes files and links the kernel's: libvirt's test driver
has none of them."""
