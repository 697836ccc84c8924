"""Ask a command one question: its words on stdin, its answer on stdout, within limits of time and output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_POLL_S = 0.05
_MOST_COMPLAINT = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """How long it may take, in seconds, and how much it may say, in bytes."""

    seconds: float
    output: int = 16 << 20


class NoAnswer(Exception):
    """The command gave none; the text says what it did instead."""


@dataclass(slots=True)
class _Said:
    """What came from one of its streams, as far as it is kept."""

    most: int
    data: bytearray = field(default_factory=bytearray)
    is_cut: bool = False

    def add(self, more: bytes) -> None:
        self.is_cut = self.is_cut or len(self.data) + len(more) > self.most
        self.data += more[: max(0, self.most - len(self.data))]


def ask_command(argv: Sequence[str], question: bytes, limits: Limits) -> bytes:
    """What it prints on stdout. It is gone, with all that it started in its session, when this returns.

    It runs in ``/``: what it needs it has to name by itself. Blocks. Raises NoAnswer.
    """
    with tempfile.TemporaryFile() as written:
        # A file, not a pipe: nobody waits for it to be read.
        written.write(question)
        written.seek(0)
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=written,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise NoAnswer(f"it cannot be started: {error.strerror}") from None
    with process:
        try:
            out, err = _listen(process, limits)
        finally:
            _end(process)
    if process.returncode:
        raise NoAnswer(_how_it_ended(process.returncode, err))
    return bytes(out.data)


def _listen(process: subprocess.Popen[bytes], limits: Limits) -> tuple[_Said, _Said]:
    """Everything that it says until it ends. Raises NoAnswer where it goes beyond a limit."""
    assert process.stdout is not None and process.stderr is not None, "both are pipes"
    out, err = _Said(limits.output), _Said(_MOST_COMPLAINT)
    deadline = time.monotonic() + limits.seconds
    with selectors.DefaultSelector() as streams:
        for stream, said in ((process.stdout, out), (process.stderr, err)):
            os.set_blocking(stream.fileno(), False)
            streams.register(stream, selectors.EVENT_READ, said)
        has_ended = False
        while True:
            ready = streams.select(0 if has_ended else _POLL_S)
            for key, _ in ready:
                _read(key, streams)
            if out.is_cut:
                raise NoAnswer(f"it printed more than {limits.output} bytes and was stopped")
            if has_ended and not ready:
                return out, err  # somebody whom it started may hold its streams open for ever
            if not has_ended and time.monotonic() > deadline:
                raise NoAnswer(f"it did not answer within {limits.seconds:g} s and was stopped")
            has_ended = has_ended or _is_over(process)


def _read(key: selectors.SelectorKey, streams: selectors.BaseSelector) -> None:
    more = os.read(key.fd, 1 << 16)
    if more:
        key.data.add(more)
    else:
        streams.unregister(key.fileobj)


def _is_over(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. It is not collected yet: until then nobody else has its number."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nobody of its session is left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _how_it_ended(code: int, err: _Said) -> str:
    complaint = err.data.decode(errors="replace").strip().splitlines()
    last = f": {complaint[-1][:300]}" if complaint else ""
    if code < 0:
        return f"it was killed by signal {-code}{last}"
    return f"it ended with exit code {code}{last}"
