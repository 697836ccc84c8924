"""What a host really holds, and which calls its libvirtd really got: the controller is not asked."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException

from .hosts import IMAGES, Host
from .settings import DAEMON_LOG

# An entry of libvirt's public API, in the daemon's own debug log.
_CALL = re.compile(r" debug : (vir[A-Z]\w+):\d+ : \w+=")
_READS = re.compile(
    r"vir(Domain|StoragePool|StorageVol|Network|Connect|Node)"
    r"(Get|List|Lookup|Is|NumOf|Ref$|Free$|Has).*"
    r"|virConnect(Open|Close|(Unr|R)egisterCloseCallback|Domain(EventRegister|EventDeregister)).*"
    r"|virDomainStatsRecordListFree|virNodeGetInfo"
)
OWN_LINK = re.compile(r"r[cx][0-9a-f]{6}")
"""What links of ours are called, whatever they bear."""
_LOG = "/var/log/libvirt/calls.log"
_ADMIN = ("virt-admin", "-c", "libvirtd:///system")
_USUAL = f"2:file:{DAEMON_LOG}"


@dataclass(frozen=True, slots=True)
class Held:
    """Everything one host holds. Domains as they are configured and as they run, by name.

    ``volumes`` is what libvirt lists in the pool, ``networks`` what it calls its networks; ``links`` is
    what the kernel says of each bridge and VXLAN device, and to whom it sends.
    """

    domains: dict[str, str]
    running: dict[str, str]
    files: dict[str, tuple[int, int]]
    """Size and time of the last change in nanoseconds, by name."""
    lock_taken: int
    """When the lock was last taken, as a time in nanoseconds; 0 for never."""
    volumes: frozenset[str]
    networks: frozenset[str]
    links: Mapping[str, str]


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
        volumes=frozenset(line.split()[0] for line in host.virsh("vol-list", "default").splitlines()),
        networks=frozenset(host.virsh("net-list", "--all", "--name").split()),
        links=_links(host),
    )


# What a bridge has learned and counted changes by itself.
_KEYS = ("id", "local", "port", "stp_state", "mcast_snooping")
_FLOODED = "00:00:00:00:00:00"


def _links(host: Host) -> dict[str, str]:
    # One text a link: two looks are compared, and nothing else is made of it.
    found: dict[str, str] = {}
    for kind in ("bridge", "vxlan"):
        for link in json.loads(host.run(["ip", "-j", "-d", "address", "show", "type", kind])):
            if link:  # iproute2 prints an empty object for every link that it was told to leave out
                found[link["ifname"]] = json.dumps(_facts(host, link), sort_keys=True)
    return found


def _facts(host: Host, link: dict[str, Any]) -> dict[str, object]:
    name, data = link["ifname"], link["linkinfo"].get("info_data", {})
    facts = {"mtu": link["mtu"], "alias": link.get("ifalias"), "up": "UP" in link["flags"]}
    if OWN_LINK.fullmatch(name):  # the address of another bridge follows what is plugged into it
        facts |= {"mac": link["address"], "master": link.get("master"), "data": [data.get(k) for k in _KEYS]}
        facts["addresses"] = sorted(f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"])
    if link["linkinfo"]["info_kind"] == "vxlan":
        entries = json.loads(host.run(["bridge", "-j", "fdb", "show", "dev", name]))
        facts["peers"] = sorted(e["dst"] for e in entries if e["mac"] == _FLOODED and "dst" in e)
    return facts


def documents(host: Host, name: str) -> dict[str, str]:
    """What a guest is told by a seed in the pool, document by document; its bytes carry the time.

    One that was never written to its end tells nothing.
    """
    iso = PyCdlib()
    try:
        iso.open(str(host.path(IMAGES) / name))
    except PyCdlibException:
        return {}
    try:
        found: dict[str, str] = {}
        for child in iso.list_children(joliet_path="/"):
            if child.is_file():
                document, sink = child.file_identifier().decode("utf-16_be"), BytesIO()
                iso.get_file_from_iso_fp(sink, joliet_path=f"/{document}")
                found[document] = sink.getvalue().decode()
        return found
    finally:
        iso.close()


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
