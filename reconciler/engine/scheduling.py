"""Whom to ask where machines go: the built-in scheduler, or the user's own, if the operator has allowed it.

A file that names code which runs here could be written by anybody who may write to the repository. So the
files may only ask for it; whoever runs the controller says, in its environment, which one may run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.errors import Fault, InvalidInput, SchedulerFailed
from reconciler.planner.placement.builtin import built_in
from reconciler.specs.desired import Fleet
from reconciler.specs.scheduling import OnScheduler, OwnScheduler

if TYPE_CHECKING:
    from reconciler.plan import Plan
    from reconciler.planner.placement.problem import Answer, Ask, Problem, Scheduler

LEAVE = "RECONCILE_SCHEDULER"
"""The environment variable that names the schedulers which may run, one a line."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is asked. Filled meanwhile: ``notes``, to be told, and ``answered``, who chose where not we did."""

    scheduler: Scheduler
    notes: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def told(self, plan: Plan) -> Plan:
        """A plan that says who chose the hosts, if that was not the built-in one."""
        by = ", ".join(dict.fromkeys(self.answered))
        return replace(plan, scheduler=by, hints=(*plan.hints, *dict.fromkeys(self.notes)))


def scheduler_of(fleet: Fleet, environment: Mapping[str, str] = os.environ) -> Chosen:
    """The scheduler of a fleet. Raises InvalidInput where it is not one that may run here."""
    own = fleet.scheduler
    if own is None:
        return Chosen(built_in)
    if own.title not in (line.strip() for line in environment.get(LEAVE, "").splitlines()):
        message = f"the scheduler {own.title} may not run here: nobody who runs the controller allowed it"
        hint = f"if you trust it, set {LEAVE} to its name in the environment of reconcile"
        raise InvalidInput([Fault(own.origin, message, "scheduler", hint=hint)])
    asked = _Own(own)
    return Chosen(asked, asked.notes, asked.answered)


@dataclass(frozen=True, slots=True)
class _Own:
    """A user's own scheduler: what it answers is judged, and counts only if nothing speaks against it."""

    own: OwnScheduler
    notes: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def __call__(self, problem: Problem, ask: Ask) -> Answer:
        from reconciler.planner.placement.judge import judged

        if ask.question not in self.own.questions or not _is_open(problem, ask):
            return built_in(problem, ask)
        try:
            answer = judged(problem, ask, self._asked)
        except SchedulerFailed as error:
            if self.own.on_failure is OnScheduler.FAIL:
                raise
            self.notes.append(f"{error}: the built-in one answered instead")
            return built_in(problem, ask)
        self.answered.append(answer.by)
        self.notes.extend(f"{self.own.title}: {note}" for note in answer.notes)
        return answer

    def _asked(self, problem: Problem, ask: Ask) -> Answer:
        from reconciler.engine.asking import Limits, NoAnswer, ask_command
        from reconciler.planner.placement.written import Garbled, read_answer, write_question

        try:
            said = ask_command(self._argv(), write_question(problem, ask), Limits(self.own.timeout_s))
            return read_answer(said, self.own.title)
        except (NoAnswer, Garbled) as error:
            raise SchedulerFailed(self.own.title, str(error)) from None

    def _argv(self) -> tuple[str, ...]:
        if not self.own.python:
            return self.own.command
        # -P: what lies in the current directory is not imported.
        return (sys.executable, "-P", "-m", "reconciler.engine.python_scheduler", self.own.python)


def _is_open(problem: Problem, ask: Ask) -> bool:
    """Whether there is anything to decide: most rounds have nobody to place, and nothing to mend."""
    from reconciler.planner.placement.check import violations
    from reconciler.planner.placement.problem import NOWHERE, Question

    match ask.question:
        case Question.PLACE:
            return bool((problem.home == NOWHERE).any())
        case Question.REPAIR:
            return bool(problem.movable.any() and violations(problem, problem.home))
        case Question.REBALANCE:
            return bool(problem.movable.any())
