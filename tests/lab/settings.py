"""The files of one host: what its libvirtd, its sshd and its resolver read."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Each of these is the host's own directory, bound over the machine's.
PRIVATE_DIRECTORIES = (
    "etc/libvirt",
    "etc/ssh",
    "root",
    "var/lib/libvirt",
    "var/log/libvirt",
    "var/cache/libvirt",
)
CONTROLLER = "10.213.0.1"
_NAMESPACE = uuid.UUID("6c9d4b7e-0f0a-4a57-9d4f-2b8f1c6e7a10")


FAST = "fast"
"""The second storage pool of each host."""
FAST_DIRECTORY = "/var/lib/libvirt/fast"
DAEMON_LOG = "/var/log/libvirt/libvirtd.log"


@dataclass(frozen=True, slots=True)
class Place:
    """Who a host is: a name, an address on the laboratory's network, and its own UUID."""

    name: str
    address: str
    uuid: str


def place(identity: str, number: int) -> Place:
    """The `number`th host (from 1) of a laboratory."""
    name = f"hv{number}"
    return Place(name, f"10.213.0.{10 + number}", str(uuid.uuid5(_NAMESPACE, f"{identity}/{name}")))


def config_files(here: Place, everyone: Sequence[Place]) -> Mapping[str, str]:
    """Text by path (relative to the host's root), keys excepted."""
    return {
        "etc/libvirt/libvirtd.conf": _libvirtd(here),
        "etc/libvirt/qemu.conf": _qemu(here),
        # Written before the daemon starts, so that no virsh has to define them.
        "etc/libvirt/storage/default.xml": _pool(here, "default", "/var/lib/libvirt/images"),
        f"etc/libvirt/storage/{FAST}.xml": _pool(here, FAST, FAST_DIRECTORY),
        "etc/libvirt/qemu/networks/lab.xml": _network(here),
        "etc/ssh/sshd_config": _SSHD,
        "root/.ssh/config": "StrictHostKeyChecking yes\nBatchMode yes\n",
        "hosts": _hosts(here, everyone),
    }


AUTOSTART_LINKS: Mapping[str, str] = {
    f"etc/libvirt/storage/autostart/{FAST}.xml": f"/etc/libvirt/storage/{FAST}.xml",
    "etc/libvirt/storage/autostart/default.xml": "/etc/libvirt/storage/default.xml",
    "etc/libvirt/qemu/networks/autostart/lab.xml": "/etc/libvirt/qemu/networks/lab.xml",
}

_SSHD = """\
Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
AuthorizedKeysFile .ssh/authorized_keys
UsePAM no
UseDNS no
AllowStreamLocalForwarding yes
AllowTcpForwarding yes
MaxStartups 100
MaxSessions 100
PrintMotd no
Subsystem sftp internal-sftp
"""


def _libvirtd(here: Place) -> str:
    # libvirt tells hosts apart by UUID, not by name: without host_uuid all would be this machine.
    # TCP without a password exists only inside the laboratory's own network namespaces, so that
    # a source daemon can reach its destination in a peer-to-peer migration.
    return f"""\
host_uuid = "{here.uuid}"
unix_sock_group = "root"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
listen_addr = "{here.address}"
auth_tcp = "none"
keepalive_interval = 2
keepalive_count = 3
log_outputs = "2:file:{DAEMON_LOG}"
"""


def _qemu(here: Place) -> str:
    # user and group root: with the packaged user and a root-only /dev/kvm, libvirt 9.0 probes
    # QEMU again at every lookup, and one define takes 56 s.
    return f"""\
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
remember_owner = 0
migration_address = "{here.address}"
migration_host = "{here.address}"
keepalive_interval = 2
keepalive_count = 3
"""


def _pool(here: Place, name: str, path: str) -> str:
    identity = uuid.uuid5(_NAMESPACE, f"{here.uuid}/pool/{name}")
    return (
        f"<pool type='dir'><name>{name}</name><uuid>{identity}</uuid>"
        f"<target><path>{path}</path></target></pool>\n"
    )


def _network(here: Place) -> str:
    # A bridged network needs neither dnsmasq nor iptables.
    identity = uuid.uuid5(_NAMESPACE, f"{here.uuid}/network")
    return (
        f"<network><name>lab</name><uuid>{identity}</uuid>"
        "<forward mode='bridge'/><bridge name='br-lab'/></network>\n"
    )


def _hosts(here: Place, everyone: Sequence[Place]) -> str:
    peers = "".join(f"{each.address} {each.name}\n" for each in everyone)
    return f"127.0.0.1 localhost\n{peers}"
