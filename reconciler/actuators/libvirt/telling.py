"""Tell a running guest what has changed around it: by its seed for its next boot, by its agent for now.

An agent is a courtesy: a guest that has none, whose agent does not answer or may not run commands, or
that is still booting, reads the new seed when it boots next. One that is silent is asked a few times.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from dataclasses import replace

from reconciler.actuators.libvirt.agent import Agent, persistently
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Instance
from reconciler.specs.unsettled import unsettled

_AGENT_SECONDS = 5
"""For one answer. libvirt knows at once where no agent is connected."""
_LOOKS = 20


async def tell(desk: Desk, instance: Instance) -> None:
    """Give a guest what follows from its peers. Raises ActionFailed where its seed cannot be written."""

    def write(hands: Hands) -> bool:
        domain = hands.domains.get(instance.uuid)
        domain.write_mark(replace(domain.mark, applied=unsettled(domain.mark.applied, instance.machine)))
        hands.write_seed(domain.mark, hands.pool(), desk.seed(instance))
        return instance.context is not None and domain.is_active()

    if await desk.change("telling", write):
        # Whatever the reason is: the seed has been written, and a lost connection shows at the next call.
        with contextlib.suppress(ActionFailed):
            await _have_it_run(desk, instance, desk.supplies.telling(instance))


async def _have_it_run(desk: Desk, instance: Instance, script: str) -> None:
    """Have a guest's shell run a script, and wait a little for its end. Raises ActionFailed."""
    # By standard input: a command line can be read by everybody in the guest.
    text = base64.b64encode(script.encode()).decode()
    asked = {"path": "/bin/sh", "arg": [], "input-data": text}

    async def ask(command: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
        def over(hands: Hands) -> Mapping[str, object]:
            handle = hands.domains.get(instance.uuid).handle
            return Agent(handle, desk.host, seconds=_AGENT_SECONDS).ask(command, arguments)

        return await desk.change("telling", over)

    # One that had begun it when its answer was lost may begin it twice: it may run any number of times.
    process = (await persistently(lambda: ask("guest-exec", asked))).get("pid")
    for _ in range(_LOOKS if isinstance(process, int) else 0):
        if (await ask("guest-exec-status", {"pid": process})).get("exited") is not False:
            return
        await asyncio.sleep(desk.pace.poll)
