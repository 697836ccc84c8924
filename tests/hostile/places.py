"""A directory in which every text that a user writes can be another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.unit.specs.writing import DIGEST, HEAD

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 "

# How a hostile value is put in the place of a text; by default alone.
TEXTS: Mapping[str, str] = {
    "fleet name": "lab",
    "host name": "hv1",
    "cluster": "prod",
    "label name": "rack",
    "label value": "r1",
    "connect": "sim://",
    "hypervisor": "kvm",
    "image name": "debian",
    "image source": "https://images.example/d.qcow2",
    "image digest": DIGEST,
    "image format": "qcow2",
    "kernel source": "https://images.example/vmlinuz",
    "kernel cmdline": "console=ttyS0",
    "service name": "shop",
    "former name": "boutique",
    "component name": "db",
    "network name": "front",
    "bridge": "br0",
    "libvirt network": "default",
    "disk name": "data",
    "disk size": "1GiB",
    "on_delete": "retain",
    "dependency": "db",
    "affinity": "db",
    "affinity label": "rack",
    "requirement": "host.load < 4.0",
    "rank": "host.load * 2.0",
    "variable": "GREETING",
    "variable value": "hello",
    "ssh key": KEY + "ops",
    "cloud-init path": "files/web.cloud-init.yaml",
    "cloud-init text": "nginx",
}
WITHIN: Mapping[str, tuple[str, str]] = {
    "image url": ("image source", "https://images.example/{}"),
    "image host": ("image source", "https://{}/d.qcow2"),
    "ssh key comment": ("ssh key", KEY + "{}"),
    "ssh key file": ("ssh key", "file:{}"),
    "ssh user": ("connect", "ssh://{}@hv1?known_hosts=nowhere"),
    "ssh host": ("connect", "ssh://{}?known_hosts=nowhere"),
    "known hosts": ("connect", "ssh://hv1?known_hosts=nowhere/{}"),
    "key file of a host": ("connect", "ssh://hv1?known_hosts=nowhere&keyfile={}"),
    "socket": ("connect", "ssh://hv1?known_hosts=nowhere&socket=/{}"),
    "label in a requirement": ("requirement", "host.labels.rack != '{}'"),
    "whole variable": ("variable value", "postgres://app@db:5432/{}?x='y'"),
}
FILES = ("image file", "ssh key file called", "cloud-init file called", "document called")
"""Files whose very name is hostile, and which are there."""

PLACES = (*TEXTS, *WITHIN, *FILES)


def can_be(place: str, value: str) -> bool:
    """Whether there can be a file of that name, where one is asked for."""
    return place not in FILES or not ({"/", "\0"} & set(value) or len(value) > 200 or value == " ")


def lay_out(directory: Path, place: str, value: str) -> None:
    """Write the directory with ``value`` in that place."""
    texts = dict(TEXTS)
    if place in FILES:
        _name_a_file(directory, place, value, texts)
    elif place in WITHIN:
        field, form = WITHIN[place]
        texts[field] = form.replace("{}", value)
    else:
        texts[place] = value
    (directory / "files").mkdir()
    cloud_init = f"#cloud-config\npackages: [{_quoted(texts['cloud-init text'])}]\n"
    (directory / "files" / "web.cloud-init.yaml").write_text(cloud_init)
    _write(directory, {name: _quoted(text) for name, text in texts.items()})


def _name_a_file(directory: Path, place: str, value: str, texts: dict[str, str]) -> None:
    name = f"{value}.yaml" if place in ("cloud-init file called", "document called") else value
    contents = {
        "ssh key file called": f"{KEY}ops\n",
        "document called": _image("extra", TEXTS["image source"]),
    }
    (directory / name).write_text(contents.get(place, "#cloud-config\npackages: [nginx]\n"))
    if place == "image file":
        texts["image source"] = name
    elif place == "ssh key file called":
        texts["ssh key"] = f"file:{name}"
    elif place == "cloud-init file called":
        texts["cloud-init path"] = name


def _image(name: str, source: str, digest: str = TEXTS["image digest"], form: str = "qcow2") -> str:
    head = HEAD.format(kind="Image", name=name)
    return f"{head}source: {source}\nsha256: {digest}\nformat: {form}\n"


def _quoted(text: str) -> str:
    """A double-quoted scalar: JSON's escapes are YAML's."""
    return json.dumps(text)


def _write(directory: Path, q: Mapping[str, str]) -> None:
    size = "resources: {cpus: 1, memory: 1GiB}"
    (directory / "fleet.yaml").write_text(
        HEAD.format(kind="Fleet", name=q["fleet name"])
        + f"clusters: {{{q['cluster']}: {{}}}}\nhosts:\n  {q['host name']}:\n    connect: {q['connect']}\n"
        f"    cluster: {q['cluster']}\n    hypervisor: {q['hypervisor']}\n"
        f"    labels: {{{q['label name']}: {q['label value']}}}\n"
        "    capacity: {cpus: 16, memory: 64GiB, disk: 1TiB}\n"
    )
    (directory / "images.yaml").write_text(
        _image(q["image name"], q["image source"], q["image digest"], q["image format"])
        + "---\n"
        + HEAD.format(kind="Image", name="probe")
        + f"kernel: {{source: {q['kernel source']}, sha256: {'ab' * 32}}}\ncmdline: {q['kernel cmdline']}\n"
    )
    (directory / "shop.yaml").write_text(
        HEAD.format(kind="Service", name=q["service name"]) + f"moved: {{from: {q['former name']}}}\n"
        f"networks:\n  {q['network name']}: {{bridge: {q['bridge']}}}\n"
        f"  back: {{libvirt_network: {q['libvirt network']}}}\ncomponents:\n  {q['component name']}:\n"
        f"    image: {q['image name']}\n    {size}\n    networks: [{q['network name']}, back]\n    disks:\n"
        f"      root: 1GiB\n      {q['disk name']}: {{size: {q['disk size']}, on_delete: {q['on_delete']}}}\n"
        f"    ssh_keys: [{q['ssh key']}]\n    environment: {{{q['variable']}: {q['variable value']}}}\n"
        f"    cloud_init: {q['cloud-init path']}\n    placement:\n      require: [{q['requirement']}]\n"
        f"      rank: {q['rank']}\n  web:\n    image: probe\n    {size}\n"
        f"    depends_on: {{{q['dependency']}: started}}\n    placement:\n"
        f"      affinity: {{to: {q['affinity']}, over: {q['affinity label']}, strict: false}}\n"
    )
