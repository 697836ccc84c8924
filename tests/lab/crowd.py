"""Work for many hosts at once: one small guest on each."""

from .laboratory import Laboratory

_COMPONENT = """\
  {name}:
    image: sector
    resources: {{cpus: 1, memory: 16MiB}}
    disks: {{root: 16MiB}}
    placement: {{require: ['host.name == "{name}"']}}
"""


def crowd_yaml(lab: Laboratory) -> str:
    """A service whose component of a host's name has one replica, there."""
    components = "".join(_COMPONENT.format(name=host.name) for host in lab.hosts)
    return f"apiVersion: reconciler/v1\nkind: Service\nname: shop\ncomponents:\n{components}"
