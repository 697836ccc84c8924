"""What the guest agent is asked, over libvirt's channel to it. Everything here blocks.

What it says comes from inside of the guest: it is read as untrusted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

import libvirt
import libvirt_qemu
from pydantic import TypeAdapter, ValidationError

from reconciler.errors import ActionFailed

_ANSWER = TypeAdapter(dict[str, object])
_POLL_S = 0.2


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
        """What it returns, or nothing. Raises ActionFailed, and libvirtError where the line is lost."""
        asked = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            said = libvirt_qemu.qemuAgentCommand(self._domain, json.dumps(asked), self._seconds, 0)
        except libvirt.libvirtError as error:
            if error.get_error_domain() == libvirt.VIR_FROM_RPC:
                raise
            raise ActionFailed(self._host, f"the guest agent: {error.get_error_message()}") from error
        try:
            answer = _ANSWER.validate_json(said).get("return")
        except ValidationError as error:
            raise ActionFailed(self._host, "the guest agent says what cannot be understood") from error
        return answer if isinstance(answer, dict) else {}
