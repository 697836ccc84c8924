"""Which images have to be brought to which hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.actions import Action, Create, Migrate, PutImage, Replace
from reconciler.plan import Cause, Step, StepId
from reconciler.specs.desired import Desired, Fleet, HostName, Image, ImageUse, Scheme, Sha256
from reconciler.state import Observed

NOT_THERE = Cause("not on the host yet")
Place = tuple[HostName, tuple[Sha256, ...]]
"""A host, and the files of an image that are to be there."""


def steps_for_images(actions: Iterable[Action], desired: Desired, observed: Observed) -> dict[Place, Step]:
    """One step for each image that a host lacks and is about to need."""
    held = {state.host: frozenset(state.images) for state in observed.hosts}
    missing: dict[Place, ImageUse] = {}
    sizes: dict[Place, list[int]] = {}
    for action in actions:
        if (use := _booted(action)) and not held[action.host].issuperset(use.digests):
            missing.setdefault((action.host, use.digests), use)
            sizes.setdefault((action.host, use.digests), []).extend(_roots(action))
    steps: dict[Place, Step] = {}
    storages = {host.name: host.storage for host in desired.fleet.hosts}
    bringing: dict[tuple[str, tuple[Sha256, ...]], StepId] = {}
    for place, use in sorted(missing.items(), key=lambda each: (each[0][0], each[1].name, each[0][1])):
        host, source = place[0], _source(place[0], use, desired.fleet, held)
        image = next((each for each in desired.images if each.use.digests == use.digests), None)
        # What a machine was before may be declared no more: then another host has it, and its name may be
        # that of another image by now.
        title = use.name if image is not None else f"{use.name}.{use.digests[0][:12]}"
        put = PutImage(host, image or Image(use, ()), source, max(sizes[place], default=None))
        where = () if source is None else (Cause(f"{source} has it: copied from there"),)
        step = Step(StepId(f"image/{title}@{host}"), put, (NOT_THERE, *where))
        if (storage := storages.get(host)) is not None:
            # A file that two bring to one pool would take the place of itself under whoever uses it already.
            first = bringing.setdefault((storage, use.digests), step.id)
            step = step if first == step.id else replace(step, needs=(first,))
        steps[place] = step
    return steps


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


def image_needed_by(action: Action) -> Place | None:
    """The image that must be on a host before an action, or None."""
    use = _booted(action)
    return None if use is None else (action.host, use.digests)


def _booted(action: Action) -> ImageUse | None:
    if isinstance(action, Migrate):
        return action.before.applied.image
    return action.instance.machine.image if isinstance(action, Create | Replace) else None
