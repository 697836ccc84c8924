"""The two documents of a NoCloud seed: who the guest is, and what it shall do about it.

cloud-init reads them at boot. A guest finds its component's ``environment`` in
``/etc/reconciler/environment``, readable by root alone because it may hold secrets, in a form that
a unit's ``EnvironmentFile=`` and a shell's ``.`` both understand.
"""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from reconciler.context.network_config import network_config
from reconciler.errors import Fault, InvalidInput
from reconciler.specs.desired import GuestContext, Instance
from reconciler.specs.fingerprint import sha256_hex

ENVIRONMENT_FILE = "/etc/reconciler/environment"

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
"""A value of a cloud-config document, as YAML gives it."""


def meta_data(instance: Instance) -> str:
    """``meta-data``: what is written for the guest, or for its cards, changed: another instance-id.

    To cloud-init that is a first boot: it obeys everything anew, and also makes new SSH host keys unless
    the user's document says ``ssh_deletekeys: false``. What follows from peers does not change it.
    """
    version = f"-{_version(instance)}" if instance.machine.context else ""
    hostname = instance.context.hostname if instance.context else instance.name
    return _dump({"instance-id": f"{instance.uuid}{version}", "local-hostname": hostname})


def user_data(instance: Instance) -> str:
    """``user-data``: the user's own cloud-config with ours under it.

    Where both have a list (``ssh_authorized_keys``, ``write_files``) ours follows the user's; any other
    key that both have is the user's. Raises InvalidInput where the user's text is no YAML mapping.
    """
    context = instance.context or GuestContext(instance.name)
    return "#cloud-config\n" + _dump(_merged(_parsed(context.cloud_init, instance), _ours(context)))


def environment_text(environment: tuple[tuple[str, str], ...]) -> str:
    """``KEY="value"`` lines in the order given."""
    return "".join(f'{key}="{value.translate(_ESCAPES)}"\n' for key, value in environment)


# Inside double quotes these mean something to a shell, and systemd unescapes the same ones.
_ESCAPES = str.maketrans({char: f"\\{char}" for char in '\\"$`'})


def _version(instance: Instance) -> str:
    cards = network_config(instance.context.interfaces) if instance.context else None
    return sha256_hex(f"{instance.machine.context} {cards}".encode())[:8]


def _ours(context: GuestContext) -> dict[str, Value]:
    ours: dict[str, Value] = {"hostname": context.hostname}
    if context.ssh_keys:
        ours["ssh_authorized_keys"] = list(context.ssh_keys)
    if context.environment:
        content = environment_text(context.environment)
        ours["write_files"] = [{"path": ENVIRONMENT_FILE, "permissions": "0600", "content": content}]
    return ours


def _merged(users: Mapping[str, Value], ours: Mapping[str, Value]) -> dict[str, Value]:
    merged = {**ours, **users}
    for key, value in ours.items():
        theirs = users.get(key)
        if isinstance(theirs, list) and isinstance(value, list):
            merged[key] = theirs + [each for each in value if each not in theirs]
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
