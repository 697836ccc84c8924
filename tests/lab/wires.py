"""Join namespaces by cables to one switch, without an interface ever seen in the root network."""

from collections.abc import Sequence

from . import namespaces
from .namespaces import inside
from .settings import CONTROLLER, Place


def make_switch(switch: int, controller: int) -> None:
    """Make the switch and put the controller on it."""
    namespaces.run([*inside(switch, "net"), "ip", "link", "add", "br0", "up", "type", "bridge"])
    _cable(switch, "controller", controller)
    lines = [f"addr add {CONTROLLER}/24 dev eth0", "link set eth0 up"]
    namespaces.run([*inside(controller, "net"), "ip", "-batch", "-"], input_text="\n".join(lines) + "\n")


def plug_in(switch: int, here: Place, holder: int) -> None:
    """Put a host on the switch, by way of its bridge br-lab."""
    # The host's own address sits on the bridge, so guests of all hosts share one wire with it.
    _cable(switch, here.name, holder)
    lines = [
        "link add br-lab type bridge",
        "link set eth0 master br-lab up",
        f"addr add {here.address}/24 dev br-lab",
        "link set br-lab up",
    ]
    namespaces.run([*inside(holder, "net"), "ip", "-batch", "-"], input_text="\n".join(lines) + "\n")


def part(switch: int, hosts: Sequence[str], *, parted: bool) -> None:
    """Have the switch carry nothing between these hosts, or all again; the controller reaches them anyway.

    Frames are dropped without a word, as by a broken line: whoever waits for an answer waits.
    """
    state = "on" if parted else "off"
    for name in hosts:
        namespaces.run([*inside(switch, "net"), "bridge", "link", "set", "dev", name, "isolated", state])


def pull(switch: int, host: str, *, out: bool) -> None:
    """Pull a host's cable out of the switch, or put it back."""
    namespaces.run([*inside(switch, "net"), "ip", "link", "set", "dev", host, "down" if out else "up"])


def _cable(switch: int, port: str, holder: int) -> None:
    # Made inside the switch, with the far end born in its own namespace: the root network sees neither.
    lines = [f"link add {port} type veth peer name eth0 netns {holder}", f"link set {port} master br0 up"]
    namespaces.run([*inside(switch, "net"), "ip", "-batch", "-"], input_text="\n".join(lines) + "\n")
