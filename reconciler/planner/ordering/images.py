"""Which images have to be brought to which hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.actions import Action, Create, Migrate, PutImage, Replace
from reconciler.plan import Cause, Step, StepId
from reconciler.specs.desired import Desired, Fleet, HostName, ImageUse, Scheme, Sha256
from reconciler.state import Observed


def steps_for_images(actions: Iterable[Action], desired: Desired, observed: Observed) -> dict[StepId, Step]:
    """One step for each image that a host lacks and is about to need, by identifier."""
    known = {image.use.name: image for image in desired.images}
    held = {state.host: frozenset(state.images) for state in observed.hosts}
    missing: set[tuple[HostName, str]] = set()
    sizes: dict[tuple[HostName, str], list[int]] = {}
    for action in actions:
        if (use := _booted(action)) and not held[action.host].issuperset(use.digests):
            missing.add((action.host, use.name))
            sizes.setdefault((action.host, use.name), []).extend(_roots(action))
    steps = []
    storages = {host.name: host.storage for host in desired.fleet.hosts}
    bringing: dict[tuple[str, str], StepId] = {}
    for host, name in sorted(missing):
        source = _source(host, known[name].use, desired.fleet, held)
        put = PutImage(host, known[name], source, max(sizes[host, name], default=None))
        where = () if source is None else (Cause(f"{source} has it: copied from there"),)
        step = Step(_identifier(host, name), put, (Cause("not on the host yet"), *where))
        if (storage := storages.get(host)) is not None:
            # A file that two bring to one pool would take the place of itself under whoever uses it already.
            first = bringing.setdefault((storage, name), step.id)
            step = step if first == step.id else replace(step, needs=(first,))
        steps.append(step)
    return {step.id: step for step in steps}


def _roots(action: Action) -> Iterable[int]:
    """Size of the root disk that an action clones from an image."""
    machine = action.instance.machine if isinstance(action, Create | Replace) else None
    return [] if machine is None else [disk.size_mib for disk in machine.disks if disk.name == "root"]


def _source(
    host: HostName, use: ImageUse, fleet: Fleet, held: Mapping[HostName, frozenset[Sha256]]
) -> HostName | None:
    """A host of the same kind that has all of it; none has to look far, so they are asked in turn."""
    schemes = {each.name: each.connect.scheme for each in fleet.hosts}
    kinds = _COPIES.get(schemes[host], ())
    having = sorted(
        other
        for other, digests in held.items()
        if other != host and schemes.get(other) in kinds and digests.issuperset(use.digests)
    )
    number = sorted(schemes).index(host)
    return having[number % len(having)] if having else None


_REAL = (Scheme.SSH, Scheme.QEMU)
_COPIES: Mapping[Scheme, tuple[Scheme, ...]] = {
    Scheme.SSH: _REAL,
    Scheme.QEMU: _REAL,
    Scheme.SIM: (Scheme.SIM,),
}
"""From which kinds of hosts a host can be given a copy; the test driver's images are only names."""


def image_step(action: Action) -> StepId | None:
    """The step that would bring what an action boots, whether the plan has it or not."""
    use = _booted(action)
    return None if use is None else _identifier(action.host, use.name)


def _booted(action: Action) -> ImageUse | None:
    if isinstance(action, Migrate):
        return action.before.applied.image
    return action.instance.machine.image if isinstance(action, Create | Replace) else None


def _identifier(host: HostName, image: str) -> StepId:
    return StepId(f"image/{image}@{host}")
