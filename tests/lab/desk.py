"""Where a user sits: a directory of YAML in front of real hosts, and this checkout's command line."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any

from .guest import Guest
from .hosts import IMAGES, Host, wait_until
from .laboratory import Laboratory
from .namespaces import MARKER, inside
from .settings import FAST, FAST_DIRECTORY

REPOSITORY = Path(__file__).resolve().parents[2]
# Not the installed script: that one may belong to another checkout.
_HERE = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})"
_PROGRAM = f"{_HERE}; from reconciler.cli.main import main; main()"
_BROKEN = f"{_HERE}; from tests.lab.broken import main; main(sys.argv[1:])"


def command(*words: str, broken: str = "") -> list[str]:
    """The argument vector of `reconcile` as it is in this checkout, or as `broken.py` has it."""
    program = [_BROKEN, broken] if broken else [_PROGRAM]
    return [sys.executable, "-P", "-c", *program, *words]


@dataclass(frozen=True)
class Desk:
    """A directory of YAML in front of a laboratory. Unless `quiet`, what is typed is printed.

    What it starts is `broken` in that way.
    """

    lab: Laboratory
    path: Path
    quiet: bool = False
    broken: str = ""

    @property
    def history(self) -> Path:
        """The journal's file."""
        return self.path / ".reconciler" / "history.sqlite"

    def journal(self) -> list[tuple[object, ...]]:
        """Every row of the journal."""
        journal = sqlite3.connect(f"file:{self.history}?mode=ro", uri=True)
        try:
            return [row for table in ("run", "entry") for row in journal.execute(f"SELECT * FROM {table}")]
        finally:
            journal.close()

    def reconcile(self, verb: str, *options: str, about: str = "", timeout: float = 240) -> tuple[int, Any]:
        """Type a verb (`about` an instance); the exit code and the JSON it printed."""
        words = command(verb, *([about] if about else []), str(self.path), "-o", "json", *options)
        done = self.lab.run(words, check=False, timeout=timeout)
        assert done.stdout, done.stderr
        if not self.quiet:
            print(
                verb, *options, done.returncode, done.stderr, done.stdout if done.returncode else "", sep="\n"
            )
        return done.returncode, json.loads(done.stdout)

    def start(
        self, verb: str, *options: str, log: Path, env: Mapping[str, str] = {}, about: str = ""
    ) -> "subprocess.Popen[str]":
        """Type a verb and do not wait; what it says goes to `log`. The process is `reconcile` itself."""
        words = [
            *inside(self.lab.controller, "net"),
            *command(verb, *([about] if about else []), str(self.path), *options, broken=self.broken),
        ]
        with log.open("w") as sink:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                text=True,
                env={**os.environ, MARKER: self.lab.identity, **env},
            )

    def write(self, name: str, text: str) -> None:
        """Save a file as editors do: a new one beside it, renamed into its place."""
        fresh = self.path / f".{name}.swp"
        fresh.write_text(text)
        fresh.replace(self.path / name)

    def edit(self, old: str, new: str, *, name: str = "shop.yaml") -> None:
        """Replace a piece of a file that must be there."""
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def deeds(self) -> set[tuple[str, str]]:
        """What a plan would do: pairs of action and instance."""
        _, plan = self.reconcile("plan")
        return {(step["action"], step["instance"]) for step in plan["steps"] if "instance" in step}

    def whereabouts(self) -> dict[str, Host]:
        """Which host has each instance, as `status` says."""
        _, status = self.reconcile("status")
        hosts = {host.name: host for host in self.lab.hosts}
        return {row["instance"]: hosts[row["host"]] for row in status["instances"] if row["host"] in hosts}


@dataclass(frozen=True)
class Watcher:
    """A `reconcile watch` under way."""

    process: "subprocess.Popen[str]"
    log: Path

    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, words: str, *, times: int = 1, within: float = 30.0) -> None:
        """Wait until it has said something so many times."""
        wait_until(
            lambda: self.text().count(words) >= times or self.process.poll() is not None,
            what=f"{words!r} from watch",
            within=within,
        )
        assert self.text().count(words) >= times, self.text()

    def end(self, signal: Signals, *, within: float = 20.0) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(signal)
        return self.process.wait(timeout=within)


@contextmanager
def watching(desk: Desk, scratch: Path, *, resync: float) -> Iterator[Watcher]:
    """`reconcile watch`, ended at the latest when the block is left; `scratch` takes its temporary files."""
    log = desk.path.with_name(f"{desk.path.name}.log")
    process = desk.start("watch", "--resync", str(resync), log=log, env={"TMPDIR": str(scratch)})
    watcher = Watcher(process, log)
    try:
        yield watcher
    finally:
        if process.poll() is None:
            process.send_signal(SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(watcher.text())


@contextmanager
def set_up(lab: Laboratory, path: Path, service: str, images: str) -> Iterator[Desk]:
    """A directory with this service and these images, in front of clean hosts, which it leaves clean."""
    for host in lab.hosts:
        clean(host)
    (path / "fleet.yaml").write_text(lab.fleet_yaml())
    (path / "images.yaml").write_text(images)
    (path / "shop.yaml").write_text(service)
    yield Desk(lab, path)
    for host in lab.hosts:
        clean(host)
        host.cut_links()


def image_yaml(sectors: Sequence[Path], guest: Guest | None = None) -> str:
    """Images called after their files' stems; `guest` is one that boots a kernel directly."""
    texts = [
        f"apiVersion: reconciler/v1\nkind: Image\nname: {sector.stem}\n"
        f"source: {sector}\nsha256: {_digest(sector)}\nformat: qcow2\n"
        for sector in sectors
    ]
    if guest is not None:
        texts.append(
            "apiVersion: reconciler/v1\nkind: Image\nname: guest\n"
            f"kernel: {{source: {guest.kernel}, sha256: {_digest(guest.kernel)}}}\n"
            f"initrd: {{source: {guest.initrd}, sha256: {_digest(guest.initrd)}}}\n"
            f"cmdline: {guest.cmdline}\n"
        )
    return "---\n".join(texts)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def clean(host: Host) -> None:
    """Leave neither a domain nor a volume on a host."""
    for name in host.virsh("list", "--name").split():
        host.virsh("destroy", name)
    for name in host.virsh("list", "--all", "--name").split():
        host.virsh("undefine", name)
    for pool, directory in (("default", IMAGES), (FAST, FAST_DIRECTORY)):
        host.run(["find", directory, "-type", "f", "-delete"])
        host.virsh("pool-refresh", pool)
