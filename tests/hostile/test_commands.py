"""No shell ever reads what a user or a host wrote, but for one door that quotes."""

from __future__ import annotations

import ast
import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

import reconciler
from reconciler.actuators.ssh import Ssh
from tests.builders import host
from tests.hostile.values import VALUES

ROOT = Path(reconciler.__file__).parent
_STARTS = {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}
_SHELLS = {"system", "popen", "create_subprocess_shell", "subprocess_shell", "getoutput", "getstatusoutput"}


@dataclass
class Line:
    """A connection that only remembers what it was asked to run."""

    commands: list[str] = field(default_factory=list)

    def is_closed(self) -> bool:
        return False

    async def run(self, command: str, **_: object) -> SimpleNamespace:
        self.commands.append(command)
        return SimpleNamespace(exit_status=0, stdout="", stderr="")


def as_sent(*argv: str) -> str:
    """The one line that the host's shell gets for a command."""
    line, ssh = Line(), Ssh(host("hv1"))
    ssh._connection = line  # type: ignore[assignment]
    asyncio.run(ssh.run(argv))
    (command,) = line.commands
    return command


@pytest.mark.parametrize(
    "value",
    [each for each in VALUES.values() if "\0" not in each],
    ids=[n for n, v in VALUES.items() if "\0" not in v],
)
def test_the_hosts_shell_hands_over_every_argument_as_it_was_written(value: str, tmp_path: Path) -> None:
    command = as_sent("printf", "%s\\0", value, f"--name={value}", "")
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == [value, f"--name={value}", ""]
    assert list(tmp_path.iterdir()) == []


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), node


def name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def test_nothing_is_given_to_a_shell_of_this_machine() -> None:
    found = [
        f"{path}:{call.lineno}"
        for path, call in calls()
        if name_of(call) in _SHELLS or any(keyword.arg == "shell" for keyword in call.keywords)
    ]
    assert found == []


def test_only_the_quoting_door_runs_commands_on_a_host() -> None:
    doors = {
        path
        for path, call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("run", "create_process", "create_session")
        and ast.unparse(call.func.value).endswith("connection")
    }
    assert doors == {"actuators/ssh.py"}


def test_commands_are_never_one_text() -> None:
    # A list or a name: never a text put together, which a shell would have to take apart.
    found = [
        f"{path}:{call.lineno}"
        for path, call in calls()
        if name_of(call) in _STARTS and call.args and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert found == []
