"""One round of reconciliation: look, plan, guard; and, where it is wanted, carry out.

``plan``, ``apply`` and ``watch`` are the same round; they differ in where they stop and in what
makes them begin again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from reconciler.actions import Await, Replace, Update
from reconciler.engine.guard import Allowance
from reconciler.engine.hosts import Hosts
from reconciler.engine.logbook import Author, Logbook, Now
from reconciler.engine.rounds import Answer, Round, Wish, decide, drained, rebalanced
from reconciler.engine.run import Conditions, run
from reconciler.engine.waiting import says_no
from reconciler.plan import Plan
from reconciler.planner import plan_move
from reconciler.planner.groups import group_of
from reconciler.report import Report
from reconciler.sighting import Absent, InDoubt, Running, Stopped, Stranded, Unknown, sighting_of
from reconciler.specs.desired import Fleet, InstanceUuid
from reconciler.state import Observed
from reconciler.store.port import Entry, Journal

if TYPE_CHECKING:
    from reconciler.planner.rebalancing import Rebalance

DELETION_WINDOW = timedelta(hours=1)


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
            return await _thought(partial(drained, wish.desired, observed, wish.drain))
        if wish.rebalance is not None:
            asked = await self._unhurried(wish.rebalance, wish.desired.fleet, observed)
            return await _thought(partial(rebalanced, wish.desired, observed, asked))
        if wish.failed:
            observed = replace(observed, failed=tuple(sorted(wish.failed)))
        spent = await self.journal.destroyed_since(self.now() - DELETION_WINDOW)
        allowance = Allowance(wish.allow_deletes, spent)
        answer = partial(self._answer.to, wish.desired, observed, allowance, wait=wish.wait)
        current = (await _thought(answer)).without(wish.resting)
        if sick := await self._sick(current):
            observed = replace(observed, sick=sick)
            again = partial(decide, wish.desired, observed, allowance, wait=wish.wait)
            current = (await _thought(again)).without(wish.resting)
        return current

    async def _unhurried(self, asked: Rebalance, fleet: Fleet, observed: Observed) -> Rebalance:
        """The same, with those held where they are who were moved a short while ago, by whatever verb."""
        # Only a rebalance needs it.
        from reconciler.planner.hold_time import held_until, longest_hold

        now = self.now()
        moved = await self.journal.moved(now - longest_hold(fleet), now)
        return replace(asked, held=held_until(fleet, observed, moved, now=now))

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


async def _thought(question: partial[Round]) -> Round:
    """What comes of a question about a fleet, the desired of which is its first argument.

    A scheduler of the user's own may take its time, and the connections to the hosts want to be served.
    """
    if question.args[0].fleet.scheduler is None:
        return question()
    return await asyncio.to_thread(question)


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
