"""Tell a running guest what has changed around it: by its seed for its next boot, by its agent for now.

An agent is a courtesy: a guest that has none, whose agent does not answer or may not run commands, or
that is still booting, reads the new seed when it boots next.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import replace

import libvirt

from reconciler.actuators.libvirt.agent import Agent
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.errors import ActionFailed
from reconciler.specs.desired import Instance
from reconciler.specs.unsettled import unsettled

_AGENT_SECONDS = 5
"""For one answer. libvirt knows at once where no agent is connected."""
_LOOKS = 20


async def tell(desk: Desk, instance: Instance) -> None:
    """Give a guest what follows from its peers. Raises ActionFailed where its seed cannot be written."""

    def begin(hands: Hands) -> int | None:
        domain = hands.domains.get(instance.uuid)
        domain.write_mark(replace(domain.mark, applied=unsettled(domain.mark.applied, instance.machine)))
        hands.write_seed(domain.mark, hands.pool(), desk.seed(instance))
        if instance.context is None or not domain.is_active():
            return None
        return _run(domain, desk.supplies.telling(instance))

    process = await desk.change("telling", begin)
    looks = _LOOKS if process is not None else 0
    while looks and await desk.change(
        "telling", lambda hands: _runs(hands.domains.get(instance.uuid), process)
    ):
        looks -= 1
        await asyncio.sleep(desk.pace.poll)


def _run(domain: Domain, script: str) -> int | None:
    """Have a guest's shell run a script; the process there, or None where that cannot be had."""
    # By standard input: a command line can be read by everybody in the guest.
    text = base64.b64encode(script.encode()).decode()
    answer = _ask(domain, "guest-exec", {"path": "/bin/sh", "arg": [], "input-data": text})
    process = answer.get("pid")
    return process if isinstance(process, int) else None


def _runs(domain: Domain, process: int | None) -> bool:
    return _ask(domain, "guest-exec-status", {"pid": process}).get("exited") is False


def _ask(domain: Domain, command: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """What the agent says; nothing where it says no, or nothing."""
    agent = Agent(domain.handle, domain.mark.key.name, seconds=_AGENT_SECONDS)
    try:
        return agent.ask(command, arguments)
    except (ActionFailed, libvirt.libvirtError):
        # Whatever the reason is: the seed has been written, and a lost connection shows at the next call.
        return {}
