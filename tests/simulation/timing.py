"""Virtual time, and processes that can be paused and killed.

One thread, no sockets, no real sleep: when nothing is ready, time jumps to the next timer. A killed
process is one that is paused for ever: not one line of it runs any more, ``finally`` included.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import Enum, auto
from typing import Any, NoReturn

MOST_TURNS = 2_000_000
"""Turns of one loop; more of them are a circle."""
_MANY_TASKS = 256


class Stuck(AssertionError):
    """Nothing is ready and nothing will be, or it goes round without end."""


class State(Enum):
    """What becomes of a process' callbacks."""

    RUNS = auto()
    PAUSED = auto()
    DEAD = auto()


class Process:
    """One controller: everything that was started from its first task."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State.RUNS
        self._backlog: list[tuple[Context, Callable[..., object], tuple[object, ...]]] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, main: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``main`` as this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return asyncio.get_running_loop().create_task(main, name=self.name, context=context)

    def pause(self) -> None:
        """Stop the process; what becomes due waits."""
        if self.state is State.RUNS:
            self.state = State.PAUSED

    def resume(self) -> None:
        """Go on with everything that has become due."""
        if self.state is State.PAUSED:
            self._go_on()

    def kill(self) -> None:
        """Not one line of it runs any more."""
        self.state = State.DEAD

    async def bury(self) -> None:
        """End all its tasks. For when nothing it does can matter any more."""
        for _ in range(20):
            pending = [task for task in self._tasks if not task.done()]
            for task in pending:
                task.cancel()
            self._go_on()
            if not pending:
                return
            await asyncio.wait(pending, timeout=100.0)
        raise Stuck(f"{self.name} cannot be ended: {pending}")

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Remember one of its tasks."""
        if len(self._tasks) > _MANY_TASKS:
            self._tasks = [each for each in self._tasks if not each.done()]
        self._tasks.append(task)

    def call(self, context: Context, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        """Run a callback of the process, or keep it for later."""
        if self.state is State.RUNS:
            callback(*args)
        else:
            self._backlog.append((context, callback, args))

    def _go_on(self) -> None:
        self.state = State.RUNS
        backlog, self._backlog = self._backlog, []
        for context, callback, args in backlog:
            asyncio.get_running_loop().call_soon(callback, *args, context=context)


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
"""Whose code is running; None for the world's own."""


def later(seconds: float, act: Callable[..., object], *args: object) -> None:
    """Have the world do something after a while, whoever asks for it and whatever becomes of them."""
    asyncio.get_running_loop().call_later(seconds, act, *args, context=Context())


async def forever() -> NoReturn:
    """Wait until cancelled."""
    while True:
        await asyncio.get_running_loop().create_future()


class _Jump:
    """Stands where a loop's selector is: nothing ever comes from outside, so time jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        self._loop.turns += 1
        if self._loop.turns > MOST_TURNS:
            raise Stuck(f"more than {MOST_TURNS} turns by {self._loop.time():.1f} s")
        if timeout is None:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self._loop))
            raise Stuck(f"nothing is ready and no timer runs; waiting: {', '.join(waiting)}")
        self._loop.pass_time(timeout)
        return []

    def close(self) -> None:
        return None


class VirtualLoop(BaseEventLoop):
    """An event loop whose time is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0
        self._seconds = 0.0
        self._selector = _Jump(self)
        self.set_task_factory(_make_task)

    def time(self) -> float:
        return self._seconds

    def pass_time(self, seconds: float) -> None:
        self._seconds += seconds

    def call_soon(self, callback, *args, context=None):  # type: ignore[no-untyped-def,override]
        context = context if context is not None else copy_context()
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(process.call, context, callback, args, context=context)

    def call_at(self, when, callback, *args, context=None):  # type: ignore[no-untyped-def,override]
        context = context if context is not None else copy_context()
        process = context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, process.call, context, callback, args, context=context)

    def _process_events(self, events: list[object]) -> None:
        return None

    def _write_to_self(self) -> None:
        return None


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    # ``start`` gives the context of a process to a task that the world makes.
    context = options.get("context")
    process = context.get(PROCESS) if context is not None else PROCESS.get()
    if process is not None:
        process.adopt(task)
    return task


def run_virtually(main: Coroutine[Any, Any, None]) -> None:
    """Run the world's own task to its end in virtual time."""
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _, __: None)  # a lost error of a dead process concerns nobody
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()
