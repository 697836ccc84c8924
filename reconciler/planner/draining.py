"""Plan what empties a host: a cordon that says so, and then all that this asks of who is there.

It is the plan that the files would give with ``maintenance: true``, and of that only what concerns the
host: nothing else that is to be done is done on the way. What earlier migrations left there, a drain that
was killed for one, is tidied up first, and its machines leave in the same plan. Who stays is told, and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.actions import DropNetwork, Migrate, Resume, Settle, Stop, action_key, subject
from reconciler.plan import Basis, Blocked, BlockKind, Plan, Refusal, Step, only, with_needs
from reconciler.planner.cordoning import cordon_step
from reconciler.planner.make import make_plan
from reconciler.planner.named import host_named
from reconciler.planner.placement.builtin import built_in
from reconciler.planner.placement.problem import Scheduler
from reconciler.planner.simulate import after
from reconciler.specs.desired import Desired, HostName
from reconciler.specs.fingerprint import digest_of
from reconciler.specs.placement import Evict
from reconciler.state import Cordon, HostState, InstanceState, Observed, Power


@dataclass(frozen=True, slots=True)
class Drain:
    """Which host is to be empty, and the cordon that is to say so."""

    host: str
    cordon: Cordon


def plan_drain(desired: Desired, observed: Observed, drain: Drain, scheduler: Scheduler = built_in) -> Plan:
    """Hang up the cordon and move, or stop, who is there. Raises InvalidInput for an unknown host.

    One that hangs there already and says as much stays.
    """
    name = host_named(desired, drain.host).name
    basis = Basis(digest_of(desired), observed.digest())
    host = observed.host(name)
    if host is None:
        return Plan(basis, unknown=observed.unknown)
    cordon = _hung(host, drain.cordon)
    seen = _with_host(observed, replace(host, cordon=cordon))
    whole = make_plan(desired, seen, scheduler=scheduler)
    mends = _mending(name, whole.steps)
    if mends:
        for step in mends:
            seen = after(step, seen)
        whole = make_plan(desired, seen, scheduler=scheduler)
    steps = (*mends, *_after(mends, _concerning(name, whole.steps)))
    if host.cordon != cordon:
        first = cordon_step(name, cordon)
        steps = (first, *(replace(step, needs=(first.id, *step.needs)) for step in steps))
    drained = seen.host(name)
    assert drained is not None, "it was seen"
    return Plan(basis, steps, tuple(_staying(drained, steps, whole, desired)), whole.unknown)


def _with_host(observed: Observed, host: HostState) -> Observed:
    hosts = (host if each.host == host.host else each for each in observed.hosts)
    return replace(observed, hosts=tuple(hosts))


def _mending(host: HostName, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps by which what migrations left on a host is tidied up, with all they need, in order."""
    mends = [step for step in steps if isinstance(step.action, Resume | Settle)]
    about = {subject(step.action) for step in mends if host in step.hosts}
    return only(steps, with_needs(steps, [step.id for step in mends if subject(step.action) in about]))


def _after(mends: Sequence[Step], steps: Iterable[Step]) -> Iterator[Step]:
    """The steps that are not among them, each after the last of those about its machine."""
    last, done = {subject(step.action): step.id for step in mends}, {step.id for step in mends}
    for step in steps:
        if step.id in done:
            continue
        mend = last.get(subject(step.action))
        yield step if mend is None else replace(step, needs=(mend, *step.needs))


def _hung(host: HostState, cordon: Cordon) -> Cordon:
    there = host.cordon
    if there is not None and there.draining and cordon.reason in ("", there.reason):
        return there
    return replace(cordon, draining=True)


def _concerning(host: HostName, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps by which machines leave a host, with all that they need, and what tidies up after them."""
    kept = with_needs(steps, [step.id for step in steps if _leaves(step, host)])
    drops = (step for step in steps if isinstance(step.action, DropNetwork) and step.host == host)
    return only(steps, kept | {step.id for step in drops if kept.issuperset(step.needs)})


def _leaves(step: Step, host: HostName) -> bool:
    if isinstance(step.action, Migrate):
        return step.action.from_host == host
    return isinstance(step.action, Stop) and step.host == host


def _staying(host: HostState, steps: Sequence[Step], whole: Plan, desired: Desired) -> Iterator[Blocked]:
    """Who is there and neither leaves nor is off as it should be, by name."""
    leaving = {subject(step.action) for step in steps if _leaves(step, host.host)}
    held = {entry.instance: entry for entry in whole.blocked}
    first = {
        subject(step.action): step for step in whole.steps if step.host == host.host and step not in steps
    }
    sits = {each.uuid for each in desired.instances if each.placement.evict is Evict.STOP}
    declared = {each.uuid for each in desired.instances}
    for state in sorted(host.instances, key=lambda state: state.name):
        if state.name in leaving or (state.power is Power.STOPPED and state.uuid in sits):
            continue
        if state.name in held:
            yield held[state.name]
        elif state.uuid not in declared:
            yield _blocked(state, "it is no longer declared: apply removes it")
        elif state.name in first:
            what = action_key(first[state.name].action).replace("_", " ")
            yield _blocked(state, f"{what} comes first: apply, and drain again")
        else:
            yield _blocked(state, "what is pending in its service comes first: apply, and drain again")


def _blocked(state: InstanceState, reason: str) -> Blocked:
    return Blocked(state.name, BlockKind.INVALID, (Refusal(state.host, reason),))
