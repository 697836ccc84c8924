"""When something is written on a machine: before it is given back what it was, or when all is done to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.actions import GiveUp
from reconciler.planner.ordering.deeds import Deed, Deeds, Needs
from reconciler.specs.desired import InstanceKey


@dataclass(frozen=True, slots=True)
class Records:
    """The steps of each machine: those that refuse its form, and those that do something to it."""

    refusing: Mapping[InstanceKey, Needs]
    doing: Mapping[InstanceKey, Needs]

    @staticmethod
    def among(deeds: Deeds) -> Records:
        """Sort them out."""
        refusing: dict[InstanceKey, Needs] = {}
        doing: dict[InstanceKey, Needs] = {}
        for identifier, deed in deeds.items():
            if isinstance(deed.action, GiveUp):
                refusing[deed.key] = (*refusing.get(deed.key, ()), identifier)
            elif not deed.records:
                doing[deed.key] = (*doing.get(deed.key, ()), identifier)
        return Records(refusing, doing)

    def needed_by(self, deed: Deed) -> Needs:
        """What a step needs of the others on its machine: no two of them write its mark at one time."""
        if isinstance(deed.action, GiveUp):
            return ()
        first = self.refusing.get(deed.key, ())
        return (*first, *self.doing.get(deed.key, ())) if deed.records else first
