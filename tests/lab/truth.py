"""What a host really holds, and which calls its libvirtd really got: the controller is not asked."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .hosts import IMAGES, Host

# An entry of libvirt's public API, in the daemon's own debug log.
_CALL = re.compile(r" debug : (vir[A-Z]\w+):\d+ : \w+=")
_READS = re.compile(
    r"vir(Domain|StoragePool|StorageVol|Network|Connect|Node)"
    r"(Get|List|Lookup|Is|NumOf|Ref$|Free$|Has).*"
    r"|virConnect(Open|Close|(Unr|R)egisterCloseCallback|Domain(EventRegister|EventDeregister)).*"
    r"|virDomainStatsRecordListFree|virNodeGetInfo"
)
_LOG = "/var/log/libvirt/calls.log"
_ADMIN = ("virt-admin", "-c", "libvirtd:///system")
_USUAL = "2:file:/var/log/libvirt/libvirtd.log"


@dataclass(frozen=True, slots=True)
class Held:
    """Everything one host holds. Domains as they are configured and as they run, by name."""

    domains: dict[str, str]
    running: dict[str, str]
    files: dict[str, tuple[int, int]]
    """Size and time of the last change in nanoseconds, by name."""
    lock_taken: int
    """When the lock was last taken, as a time in nanoseconds; 0 for never."""


def held(host: Host, fleet: str = "lab") -> Held:
    """Look at everything, from the host's own side."""
    names = host.virsh("list", "--all", "--name").split()
    alive = host.virsh("list", "--name").split()
    return Held(
        domains={name: host.virsh("dumpxml", "--inactive", name) for name in names},
        running={name: host.virsh("dumpxml", name) for name in alive},
        files={
            path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in host.path(IMAGES).iterdir()
        },
        lock_taken=_changed(host, f"/run/lock/reconciler.{fleet}.lock"),
    )


def content(host: Host, name: str) -> str:
    """Digest of a file in the pool."""
    return hashlib.sha256((host.path(IMAGES) / name).read_bytes()).hexdigest()


@contextmanager
def calls_recorded(hosts: Sequence[Host]) -> Iterator[Callable[[], Counter[str]]]:
    """Have each libvirtd write down every call of its API; call what comes for how often each was called."""
    for host in hosts:
        host.run([*_ADMIN, "daemon-log-filters", "1:libvirt 4:util"])
        host.run([*_ADMIN, "daemon-log-outputs", f"1:file:{_LOG}"])
    begun = {host: host.path(_LOG).stat().st_size for host in hosts}

    def calls() -> Counter[str]:
        return sum((_calls_since(host, place) for host, place in begun.items()), Counter())

    try:
        yield calls
    finally:
        for host in hosts:
            host.run([*_ADMIN, "daemon-log-outputs", _USUAL])
            host.run([*_ADMIN, "daemon-log-filters", ""])
            host.path(_LOG).unlink()


def _calls_since(host: Host, place: int) -> Counter[str]:
    with host.path(_LOG).open("rb") as log:
        log.seek(place)
        return Counter(_CALL.findall(log.read().decode(errors="replace")))


def changes(calls: Counter[str]) -> Counter[str]:
    """Those calls that are not known to change nothing."""
    return Counter({name: count for name, count in calls.items() if _READS.fullmatch(name) is None})


def _changed(host: Host, path: str) -> int:
    file = host.path(path)
    return file.stat().st_mtime_ns if file.exists() else 0
