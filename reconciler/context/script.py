"""What may change around a guest, as a shell script: its peers' names in ``/etc/hosts``, the environment
file, and how large a packet its cards may send.

The same text runs in two places: at every boot, as a boot command of cloud-init, and in a running guest,
through its agent. What is there already is replaced, so it may run any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.specs.guest import GuestContext, Interface, Peer

ENVIRONMENT_FILE = "/etc/reconciler/environment"
HOSTS_FILE = "/etc/hosts"
BEGIN, END = "# BEGIN reconciler", "# END reconciler"
_HERE = "__RECONCILER__"
"""Ends a text within the script: no line of ours looks like it."""

# Everything but what is between our marks; where the second mark is missing, nothing is ours.
WITHOUT_OURS = f"""\
/^{BEGIN}$/ {{ inside = 1; held = ""; next }}
inside && /^{END}$/ {{ inside = 0; next }}
inside {{ held = held $0 "\\n"; next }}
{{ print }}
END {{ if (inside) printf "%s", held }}
"""


def telling_script(context: GuestContext) -> str:
    """A script for ``sh``. Each file changes in one moment, and stays as it was where that fails."""
    # In braces, so that all of it is read before any of it runs: it may come from standard input.
    return f"""\
# Written by reconciler: runs at every boot, and when what is told here changes.
{{
put() {{
    mv -f "$1.reconciler" "$1"
    if command -v restorecon >/dev/null; then restorecon "$1"; fi
}}
hosts=$(readlink -f {HOSTS_FILE})
[ -e "$hosts" ] || : > "$hosts"
if {{ awk '{WITHOUT_OURS}' "$hosts" && cat <<'{_HERE}'
{hosts_block(context.peers)}{_HERE}
}} > "$hosts.reconciler"; then chmod 644 "$hosts.reconciler" && put "$hosts"; fi
{_environment(context.environment)}{_mtus(context.interfaces)}}} </dev/null
"""


def hosts_block(peers: tuple[Peer, ...]) -> str:
    """The lines of ``/etc/hosts`` that are ours, with the marks around them; none where there is no peer."""
    lines = [f"{peer.address} {' '.join(peer.names)}" for peer in peers]
    return "".join(f"{line}\n" for line in (BEGIN, *lines, END)) if lines else ""


def environment_text(environment: tuple[tuple[str, str], ...]) -> str:
    """``KEY="value"`` lines in the order given."""
    return "".join(f'{key}="{value.translate(_ESCAPES)}"\n' for key, value in environment)


# Inside double quotes these mean something to a shell, and systemd unescapes the same ones.
_ESCAPES = str.maketrans({char: f"\\{char}" for char in '\\"$`'})


def _environment(environment: tuple[tuple[str, str], ...]) -> str:
    if not environment:
        return f"rm -f {ENVIRONMENT_FILE}\n"
    return f"""\
umask 077
mkdir -p -m 755 {ENVIRONMENT_FILE.rpartition("/")[0]}
if cat > {ENVIRONMENT_FILE}.reconciler <<'{_HERE}'
{environment_text(environment)}{_HERE}
then put {ENVIRONMENT_FILE}; fi
"""


def _mtus(interfaces: Iterable[Interface]) -> str:
    """Cards are known by their MAC address, whatever they are called. One that is not there is left out."""
    wanted = [f"    {card.mac}) mtu={card.mtu} ;;\n" for card in interfaces if card.mtu is not None]
    if not wanted:
        return ""
    return f"""\
for card in /sys/class/net/*; do
    mtu=
    case $(cat "$card/address" 2> /dev/null) in
{"".join(wanted)}    esac
    if [ -n "$mtu" ]; then echo "$mtu" > "$card/mtu"; fi
done
"""
