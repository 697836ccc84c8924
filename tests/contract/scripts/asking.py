"""Scripts of the contract: who can be asked for their health, and what is said of those who cannot.

What a guest answers when it is well is asked of real guests, in tests/lab.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.actions import Destroy
from reconciler.errors import ActionFailed, HostUnreachable
from reconciler.specs.desired import Instance
from reconciler.specs.health import ConsoleCheck, HealthCheck
from tests.contract.stage import Stage


def _asked(instance: Instance) -> Instance:
    """The same with a check that its guest has no chance to pass."""
    return replace(instance, health=HealthCheck(ConsoleCheck("no guest says this"), timeout=3))


async def who_does_not_run_is_not_healthy(stage: Stage) -> None:
    db = _asked(stage.instance())
    with pytest.raises(ActionFailed, match="it does not run"):
        await stage.actuators[0].probe(db)
    await stage.created(db)
    stage.platform.stop(db.name)
    with pytest.raises(ActionFailed, match="it does not run"):
        await stage.actuators[0].probe(db)


async def who_is_paused_is_not_healthy(stage: Stage) -> None:
    db = _asked(stage.instance())
    await stage.created(db)
    stage.platform.pause(db.name)
    with pytest.raises(ActionFailed, match="it does not run"):
        await stage.actuators[0].probe(db)


async def who_may_only_look_may_ask(stage: Stage) -> None:
    db = _asked(stage.instance())
    await stage.perform(Destroy(stage.host, await stage.created(db)))
    reader = await stage.open(read_only=True)
    with pytest.raises(ActionFailed, match="it does not run"):
        await reader.probe(db)


async def who_has_no_lock_may_ask(stage: Stage) -> None:
    other = await stage.open(lock=False)
    with pytest.raises(ActionFailed, match="it does not run"):
        await other.probe(_asked(stage.instance()))


async def a_closed_host_is_not_asked(stage: Stage) -> None:
    actuator = stage.actuators[0]
    await actuator.close()
    with pytest.raises(HostUnreachable):
        await actuator.probe(_asked(stage.instance()))


async def to_ask_changes_nothing(stage: Stage) -> None:
    db = _asked(stage.instance())
    await stage.created(db)
    stage.platform.stop(db.name)
    before = await stage.look()
    with pytest.raises(ActionFailed):
        await stage.actuators[0].probe(db)
    assert await stage.look() == before
