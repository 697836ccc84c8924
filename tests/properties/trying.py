"""The laws of rolling back: what is kept until when, and that nothing that was refused is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hypothesis import strategies as st

from reconciler.actions import Accept, Create, GiveUp, Replace, Update, subject
from reconciler.plan import Plan, Step, StepId
from reconciler.planner.groups import Group, group_of
from reconciler.sighting import Known, sighting_of
from reconciler.specs.desired import Form, Instance, Sha256
from reconciler.specs.fingerprint import digest_of_form
from reconciler.specs.health import HealthCheck, OnFailure, Order, TcpCheck, UpdatePolicy
from reconciler.state import InstanceState, Observed
from tests.builders import (
    GIB,
    desired_of,
    fleet_of,
    host,
    host_state,
    incomplete,
    instance,
    machine,
    running,
    sha,
    size,
    stopped,
)
from tests.properties.laws import ROUNDS, Planner
from tests.properties.rolling import all_before, boots
from tests.properties.wishes import rarely
from tests.properties.worlds import World, hidden

OLD, THIRD, NEW = machine(image="old"), machine(3), machine(image="new")
_HOSTS = ("h0", "h1")


@st.composite
def tried(draw: st.DrawFn, of: Instance) -> list[InstanceState]:
    """A replica somewhere on its way to a new form, or back, or neither."""
    on = draw(st.sampled_from(_HOSTS))
    old, third = replace(of, machine=OLD), replace(of, machine=THIRD)
    return draw(
        st.sampled_from(
            [
                [running(old, on=on)],
                [running(old, on=on)],
                [replace(running(of, on=on), former=OLD)],
                [replace(running(of, on=on), former=OLD)],
                [replace(running(third, on=on), former=OLD)],
                [replace(stopped(of, on=on), former=OLD)],
                [replace(incomplete(old, on=on), former=OLD)],
                [replace(incomplete(of, on=on), former=OLD)],
                [replace(running(of, on=on), former=NEW)],
                [running(of, on=on)],
                [incomplete(of, on=on)],
                [],
            ]
        )
    )


@st.composite
def tried_worlds(draw: st.DrawFn) -> World:
    """Components that are being changed to what may not be healthy, some of them given up already."""
    fleet = fleet_of(*(host(name, size(64, 256 * GIB, 4096 * GIB)) for name in _HOSTS))
    wanted: list[Instance] = []
    states: list[InstanceState] = []
    for name in ("db", "app"):
        policy = UpdatePolicy(
            draw(st.sampled_from([1, 1, 2, 0])),
            0,
            draw(st.sampled_from(Order)),
            draw(st.sampled_from([OnFailure.ROLLBACK, OnFailure.ROLLBACK, OnFailure.PAUSE])),
        )
        own = [
            replace(instance(f"shop-{name}-{number}", NEW), health=HealthCheck(TcpCheck(80)), update=policy)
            for number in range(draw(st.integers(1, 3)))
        ]
        form = draw(st.sampled_from([None, None, sha("another"), digest_of_form(own[0])]))
        for each in own:
            refused = form if draw(st.booleans()) else None
            states += [replace(state, refused=refused) for state in draw(tried(each))]
        if draw(rarely()):
            stood = replace(instance(f"shop-{name}-{len(own)}", NEW), machine=replace(NEW, surge=True))
            states.append(running(stood, on=draw(st.sampled_from(_HOSTS))))
        wanted += own
    said = [host_state(name, *(each for each in states if each.host == name)) for name in _HOSTS]
    runs = [each for each in states if each.power == "running" and each.complete]
    failed = tuple(sorted(each.uuid for each in runs if draw(rarely(one_in=4))))
    sick = tuple(sorted({*failed, *(each.uuid for each in runs if draw(rarely()))}))
    images = () if draw(rarely(one_in=8)) else OLD.image.digests
    hosts = tuple(
        replace(each, bridges=None, networks=None, images=tuple(sorted({*each.images, *images})))
        for each in said
    )
    truth = Observed(fleet.name, hosts, sick=sick, failed=failed)
    silent = {name for name in _HOSTS[1:] if draw(rarely(one_in=8))}
    return World(desired_of(fleet, *wanted), hidden(truth, silent), truth)


def never_tried_again(planner: Planner, world: World) -> None:
    """Nobody is made into what was refused, now or later; whoever was is again what it was, and who was not
    stays as it is.
    """
    planner = planner.remembering()
    plan = planner.make_plan(world.desired, world.observed)
    refused = _refused(world, plan)
    seen = world.observed
    for _ in range(ROUNDS):
        plan = planner.make_plan(world.desired, seen)
        _check_steps(plan, refused)
        # Whoever plans next has waited for nobody.
        seen = replace(planner.folded(plan.steps, seen), failed=())
    held = {entry.instance for entry in plan.blocked}
    for each in _of(refused, world):
        before, now = _known(each, world.observed), _known(each, seen)
        if before is None or now is None or (before.former is None and not before.complete):
            continue
        if before.former is None:
            assert now.applied == before.applied, f"{each.name} was changed"
        elif now.former is not None:
            assert each.name in held, f"{each.name} stays in what was refused"
        else:
            assert now.applied.image == before.former.image, f"{each.name} is not what it was"


def kept_until_healthy(planner: Planner, world: World) -> None:
    """What a replica was is kept from when it is changed until all of its component were seen healthy."""
    plan = planner.make_plan(world.desired, world.observed)
    refused = _refused(world, plan)
    steps = {step.id: step for step in plan.steps}
    seen = world.observed
    for step in plan.steps:
        rolls = {each.uuid for each in world.desired.instances if _rolls_back(each)}
        match step.action:
            case Replace(before=before, instance=each) | Update(before=before, instance=each):
                seen = planner.after(step, seen)
                now = _known(each, seen)
                if each.uuid in rolls and group_of(each.key) not in refused and boots(step):
                    assert now is not None
                    owed = before.former or before.applied
                    assert owed in (now.former, now.applied), f"{step.id} forgets what it was"
                continue
            case Accept(before=before) as accept if before.uuid in rolls and accept.refused is None:
                if before.former not in (None, before.applied):
                    _check_waited(step, steps, world)
        seen = planner.after(step, seen)


def _check_waited(step: Step, steps: Mapping[StepId, Step], world: World) -> None:
    assert isinstance(step.action, Accept)
    group = group_of(step.action.before.key)
    before = all_before(step, steps)
    for each in world.desired.instances:
        if group_of(each.key) == group and (each.name in _acted(steps) or _known(each, world.observed)):
            assert StepId(f"wait/{each.name}") in before, f"{step.id} does not wait for {each.name}"


def _acted(steps: Mapping[StepId, Step]) -> set[str]:
    return {str(subject(step.action)) for step in steps.values() if boots(step)}


def _check_steps(plan: Plan, refused: Mapping[Group, Sha256]) -> None:
    steps = {step.id: step for step in plan.steps}
    for step in plan.steps:
        if not isinstance(step.action, Create | Replace | Update):
            continue
        each = step.action.instance
        form = refused.get(group_of(each.key))
        if form is None:
            continue
        assert each.form is not Form.WRITTEN, f"{step.id} tries again what was refused"
        before = step.action.left if isinstance(step.action, Create) else step.action.before
        if each.form is Form.AS_IT_WAS and (before is None or before.refused != form):
            assert StepId(f"give-up/{each.name}") in all_before(step, steps), (
                f"{step.id} before it is written"
            )


def _refused(world: World, plan: Plan) -> Mapping[Group, Sha256]:
    """The components whose form was refused before, or is by this plan."""
    forms = {
        group_of(each.key): digest_of_form(each) for each in world.desired.instances if _rolls_back(each)
    }
    given_up = {group_of(step.action.before.key) for step in plan.steps if isinstance(step.action, GiveUp)}
    declared = {each.uuid for each in world.desired.instances}
    said = {
        group_of(state.key)
        for host in world.observed.hosts
        for state in host.instances
        if state.uuid in declared and state.refused == forms.get(group_of(state.key), "")
    }
    return {group: form for group, form in forms.items() if group in given_up | said}


def _rolls_back(each: Instance) -> bool:
    return each.update.on_failure is OnFailure.ROLLBACK


def _of(groups: Iterable[Group], world: World) -> Iterable[Instance]:
    return (each for each in world.desired.instances if group_of(each.key) in groups)


def _known(each: Instance, seen: Observed) -> InstanceState | None:
    sighting = sighting_of(seen, each.uuid, could_be_on=frozenset())
    return sighting.state if isinstance(sighting, Known) else None
