"""Which images have to be brought to which hosts."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan import Action, Cause, Create, Migrate, PutImage, Replace, Step, StepId
from reconciler.specs.desired import Desired, HostName, ImageUse
from reconciler.state import Observed


def steps_for_images(actions: Iterable[Action], desired: Desired, observed: Observed) -> dict[StepId, Step]:
    """One step for each image that a host lacks and is about to need, by identifier."""
    known = {image.use.name: image for image in desired.images}
    held = {state.host: frozenset(state.images) for state in observed.hosts}
    missing = {
        (action.host, use.name)
        for action in actions
        if (use := _booted(action)) and not held[action.host].issuperset(use.digests)
    }
    because = (Cause("not on the host yet"),)
    steps = (
        Step(_identifier(host, name), PutImage(host, known[name]), because) for host, name in sorted(missing)
    )
    return {step.id: step for step in steps}


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
