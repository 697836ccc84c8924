"""What the guest agent is asked, over libvirt's channel to it. Everything here blocks.

What it says comes from inside of the guest: it is read as untrusted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import libvirt
import libvirt_qemu
from pydantic import TypeAdapter, ValidationError

from reconciler.errors import ActionFailed

_ANSWER = TypeAdapter(dict[str, object])
_POLL_S = 0.2
_AGAIN_S = (0.5, 1.0, 2.0)
"""Before each further try: an agent that is being upgraded or is busy is back by then, and a guest that has
none costs no more than that.
"""
_SILENT = {libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED}

T = TypeVar("T")


class AgentSilent(ActionFailed):
    """No agent is connected, or it does not answer; it may a moment later."""


async def persistently(ask: Callable[[], Awaitable[T]], *, pauses: Sequence[float] = _AGAIN_S) -> T:
    """What ``ask`` gives, tried again after each pause while the agent is silent. Raises what it raises."""
    for pause in pauses:
        try:
            return await ask()
        except AgentSilent:
            await asyncio.sleep(pause)
    return await ask()


class Agent:
    """The agent of one running domain; each of its calls waits ``seconds`` for an answer."""

    def __init__(self, domain: libvirt.virDomain, host: str, *, seconds: int) -> None:
        self._domain = domain
        self._host = host
        self._seconds = seconds

    def ping(self) -> None:
        """Raises ActionFailed where it does not answer."""
        self.ask("guest-ping")

    def run(self, command: Sequence[str]) -> int:
        """Run a command in the guest to its end; its exit status. Raises ActionFailed."""
        deadline = time.monotonic() + self._seconds
        begun = self.ask("guest-exec", {"path": command[0], "arg": list(command[1:])})
        while True:
            state = self.ask("guest-exec-status", {"pid": begun.get("pid")})
            if state.get("exited"):
                status = state.get("exitcode")
                # One that was ended by a signal has none.
                return status if isinstance(status, int) else -1
            if time.monotonic() > deadline:
                raise ActionFailed(self._host, f"{command[0]} has not ended within {self._seconds} s")
            time.sleep(_POLL_S)

    def ask(self, command: str, arguments: Mapping[str, object] | None = None) -> Mapping[str, object]:
        """What it returns, or nothing. Raises AgentSilent, ActionFailed where it says no, and libvirtError
        where the line is lost.
        """
        asked = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            said = libvirt_qemu.qemuAgentCommand(self._domain, json.dumps(asked), self._seconds, 0)
        except libvirt.libvirtError as error:
            if error.get_error_domain() == libvirt.VIR_FROM_RPC:
                raise
            kind = AgentSilent if error.get_error_code() in _SILENT else ActionFailed
            raise kind(self._host, f"the guest agent: {error.get_error_message()}") from error
        try:
            answer = _ANSWER.validate_json(said).get("return")
        except ValidationError as error:
            raise ActionFailed(self._host, "the guest agent says what cannot be understood") from error
        return answer if isinstance(answer, dict) else {}
