"""Directories that change between two states, there and back, for `kill -9` to interrupt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .boot_sector import boot_sector_image
from .namespaces import run

_HEAD = "apiVersion: reconciler/v1\nkind: Service\nname: shop\n"
_KEEP = """\
components:
  keep:
    image: sector
    resources: {cpus: 1, memory: 16MiB}
    disks: {root: 16MiB}
    placement: {require: ['host.name == "hv1"']}
"""
_CHANGES_HERE = f"""{_HEAD}{_KEEP}
  grow:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, one: 8MiB}}
    environment: {{WHERE: here}}
    placement: {{require: ['host.name == "hv2"']}}
  fresh:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv1"']}}
  gone:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv2"']}}
"""
_CHANGES_THERE = f"""{_HEAD}{_KEEP}
  grow:
    image: sector
    resources: {{cpus: 2, memory: 24MiB}}
    disks: {{root: 16MiB, two: 8MiB}}
    environment: {{WHERE: there}}
    placement: {{require: ['host.name == "hv2"']}}
  fresh:
    image: other
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv1"']}}
  new:
    image: other
    replicas: 2
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB, data: 8MiB}}
    placement: {{require: ['host.name == "hv2"']}}
"""
_TWELVE = f"""{_HEAD}networks:
  back: {{cidr: 10.42.0.0/24}}
  mid: {{cidr: 10.43.0.0/24}}
defaults:
  image: sector
  resources: {{cpus: 1, memory: 16MiB}}
components:
  db:
    replicas: 2
    disks: {{root: 16MiB, data: 8MiB}}
    networks: {{back: {{addresses: [10.42.0.10, 10.42.0.11]}}}}
    placement: {{anti_affinity: host}}
    environment: {{ROLE: db}}
  app:
    replicas: 6
    disks: {{root: 16MiB}}
    networks: [back, mid]
    environment: {{DATABASE: 'postgres://app@${{{{ components.db.addresses[0] }}}}:5432/shop'}}
  web:
    image: other
    replicas: 4
    disks: {{root: 16MiB, cache: 8MiB, logs: 8MiB}}
    networks: [mid]
    environment: {{BACKEND: '${{{{ components.app.addresses[1] }}}}'}}
"""
_ROLLING_HERE = f"""{_HEAD}networks:
  back: {{cidr: 10.42.0.0/24}}
defaults:
  image: sector
  resources: {{cpus: 1, memory: 16MiB}}
  networks: [back]
  environment: {{WHERE: here}}
components:
  web:
    replicas: 2
    disks: {{root: 16MiB, cache: 8MiB}}
    healthcheck: {{console: 'beat', interval: 1s}}
    update: {{order: start-first}}
  api:
    replicas: 2
    disks: {{root: 16MiB}}
    healthcheck: {{console: 'beat', interval: 1s}}
    update: {{order: start-first, on_failure: rollback}}
"""
_ROLLING_THERE = _ROLLING_HERE.replace("image: sector", "image: other").replace("WHERE: here", "WHERE: there")
_RANDOM_MIB = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """Two states of a service; the way there brings images that no host has."""

    here: str
    there: str
    hosts: int


CHANGES = Scene(_CHANGES_HERE, _CHANGES_THERE, hosts=2)
"""Each way creates, updates with a restart, replaces and destroys; the way there brings an image as well."""
TWELVE = Scene(f"{_HEAD}components: {{}}\n", _TWELVE, hosts=3)
"""From nothing to twelve machines with seeds, data disks and addresses on two segments, and to nothing.
The hosts are equal: where each machine goes depends on who went before.
"""

ROLLING = Scene(_ROLLING_HERE, _ROLLING_THERE, hosts=2)
"""Each way takes two components from one image to the other, replica by replica while somebody stands in; of
one of them what it was is kept until all of it is healthy.
"""

SCENES = {"changes": CHANGES, "twelve": TWELVE, "rolling": ROLLING}


def scene_images(directory: Path) -> list[Path]:
    """The images of every scene; one takes a moment to send, so that it can be interrupted."""
    images = [
        boot_sector_image(directory / f"{name}.qcow2", heeds_button=True, label=name)
        for name in ("sector", "other")
    ]
    noise = directory / "noise"
    run(["dd", "if=/dev/urandom", f"of={noise}", "bs=1M", f"count={_RANDOM_MIB}", "status=none"])
    run(["qemu-io", "-c", f"write -s {noise} 4M {_RANDOM_MIB}M", str(images[1])])
    return images
