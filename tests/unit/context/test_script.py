"""The script that a guest runs at every boot, and when what it says changes: run here, by real shells."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.context import telling_script
from reconciler.context.script import environment_text
from reconciler.specs.guest import GuestContext, Interface, Peer

AWKWARD = 'it\'s "quoted" $HOME `id` \\n\ttwo\nlines #not a comment'
PEERS = (Peer("10.42.0.10", ("shop-db-0", "db-0", "db")), Peer("fd00::5", ("shop-app-0", "app-0", "app")))
BLOCK = "# BEGIN reconciler\n10.42.0.10 shop-db-0 db-0 db\nfd00::5 shop-app-0 app-0 app\n# END reconciler\n"

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    name = str(request.param)
    return [name, "sh"] if name == "busybox" else [name]


def told(
    root: Path, shell: list[str], context: GuestContext, hosts: str | None = None, *, script: str = ""
) -> str:
    """Run the script in a root of its own, from standard input as the agent does; /etc/hosts afterwards."""
    (root / "etc").mkdir(exist_ok=True)
    if hosts is not None:
        (root / "etc" / "hosts").write_text(hosts)
    text = (
        (script or telling_script(context)).replace("/etc/", f"{root}/etc/").replace("/sys/", f"{root}/sys/")
    )
    subprocess.run(shell, input=text, text=True, check=True, timeout=20)
    return (root / "etc" / "hosts").read_text()


def context(*peers: Peer, **environment: str) -> GuestContext:
    return GuestContext("shop-db-0", (), tuple(environment.items()), "", (), peers)


def test_names_come_after_what_was_there(tmp_path: Path, shell: list[str]) -> None:
    assert told(tmp_path, shell, context(*PEERS), "127.0.0.1 localhost\n") == f"127.0.0.1 localhost\n{BLOCK}"


def test_telling_twice_changes_nothing(tmp_path: Path, shell: list[str]) -> None:
    once = told(tmp_path, shell, context(*PEERS), "127.0.0.1 localhost")
    assert told(tmp_path, shell, context(*PEERS)) == once == f"127.0.0.1 localhost\n{BLOCK}"


def test_names_that_are_gone_go(tmp_path: Path, shell: list[str]) -> None:
    hosts = f"127.0.0.1 localhost\n{BLOCK}10.9.9.9 mine\n"
    assert told(tmp_path, shell, context(), hosts) == "127.0.0.1 localhost\n10.9.9.9 mine\n"


def test_what_i_wrote_after_a_broken_block_is_kept(tmp_path: Path, shell: list[str]) -> None:
    hosts = "127.0.0.1 localhost\n# BEGIN reconciler\n10.9.9.9 mine\n"
    after = told(tmp_path, shell, context(*PEERS), hosts)
    assert after == f"127.0.0.1 localhost\n10.9.9.9 mine\n{BLOCK}"


def test_guest_without_a_hosts_file_gets_one(tmp_path: Path, shell: list[str]) -> None:
    assert told(tmp_path, shell, context(*PEERS)) == BLOCK


def test_full_disk_leaves_the_file_as_it_was(tmp_path: Path, shell: list[str]) -> None:
    small = telling_script(context(*PEERS, A="1"))
    limited = f"ulimit -f 0; trap '' XFSZ\n{small}"
    try:
        after = told(tmp_path, shell, context(), "127.0.0.1 localhost\n", script=limited)
    except subprocess.CalledProcessError:
        after = (tmp_path / "etc" / "hosts").read_text()
    assert after == "127.0.0.1 localhost\n"
    assert not (tmp_path / "etc" / "reconciler" / "environment").exists()


def test_environment_is_for_root_alone(tmp_path: Path, shell: list[str]) -> None:
    told(tmp_path, shell, context(A="1"), "")
    written = tmp_path / "etc" / "reconciler" / "environment"
    assert written.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc" / "hosts").stat().st_mode & 0o777 == 0o644
    assert written.read_text() == 'A="1"\n'
    told(tmp_path, shell, context())
    assert not written.exists()


def test_any_value_survives_the_script_and_a_shell(tmp_path: Path, shell: list[str]) -> None:
    value = AWKWARD.replace("\n", " ").replace("\t", " ")
    told(tmp_path, shell, context(VALUE=value), "")
    sourced = f'set -a; . "{tmp_path}/etc/reconciler/environment"; printf %s "$VALUE"'
    done = subprocess.run([*shell, "-c", sourced], capture_output=True, text=True, check=True)
    assert done.stdout == value


def test_environment_of_several_lines_survives_a_shell(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text(environment_text((("VALUE", AWKWARD),)))
    script = 'set -a; . "$1"/environment; printf %s "$VALUE"'
    done = subprocess.run(["sh", "-c", script, "sh", tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == AWKWARD


def test_cards_are_told_their_mtu_by_their_address(tmp_path: Path, shell: list[str]) -> None:
    macs = {"ens3": "52:54:00:00:00:01", "lo": "00:00:00:00:00:00", "eth1": "52:54:00:00:00:02"}
    for name, mac in macs.items():
        card = tmp_path / "sys" / "class" / "net" / name
        card.mkdir(parents=True)
        (card / "address").write_text(f"{mac}\n")
        (card / "mtu").write_text("1500\n")
    cards = (
        Interface(macs["ens3"], "10.42.0.10/24", 1400),
        Interface(macs["eth1"]),
        Interface("52:54:00:0:0:9"),
    )
    told(tmp_path, shell, replace(context(*PEERS), interfaces=cards))
    found = {name: (tmp_path / "sys" / "class" / "net" / name / "mtu").read_text().strip() for name in macs}
    assert found == {"ens3": "1400", "lo": "1500", "eth1": "1500"}
