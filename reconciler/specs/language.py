"""The door to CEL: the library, without the command line that its package brings along."""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=1)
def cel() -> ModuleType:
    """The library, imported when it is first asked for.

    Its package imports its own command line, and with that prompt_toolkit and rich: four fifths of the
    time. Nobody here asks for that, so an empty module stands in its place meanwhile.
    """
    command_line = "cel.cli"
    stands_in = ModuleType(command_line)
    sys.modules.setdefault(command_line, stands_in)
    try:
        import cel as library
    finally:
        if sys.modules.get(command_line) is stands_in:
            del sys.modules[command_line]
    module: ModuleType = library
    return module
