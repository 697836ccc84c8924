"""The two documents of a NoCloud seed: who the guest is, and what it shall do about it.

cloud-init reads them at boot. A guest finds its component's ``environment`` in
``/etc/reconciler/environment``, readable by root alone because it may hold secrets, in a form that
a unit's ``EnvironmentFile=`` and a shell's ``.`` both understand, and the names of its service's
instances in ``/etc/hosts``. Both are written at every boot, since they follow from others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import yaml

from reconciler.context.network_config import network_config
from reconciler.context.script import telling_script
from reconciler.errors import Fault, InvalidInput
from reconciler.specs.desired import Instance
from reconciler.specs.fingerprint import sha256_hex
from reconciler.specs.guest import GuestContext

_PER_BOOT = "/var/lib/cloud/scripts/per-boot/reconciler"
_END_OF_SCRIPT = "__RECONCILER_SCRIPT__"

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
"""A value of a cloud-config document, as YAML gives it."""


def meta_data(instance: Instance) -> str:
    """``meta-data``: what is written for the guest, or for its cards, changed: another instance-id.

    To cloud-init that is a first boot: it obeys everything anew, and also makes new SSH host keys unless
    the user's document says ``ssh_deletekeys: false``. Neither what follows from peers nor an MTU changes it.
    """
    version = f"-{_version(instance)}" if instance.machine.context else ""
    hostname = instance.context.hostname if instance.context else instance.name
    return _dump({"instance-id": f"{instance.uuid}{version}", "local-hostname": hostname})


def user_data(instance: Instance) -> str:
    """``user-data``: the user's own cloud-config with ours under it.

    Where both have ``ssh_authorized_keys`` ours follow the user's, and ``bootcmd`` begins with ours, so
    that the user's know the names; any other key that both have is the user's. Raises InvalidInput where
    the user's text is no YAML mapping.
    """
    context = instance.context or GuestContext(instance.name)
    users = _parsed(context.cloud_init, instance)
    return "#cloud-config\n" + _dump(_merged(users, _ours(context, users)))


def _version(instance: Instance) -> str:
    # What the script sets at every boot is no reason for another first boot.
    interfaces = instance.context.interfaces if instance.context else ()
    cards = network_config([replace(each, mtu=None) for each in interfaces])
    return sha256_hex(f"{instance.machine.context} {cards}".encode())[:8]


def _ours(context: GuestContext, users: Mapping[str, Value]) -> dict[str, Value]:
    ours: dict[str, Value] = {"hostname": context.hostname}
    if context.ssh_keys:
        ours["ssh_authorized_keys"] = list(context.ssh_keys)
    script = telling_script(context)
    ours["bootcmd"] = [_and_at_the_end(script) if _rewrites_hosts(users) else f"rm -f {_PER_BOOT}\n{script}"]
    return ours


def _rewrites_hosts(users: Mapping[str, Value]) -> bool:
    """Whether cloud-init writes ``/etc/hosts`` from a template: it does so after the boot commands."""
    return users.get("manage_etc_hosts") in (True, "True", "true", "template")


def _and_at_the_end(script: str) -> str:
    """A script that runs ``script``, now and once more at the end of every boot."""
    return f"""\
mkdir -p {_PER_BOOT.rpartition("/")[0]}
(umask 077; cat > {_PER_BOOT}) <<'{_END_OF_SCRIPT}'
#!/bin/sh
{script}{_END_OF_SCRIPT}
chmod 700 {_PER_BOOT}
{_PER_BOOT}
"""


def _merged(users: Mapping[str, Value], ours: Mapping[str, Value]) -> dict[str, Value]:
    merged = {**ours, **users}
    for key, value in ours.items():
        theirs = users.get(key)
        if isinstance(theirs, list) and isinstance(value, list):
            new = [each for each in value if each not in theirs]
            merged[key] = new + theirs if key == "bootcmd" else theirs + new
    return merged


def _parsed(text: str, instance: Instance) -> dict[str, Value]:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        # The error quotes the text, and the text may hold secrets.
        raise _refused(instance, "is not readable YAML") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _refused(instance, "is not a YAML mapping")
    return document


def _refused(instance: Instance, why: str) -> InvalidInput:
    fault = Fault(
        instance.origin,
        f"cloud_init of {instance.key.component} {why}",
        hint="write a #cloud-config document",
    )
    return InvalidInput([fault])


def _dump(document: Mapping[str, Value]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=True, allow_unicode=True, width=2**16)
