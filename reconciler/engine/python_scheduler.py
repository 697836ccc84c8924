"""A user's own scheduler that is a Python function, in a process of its own: it may hang, die and print.

It is started as ``python -P -m reconciler.engine.python_scheduler package.module:function``.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from reconciler.planner.placement.problem import Answer, Scheduler
from reconciler.planner.placement.read import read_question, write_answer


def main(name: str) -> None:
    """Answer the question on stdin. What the function prints goes to stderr."""
    data = sys.stdin.buffer.read()
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        answer = _function(name)(*read_question(data))
        if not isinstance(answer, Answer):
            raise TypeError(f"{name} returned {type(answer).__name__}, not an Answer")
        answers.write(write_answer(answer))


def _function(name: str) -> Scheduler:
    module, _, attribute = name.partition(":")
    found: Scheduler = getattr(import_module(module), attribute)
    return found


if __name__ == "__main__":
    main(sys.argv[1])
