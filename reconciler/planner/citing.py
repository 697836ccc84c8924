"""Cite the lines of YAML that caused the steps of a plan, as precisely as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.actions import (
    Action,
    Await,
    Create,
    Destroy,
    Migrate,
    PutImage,
    PutNetwork,
    Replace,
    Resume,
    Settle,
    Start,
    Stop,
    Update,
)
from reconciler.errors import Position
from reconciler.plan import Cause, Change, Plan, Reason, Step
from reconciler.planner.ordering.images import NOT_THERE
from reconciler.specs.desired import Desired, Instance, InstanceKey
from reconciler.specs.written import Lines

_PATHS = {"cpus": "resources.cpus", "memory_mib": "resources.memory", "surge": "update"}
_TOLD = ("cloud_init", "environment", "ssh_keys")
"""What a guest is told: of a change of it, only a digest is known."""


def cited(plan: Plan, desired: Desired) -> Plan:
    """The same plan, each of its reasons with the line that caused it, where there is one."""
    if not plan.steps:
        return plan
    return replace(plan, steps=tuple(map(_Citing.of(desired).step, plan.steps)))


def cited_reasons(action: Action, because: Iterable[Reason], desired: Desired) -> tuple[Reason, ...]:
    """The same for the reasons of one action."""
    citing = _Citing.of(desired)
    return tuple(citing.reason(action, each) for each in because)


def about(key: InstanceKey) -> str:
    """What the lines of an instance's component are filed under."""
    return f"{key.service}/{key.component}"


def written_at(position: Position) -> str:
    """``file:line``; empty where nothing is written."""
    return f"{position.file}:{position.line}" if position.file else ""


@dataclass(slots=True)
class _Citing:
    lines: Lines
    images: Mapping[str, str]
    maintenance: Mapping[str, str]

    @staticmethod
    def of(desired: Desired) -> _Citing:
        """Nothing is looked up yet."""
        return _Citing(
            Lines(desired.written),
            {image.use.name: written_at(image.origin) for image in desired.images},
            {
                host.name: written_at(host.maintenance_origin)
                for host in desired.fleet.hosts
                if host.maintenance
            },
        )

    def step(self, step: Step) -> Step:
        because = tuple(self.reason(step.action, reason) for reason in step.because)
        return replace(step, because=because)

    def reason(self, action: Action, reason: Reason) -> Reason:
        source = reason.source or self._source(action, reason)
        if not source:
            return reason
        match reason:
            case Change(field, was, now, origin):
                return Change(field, was, now, origin, source)
            case Cause(message):
                return Cause(message, source)

    def _source(self, action: Action, reason: Reason) -> str:
        found = ""
        match action:
            case PutImage(image=image) if reason == NOT_THERE:
                found = written_at(image.origin)
            case PutNetwork(segment=segment):
                found = self.lines.of(segment.service, f"networks.{segment.network}")
            case Create(instance=instance) | Update(instance=instance) | Replace(instance=instance):
                if isinstance(reason, Change):
                    found = self._of_change(instance, reason.field)
                else:
                    found = self.lines.of(about(instance.key), "replicas" if instance.key.ordinal else "")
            case Await(instance=instance):
                found = self.lines.of(about(instance.key), "healthcheck")
            case Destroy(before=before):
                found = self.lines.of(about(before.key), "update" if before.applied.surge else "replicas")
            case Stop(host=host, before=before):
                found = self.maintenance.get(host) or self.lines.of(about(before.key), "placement.evict")
            case Start() | Migrate() | Resume() | Settle():
                found = self.lines.of(about(action.before.key))
        return found

    def _of_change(self, instance: Instance, field: str) -> str:
        component, (head, *rest) = about(instance.key), field.split(".")
        path = _PATHS.get(head, head)
        match head:
            case "image" if rest != ["name"] and instance.machine.image.name in self.images:
                return self.images[instance.machine.image.name]
            case "nics":
                names = self.lines.under(component, "networks")
                number = int(rest[0]) if rest else len(names)
                path = f"networks.{names[number]}.addresses" if number < len(names) else "networks"
            case "disks":
                path = ".".join((head, *rest)).replace("size_mib", "size")
            case "context":
                told = [name for name in self.lines.under(component, "") if name in _TOLD]
                path = told[0] if len(told) == 1 else ""
        return self.lines.of(component, path)
