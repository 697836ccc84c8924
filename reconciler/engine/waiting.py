"""Wait for the health of instances: how long, how often, and what is remembered from round to round.

``apply`` stands and waits. ``watch`` asks once a round and goes on with everything else; since when it
waits, and since when an instance has been well, is remembered until the next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from reconciler.actions import Await, subject
from reconciler.errors import ActionFailed, HostError, Unsupported
from reconciler.plan import StepId
from reconciler.report import Done, Failed, NotYet, Outcome, Unhealthy, Unresolved
from reconciler.specs.desired import InstanceName, Machine

Probe = Callable[[], Awaitable[None]]
"""Asks once. Raises HostError."""

# In the beginning a guest is asked more often than its interval says, so that a quick one is not waited for.
_FIRST_S = 0.25
_A_ROUND_S = 1.0
"""Between two rounds that only ask: each looks at the whole fleet."""
_MOST = 3
_WAY_S = 15.0
"""Seconds to find the way to a guest, which may take a new connection to its host."""
_SHARE = 0.5
"""Of the time that it has been waited for already: after that much it is asked again."""


@dataclass
class _Vigil:
    """One instance that is waited for: since when, and since when it has been well; seconds of the loop."""

    machine: Machine
    since: float
    well_since: float | None = None


class Vigils:
    """Whom this controller waits for. ``patient``: a wait ends when it is decided, not after one look."""

    def __init__(self, *, patient: bool = True) -> None:
        self._patient = patient
        self._kept: dict[InstanceName, _Vigil] = {}

    def forget(self, name: InstanceName) -> None:
        """Something is done to it: whatever was known of its health is over."""
        self._kept.pop(name, None)

    def keep(self, planned: frozenset[StepId]) -> None:
        """Forget those that are not waited for any more."""
        self._kept = {name: vigil for name, vigil in self._kept.items() if StepId(f"wait/{name}") in planned}

    async def over(self, action: Await, probe: Probe) -> Outcome:
        """Wait until it is healthy, or too late; or, impatiently, ask once."""
        clock = asyncio.get_running_loop().time
        vigil = self._vigil(action, clock())
        while True:
            outcome = await _asked(action, vigil, probe)
            if not isinstance(outcome, NotYet):
                return outcome
            if not self._patient:
                return replace(outcome, again=max(_A_ROUND_S, outcome.again))
            await asyncio.sleep(outcome.again)

    def _vigil(self, action: Await, now: float) -> _Vigil:
        name, machine = action.instance.name, action.instance.machine
        vigil = self._kept.get(name)
        if vigil is None or vigil.machine != machine:
            vigil = self._kept[name] = _Vigil(machine, now)
        return vigil


async def _asked(action: Await, vigil: _Vigil, probe: Probe) -> Outcome:
    """What one look at its health comes to."""
    check = action.instance.health
    assert check is not None, f"{subject(action)} is waited for and has no health check"
    clock = asyncio.get_running_loop().time
    late = vigil.since + check.patience + action.steady
    silent: HostError | None = None
    try:
        await asked_once(action, probe)
    except Unsupported as error:
        return Failed(str(error))
    except ActionFailed as error:
        vigil.well_since = None
        why = error.message
    except HostError as error:
        vigil.well_since, silent, why = None, error, str(error)
    else:
        now = clock()
        vigil.well_since = now if vigil.well_since is None else vigil.well_since
        if now - vigil.well_since >= action.steady:
            return Done()
        why = f"healthy for {now - vigil.well_since:.0f} of {action.steady} s"
    if (now := clock()) < late:
        return NotYet(why, min(check.interval, max(_FIRST_S, _SHARE * (now - vigil.since))))
    if silent is not None:
        return Unresolved(why)
    return Unhealthy(f"not healthy within {check.patience + action.steady} s ({check.check}): {why}")


def says_no(answer: HostError | None) -> bool:
    """Whether somebody who was asked is not healthy; who cannot be asked says nothing."""
    return isinstance(answer, ActionFailed) and not isinstance(answer, Unsupported)


async def asked_once(action: Await, probe: Probe) -> None:
    """Ask, and take a missing answer for a no. Raises HostError."""
    check = action.instance.health
    assert check is not None, f"{subject(action)} is asked and has no health check"
    try:
        # The host keeps the check's own time; this is for one that keeps none.
        async with asyncio.timeout(_MOST * check.timeout + _WAY_S):
            await probe()
    except TimeoutError:
        raise ActionFailed(action.host, "nothing was heard of it") from None
