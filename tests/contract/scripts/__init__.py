"""The contract, as scripts: each a sentence that is true of every platform."""

from __future__ import annotations

from types import ModuleType

from tests.contract.scripts import (
    asking,
    breaking,
    changing,
    growing,
    hearing,
    locking,
    looking,
    making,
    meddling,
    sharing,
)
from tests.contract.stage import Script


def _of(module: ModuleType) -> tuple[Script, ...]:
    """Every public coroutine that the module itself wrote, in the order in which they are written."""
    written = (value for name, value in vars(module).items() if not name.startswith("_"))
    return tuple(value for value in written if getattr(value, "__module__", "") == module.__name__)


_EVERYWHERE = (looking, making, changing, growing, sharing, locking, hearing, meddling, asking)
SCRIPTS = tuple(script for module in _EVERYWHERE for script in _of(module))

FLESH = _of(breaking)
"""For platforms whose machines are processes and volumes files: libvirt's test driver has neither."""
