"""A laboratory for the session, entered; tests here are skipped, with the reason, where none can be."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .factory import Factory, laboratories
from .guest import Guest, build_guest
from .laboratory import Laboratory, enter_network
from .namespaces import LabError

_REPOSITORY = Path(__file__).resolve().parents[2]
_BUILDER = pytest.StashKey["subprocess.Popen[bytes]"]()
_NEEDED = {
    "libvirtd": "libvirt-daemon-system",
    "virsh": "libvirt-clients",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "nsenter": "util-linux",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin at once with what takes minutes to make, if it is asked for: most tests come before it."""
    asked = any(item.path.name == "test_debian_guest.py" for item in session.items)
    if asked and not session.config.option.collectonly and not why_not():
        session.config.stash[_BUILDER] = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.debian_guest"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # who needs it tries again, and says why it cannot be made
            cwd=_REPOSITORY,
            start_new_session=True,
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nobody waits for it any more."""
    if (builder := config.stash.get(_BUILDER, None)) is not None:
        with suppress(ProcessLookupError):
            os.killpg(builder.pid, signal.SIGINT)
        builder.wait()


def why_not() -> str:
    """What keeps this machine from holding a laboratory; empty if nothing does."""
    if os.geteuid() != 0:
        return "the laboratory needs root, for namespaces"
    # sshd lives in /usr/sbin, which a user's PATH may lack.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [package for program, package in _NEEDED.items() if shutil.which(program, path=path) is None]
    if missing:
        return f"the laboratory needs: apt-get install {' '.join(missing)}"
    if not Path("/dev/net/tun").exists():
        return "the laboratory needs /dev/net/tun"
    return ""


@pytest.fixture(scope="session")
def laboratory_factory() -> Iterator[Factory]:
    """Call it for one more laboratory, `laboratory_factory(hosts=3)`; enter it with `enter_network`."""
    if reason := why_not():
        pytest.skip(reason)
    with laboratories() as factory:
        yield factory


@pytest.fixture(scope="session")
def laboratory(laboratory_factory: Factory) -> Iterator[Laboratory]:
    """Two hosts, whose addresses this process reaches from here on to the end of the session."""
    lab = laboratory_factory(hosts=2)
    with enter_network(lab):
        yield lab


@pytest.fixture(scope="session")
def guest() -> Guest:
    """The small real guest."""
    if reason := why_not():
        pytest.skip(reason)
    missing = [program for program in ("busybox", "depmod", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"the guest cannot be built without {' '.join(missing)}")
    try:
        return build_guest()
    except LabError as reason:
        pytest.skip(f"the guest cannot be built here: {reason}")
