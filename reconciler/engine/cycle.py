"""One round of reconciliation: look, plan, guard; and, where it is wanted, carry out.

``plan``, ``apply`` and ``watch`` are the same round; they differ in where they stop and in what
makes them begin again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.actions import Await, Replace, Update
from reconciler.engine.guard import Allowance, guarded
from reconciler.engine.hosts import Hosts
from reconciler.engine.logbook import Author, Logbook, Now
from reconciler.engine.run import Conditions, run
from reconciler.engine.waiting import says_no
from reconciler.plan import Plan, StepId
from reconciler.planner import Move, make_plan, plan_move
from reconciler.planner.draining import Drain, plan_drain
from reconciler.planner.groups import group_of
from reconciler.planner.rebalancing import Gain, Rebalance, plan_rebalance
from reconciler.report import Report
from reconciler.sighting import Absent, InDoubt, Running, Stopped, Stranded, Unknown, sighting_of
from reconciler.specs.desired import Desired, InstanceUuid
from reconciler.state import Observed
from reconciler.store.port import Entry, Journal

DELETION_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Round:
    """What was wanted, what was seen, and what is to be done about it."""

    desired: Desired
    observed: Observed
    plan: Plan
    gain: Gain | None = None
    """Of a rebalance."""

    @property
    def askable(self) -> Iterator[Await]:
        """Whoever runs and has a health check, as it was applied: its address is that of then."""
        for instance in self.desired.instances:
            sighting = sighting_of(self.observed, instance.uuid, could_be_on=frozenset())
            if instance.health is not None and isinstance(sighting, Running):
                state = sighting.state
                yield Await(state.host, replace(instance, machine=state.applied))

    def without(self, resting: frozenset[StepId]) -> Round:
        """The same with these steps, and what needs them, left for later."""
        return replace(self, plan=self.plan.without(resting)) if resting else self


def decide(
    desired: Desired, observed: Observed, allowance: Allowance | None = None, *, wait: bool = False
) -> Round:
    """Plan from one look, with every guard applied."""
    plan = make_plan(desired, observed, wait=wait)
    return Round(desired, observed, guarded(plan, desired, observed, allowance or Allowance()))


def rebalanced(desired: Desired, observed: Observed, asked: Rebalance) -> Round:
    """Plan what makes the fleet run better, from one look. Raises SchedulerFailed."""
    found = plan_rebalance(desired, observed, asked)
    return Round(desired, observed, found.plan, found.gain)


class Answer:
    """The last round that was decided: planning is pure, so an equal question has the same answer.

    Most rounds of a watch see what the one before them saw.
    """

    def __init__(self) -> None:
        self._asked = (Allowance(), False)
        self._round: Round | None = None

    def to(self, desired: Desired, observed: Observed, allowance: Allowance, *, wait: bool) -> Round:
        """As ``decide``; the plan is made anew only where anything is not as it was."""
        last = self._round
        if (
            last is None
            or (allowance, wait) != self._asked
            or (desired is not last.desired and desired != last.desired)
            or observed != last.observed
        ):
            last = decide(desired, observed, allowance, wait=wait)
        self._round, self._asked = Round(desired, observed, last.plan), (allowance, wait)
        return self._round


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become true: the files, and how many deletions are allowed beyond their budget.

    The steps of ``resting``, and what needs them, are left for a later round: they failed lately. With
    ``wait``, everybody who has a health check is to be healthy in the end. With a ``move``, that
    migration is to happen and nothing else; with a ``drain``, a host is to be emptied and nothing else;
    with a ``rebalance``, the fleet is to run better by moves alone.
    """

    desired: Desired
    allow_deletes: int | None = None
    resting: frozenset[StepId] = frozenset()
    wait: bool = False
    move: Move | None = None
    drain: Drain | None = None
    rebalance: Rebalance | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """The engine: hosts to look at and act on, a journal, an author and a wall clock."""

    hosts: Hosts
    journal: Journal
    author: Author
    now: Now
    _answer: Answer = field(default_factory=Answer, compare=False)

    async def plan(self, wish: Wish) -> Round:
        """Look and decide; changes nothing. Raises StoreError."""
        observed = await self.hosts.observe()
        if wish.move is not None:
            return Round(wish.desired, observed, plan_move(wish.desired, observed, wish.move))
        if wish.drain is not None:
            return Round(wish.desired, observed, plan_drain(wish.desired, observed, wish.drain))
        if wish.rebalance is not None:
            return rebalanced(wish.desired, observed, wish.rebalance)
        spent = await self.journal.destroyed_since(self.now() - DELETION_WINDOW)
        allowance = Allowance(wish.allow_deletes, spent)
        current = self._answer.to(wish.desired, observed, allowance, wait=wish.wait).without(wish.resting)
        if sick := await self._sick(current):
            observed = replace(observed, sick=sick)
            current = decide(wish.desired, observed, allowance, wait=wish.wait).without(wish.resting)
        return current

    async def _sick(self, current: Round) -> tuple[InstanceUuid, ...]:
        """Who is not healthy, of the components whose replicas are taken away one after the other.

        In which order depends on it; anything else is asked when its turn comes.
        """
        actions = [step.action for step in current.plan.steps]
        taken = {group_of(each.instance.key) for each in actions if isinstance(each, Update | Replace)}
        rolling = {group_of(each.instance.key) for each in actions if isinstance(each, Await)} & taken
        if not rolling:
            return ()
        asked = (each for each in current.askable if group_of(each.instance.key) in rolling)
        said = await self.hosts.health(asked)
        return tuple(sorted(uuid for uuid, answer in said.items() if says_no(answer)))

    async def unsettled(self, current: Round) -> Sequence[Entry]:
        """Steps without an outcome, as far as this look shows what became of them. Raises StoreError.

        Those on a silent host wait for a round in which it answers. Those on a host that is not
        declared any more would wait for ever: they are among these.
        """
        silent = {unknown.host for unknown in current.observed.unknown}
        return [entry for entry in await self.journal.unsettled() if entry.host not in silent]

    async def resolve(self, current: Round) -> None:
        """Write down what the look shows of the steps whose controller died. Raises StoreError.

        To be called with a look that was taken under the locks: who is still at work on a host holds
        its lock, and a host that could not be locked counts as silent.
        """
        for entry in await self.unsettled(current):
            await self.journal.resolve(entry, seen_of(entry, current), at=self.now())

    async def carry_out(self, plan: Plan, conditions: Conditions) -> Report:
        """Carry a plan out under the locks that are held already. Raises StoreError before any effect."""
        logbook = await Logbook.opened(plan, self.journal, author=self.author, now=self.now)
        report = await run(plan, self.hosts, logbook, conditions)
        await logbook.closed()
        return report


def seen_of(entry: Entry, current: Round) -> str:
    """What the fleet shows of a journal entry's subject, in a few words."""
    states = [state for host in current.observed.hosts for state in host.instances]
    uuid = next((state.uuid for state in states if state.name == entry.subject), None)
    if uuid is None:
        silent = ", ".join(unknown.host for unknown in current.observed.unknown)
        return f"not on any host that answered; {silent} did not" if silent else "not on any host"
    match sighting_of(current.observed, uuid, could_be_on=frozenset()):
        case Running(state=state) | Stranded(state=state) | Stopped(state=state):
            return f"{state.power if state.complete else 'half made'} on {state.host}"
        case InDoubt(states=found):
            return f"in doubt on {', '.join(state.host for state in found)}"
        case Unknown(hosts=hosts):
            return f"perhaps on {', '.join(hosts)}"
        case Absent():
            return "not on any host"
