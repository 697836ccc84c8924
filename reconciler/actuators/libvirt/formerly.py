"""What is kept of a machine on a libvirt host while its component is changed, and how it is given back.

Its form is in the mark. What its guest was told may hold secrets and is in no mark: that seed is kept beside
the new one. It is copied while the mark says that what is there is what was, and given back only when it
says that it is not: so a copy that was cut short is never taken for a whole one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.actions import Accept, GiveUp, RecordAction
from reconciler.actuators.libvirt import names
from reconciler.actuators.libvirt.domains import Domain
from reconciler.actuators.libvirt.mark import Mark
from reconciler.actuators.libvirt.order import Desk, Hands
from reconciler.actuators.libvirt.pool import Pool
from reconciler.errors import NotFound
from reconciler.specs.desired import Form, Instance
from reconciler.specs.formerly import kept, meanwhile


async def record(desk: Desk, action: RecordAction) -> None:
    """Write on a machine that its form was refused, or that it is not to be given back what it was."""

    def write(hands: Hands) -> None:
        domain = hands.domains.stayed(action.before)
        match action:
            case GiveUp(form=form):
                domain.write_mark(replace(domain.mark, refused=form))
            case Accept(refused=refused):
                let_go(domain, replace(domain.mark, former=None, refused=refused), hands.pool())
            case _:
                assert_never(action)

    await desk.change("recording", write)


def next_mark(mark: Mark, instance: Instance) -> Mark:
    """The mark that a machine is to bear when it has become ``instance``."""
    return replace(
        mark,
        applied=instance.machine,
        complete=True,
        former=kept(mark.record, instance),
        refused=None if instance.form is Form.WRITTEN else mark.refused,
    )


def keep(domain: Domain, instance: Instance, pool: Pool) -> Domain:
    """Keep what a machine is, where it may be given that back. Returns it as it is then."""
    mark = domain.mark
    owed = replace(mark, former=meanwhile(mark.record, instance))
    if owed != mark:
        domain.write_mark(owed)
    if owed.former is not None and owed.former == owed.applied:
        seed = pool.read(names.seed_volume(mark.fleet, mark.key))
        if seed is not None:
            pool.write(names.former_seed_volume(mark.fleet, mark.key), seed)
    return replace(domain, mark=owed)


def check_kept(mark: Mark, instance: Instance, pool: Pool) -> None:
    """Raise NotFound where what a guest was told is to be given back, and is not there."""
    name = names.former_seed_volume(mark.fleet, mark.key)
    if _is_owed(mark, instance) and instance.machine.context is not None and pool.find(name) is None:
        raise NotFound(pool.host, f"what {mark.key.name} was told before it was changed is gone ({name})")


def write_seed(hands: Hands, mark: Mark, instance: Instance, pool: Pool) -> bool:
    """Put what the guest is told where its domain, which bears ``mark``, expects it. Whether there is any."""
    if instance.form is Form.WRITTEN:
        seed = hands.desk.seed(instance)
        hands.write_seed(mark, pool, seed)
        return seed is not None
    if _is_owed(mark, instance):
        check_kept(mark, instance, pool)
        wanted = instance.machine.context is not None
        name = names.former_seed_volume(mark.fleet, mark.key)
        hands.write_seed(mark, pool, pool.read(name) if wanted else None)
    return instance.machine.context is not None


def let_go(domain: Domain, mark: Mark, pool: Pool) -> None:
    """Write the mark, which keeps nothing of what the machine was; then nothing of that is left."""
    domain.write_mark(replace(mark, former=mark.applied))
    pool.delete(names.former_seed_volume(mark.fleet, mark.key))
    domain.write_mark(mark)


def finish(domain: Domain, mark: Mark, pool: Pool) -> None:
    """Write the mark of a machine that is as it should be."""
    if mark.former is None and domain.mark.former is not None:
        let_go(domain, mark, pool)
    elif mark != domain.mark:
        domain.write_mark(mark)


def _is_owed(mark: Mark, instance: Instance) -> bool:
    """Whether what lies where its guest is told is not what it is to be told again."""
    given_back = mark.former is None and mark.applied == instance.machine
    return instance.form is Form.AS_IT_WAS and mark.former != mark.applied and not given_back
