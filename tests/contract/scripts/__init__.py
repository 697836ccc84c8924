"""The contract, as scripts: each a sentence that is true of every platform."""

from __future__ import annotations

from types import ModuleType

from tests.contract.scripts import changing, looking, making, sharing
from tests.contract.stage import Script


def _of(module: ModuleType) -> tuple[Script, ...]:
    """Every public coroutine that the module itself wrote, in the order in which they are written."""
    written = (value for name, value in vars(module).items() if not name.startswith("_"))
    return tuple(value for value in written if getattr(value, "__module__", "") == module.__name__)


SCRIPTS = tuple(script for module in (looking, making, changing, sharing) for script in _of(module))
