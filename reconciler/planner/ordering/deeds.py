"""What is to be done to instances, each under the identifier of its step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.actions import (
    Action,
    Create,
    Destroy,
    Impact,
    Migrate,
    RecordAction,
    Replace,
    Start,
    Update,
    subject,
    summary_key,
)
from reconciler.plan import Change, StepId
from reconciler.planner.groups import Group, group_of
from reconciler.planner.verdicts import Act
from reconciler.specs.desired import InstanceKey

Needs = tuple[StepId, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is to be done to an instance."""

    key: InstanceKey
    act: Act

    @property
    def action(self) -> Action:
        """What is to be done."""
        return self.act.action

    @property
    def group(self) -> Group:
        """The component it is done to."""
        return group_of(self.key)

    @property
    def destroys(self) -> bool:
        """Whether the instance is gone afterwards."""
        return isinstance(self.action, Destroy)

    @property
    def creates(self) -> bool:
        """Whether there is a new instance afterwards."""
        return isinstance(self.action, Create)

    @property
    def moves(self) -> bool:
        """Whether it goes to another host: what is made or changed does not wait for that."""
        return isinstance(self.action, Migrate)

    @property
    def is_carried(self) -> bool:
        """Whether it is off while it goes to another host: it counts among those that are taken away."""
        return isinstance(self.action, Migrate) and self.action.terms.cold

    @property
    def records(self) -> bool:
        """Whether all there is to do is to write something on the machine: nothing happens to its guest."""
        return isinstance(self.action, RecordAction)

    @property
    def stands_in(self) -> bool:
        """Whether it is done to an instance that only stands in for others."""
        match self.action:
            case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
                return instance.machine.surge
            case Start(before=before) | Destroy(before=before):
                return before.applied.surge
            case _:
                return False

    @property
    def tells(self) -> bool:
        """Whether all there is to do is to tell a guest what has become of its peers."""
        if not isinstance(self.action, Update) or self.action.impact is not Impact.LIVE:
            return False
        return all(isinstance(reason, Change) and reason.field == "peers" for reason in self.act.because)


Deeds = Mapping[StepId, Deed]


def named(deeds: Sequence[Deed]) -> Deeds:
    """Deeds by identifier, in their order; names that two instances share get their host."""
    plain = [identifier_of(deed.action) for deed in deeds]
    count = Counter(plain)
    return {
        name if count[name] == 1 else StepId(f"{name}@{deed.action.host}"): deed
        for name, deed in zip(plain, deeds, strict=True)
    }


def identifier_of(action: Action) -> StepId:
    """``<verb>/<instance>``; an update is an update, live or not."""
    verb = summary_key(action).partition("_")[0]
    return StepId(f"{verb}/{subject(action)}")
