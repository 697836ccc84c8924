"""Engines, planners and hosts with one line broken: what the laws must catch.

Nothing of the project is imported here: each mutant is loaded in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One line of ``module`` (part of one is enough, if it is there once), and what it becomes."""

    wrong: str
    module: str
    was: str
    now: str = ""


_RUN = "engine.run"
_CYCLE = "engine.cycle"
_ROUNDS = "engine.rounds"
_HOSTS = "engine.hosts"
_GUARD = "engine.guard"
_LOOP = "engine.loop"
_VERDICTS = "planner.verdicts"
_SCRIPT = "actuators.sim.script"
_PLUGGING = "actuators.sim.plugging"
_PASSAGE = "actuators.sim.passage"
_SIGHTING = "sighting"
_WAITS = "planner.ordering.waits"
_REFUSED = "planner.refused"

MUTANTS = (
    Mutant(
        "who is carried is started before it is handed over",
        "actuators.sim.carriage",
        "yield Leg(True, Define(replace(domain, mark=gone, autostart=False)))",
        "pass",
    ),
    Mutant(
        "what was refused is tried again",
        _REFUSED,
        "return any(state.refused == form for each in own for state in seen.by_uuid.get(each.uuid, ()))",
        "return False",
    ),
    Mutant(
        "what a call says is believed",
        _RUN,
        "if confirmed(step, *await self._looks(step)):",
        "if await self._looks(step):",
    ),
    Mutant(
        "an error is taken for a success",
        _RUN,
        "return Done() if await self._confirm(step, looks=1) else outcome",
        "return Done()",
    ),
    Mutant(
        "who stands in cannot become one of the others", _SCRIPT, " surge=False, devices=())", " devices=())"
    ),
    Mutant(
        "what goes on after a host's death has no segment",
        "planner.ordering.seats",
        "seats.setdefault(bridge, Seats()).visited.add(step.host)",
        "pass",
    ),
    Mutant("no precondition is checked", _RUN, "reason = broken_precondition(step, *seen)", "reason = None"),
    Mutant(
        "room is not counted again",
        _RUN,
        "reason = lacking_room(step, self._hosts.spec(step.host), *seen)",
        "pass",
    ),
    Mutant("what cannot be begun is called done", _RUN, "if confirmed(step, *seen):", "if True:"),
    Mutant("no intent is written down", _RUN, "await self._logbook.intend(step)", "pass"),
    Mutant(
        "an intent that cannot be written down stops nobody",
        _RUN,
        'return StepReport(step, Failed(f"not begun: {error}"), clock() - since)',
        "pass",
    ),
    Mutant("no outcome is written down", _RUN, "await self._logbook.settle(report)", "pass"),
    Mutant(
        "dependants of what failed are not skipped",
        _RUN,
        "await asyncio.shield(self._tasks[need])).outcome, Done)",
        "await asyncio.shield(self._tasks[need])).outcome, object)",
    ),
    Mutant(
        "a step is begun before what it follows is over",
        _RUN,
        "await asyncio.shield(self._tasks[other])",
        "pass",
    ),
    Mutant(
        "a host that could not be locked is believed",
        _HOSTS,
        "for host in self._hosts if host.name not in self._given_up]",
        "for host in self._hosts]",
    ),
    Mutant("a host that was given up once is never asked again", _HOSTS, "if not self._locked:", "if False:"),
    Mutant(
        "a host that cannot be heard ticks at once",
        _HOSTS,
        "if clock() - since >= self._patience.again:",
        "if True:",
    ),
    Mutant(
        "a host that failed once is never tried again",
        _HOSTS,
        "- self._tried[host.name] < self._patience.again",
        "- self._tried[host.name] < 1e9",
    ),
    Mutant("a look is used for ever", "engine.look", "self._queued = None  # whoever", "pass  # whoever"),
    Mutant("the window of deletions is a minute", _CYCLE, "timedelta(hours=1)", "timedelta(minutes=1)"),
    Mutant(
        "what was deleted before does not count",
        _GUARD,
        "existing * limit.percent // 100) - allowance.spent",
        "existing * limit.percent // 100)",
    ),
    Mutant("there is no budget", _GUARD, "if asked <= left:", "if True:"),
    Mutant("an empty directory deletes everything", _GUARD, "if not desired.services:", "if False:"),
    Mutant(
        "deleted while a host is silent",
        _GUARD,
        "hidden = _possibly_elsewhere(destroys, desired, observed)",
        "hidden: dict[StepId, str] = {}",
    ),
    Mutant("the last good state deletes", _LOOP, "0 if self._refused else None", "None"),
    Mutant(
        "what failed does not rest",
        _LOOP,
        "resting = self._backoff.resting(now=self._now())",
        "resting = frozenset()",
    ),
    Mutant(
        "what failed rests for ever",
        "engine.backoff",
        "for step, rest in self._rests.items() if rest.until > now)",
        "for step, rest in self._rests.items())",
    ),
    Mutant("nothing is locked", _LOOP, "await cycle.hosts.lock(str(cycle.author))", "pass"),
    Mutant("the lock is kept between rounds", _LOOP, "await cycle.hosts.unlock()", "pass"),
    Mutant(
        "the plan is not made again under the lock",
        _LOOP,
        "current = await cycle.plan(wish)\n            self._teller",
        "self._teller",
    ),
    Mutant("a round that failed ends the loop", _LOOP, "self._teller.failed(error)", "raise"),
    Mutant("whose controller died is never resolved", _LOOP, "await cycle.resolve(current)", "pass"),
    Mutant(
        "a round without steps settles nothing",
        _LOOP,
        "if current.plan.is_idle and not await cycle.unsettled(current):",
        "if current.plan.is_idle:",
    ),
    Mutant(
        "what is under way on a silent host is settled", _CYCLE, " if entry.host not in silent]", " if True]"
    ),
    Mutant("a look that shows something new is not planned for", _ROUNDS, "or observed != last.observed", ""),
    Mutant(
        "files that say something new are not planned for",
        _ROUNDS,
        "or (desired is not last.desired and desired != last.desired)",
        "",
    ),
    Mutant("the budget of an earlier round holds", _ROUNDS, "or (allowance, wait) != self._asked", ""),
    Mutant(
        "a new fleet of files is not loaded",
        _LOOP,
        "if desired != self._desired:",
        "if self._desired is None:",
    ),
    Mutant(
        "not seen is taken for gone",
        _VERDICTS,
        'Rule("unknown", lambda case: isinstance(case.sighting, Unknown), _unknown),',
    ),
    Mutant(
        "what is paused or seen twice is taken for gone",
        _VERDICTS,
        'Rule("in doubt", lambda case: isinstance(case.sighting, InDoubt), _in_doubt),',
    ),
    Mutant(
        "only hosts of its cluster may have it",
        "planner.decide",
        "could_be_on=everywhere)",
        "could_be_on=frozenset(each for each in everywhere"
        " if instance.placement.cluster in (None, desired.fleet.host(each).cluster)))",
    ),
    Mutant("protection is forgotten", _VERDICTS, "_is_removed(case) and case.found.applied.protect", "False"),
    Mutant(
        "a half made machine is started",
        _VERDICTS,
        'Rule("incomplete", lambda case: not case.found.complete, _resume),',
    ),
    Mutant(
        "room is not looked at",
        "planner.placement.bid",
        "fits = ((demand <= free) | (demand <= 0)).all(axis=1)",
        "fits = np.ones(len(free), np.bool_)",
    ),
    Mutant(
        "what a human gave a machine is taken for consent",
        "planner.decide",
        " or overdrawn(case.found, case.wanted.machine, site, board)",
        "",
    ),
    Mutant(
        "a machine that was renamed is defined under another name",
        _SCRIPT,
        "if domain.name != instance.name:",
        "if False:",
    ),
    Mutant(
        "a network stays after its last machine",
        "planner.ordering.networks",
        "drops = () if observed.unknown else _drops(seats, observed)",
        "drops: tuple[Step, ...] = ()",
    ),
    Mutant(
        "the members of a network are not told of a new one",
        "planner.ordering.networks",
        "peers = tuple([each for each in joined if each != own]) if own else ()",
        "peers = now.peers if (now := self.state(host)) else tuple([each for each in joined if each != own])",
    ),
    Mutant(
        "an address is looked for anew in every round",
        "planner.addresses",
        "if now is not None and wanted in (None, now) and self._may_keep(instance, now):",
        "if False:",
    ),
    Mutant(
        "an address that somebody has is given away",
        "planner.addresses",
        "self.taken = {*self.claims, *self.holders}",
        "self.taken = {*self.claims}",
    ),
    Mutant(
        "a machine starts without its network",
        "actuators.sim.world",
        "_require(not unplugged, box, f\"{domain.name} finds no bridge {', '.join(unplugged)}\")",
        "pass",
    ),
    Mutant(
        "stopped machines stay stopped", _VERDICTS, "_is_stopped, _start)", "_is_stopped, lambda _: Keep())"
    ),
    Mutant(
        "a paused machine is changed",
        "planner.precondition",
        "_changed(before, host_state) or _paused(before, host_state)",
        "_changed(before, host_state)",
    ),
    Mutant("a host acts without the lock", "actuators.sim.host", "if not self._lock.held:", "if False:"),
    Mutant(
        "disks that are to be kept are deleted",
        _PLUGGING,
        "        if (disk.name == ROOT or disk.on_delete is OnDelete.DELETE)\n",
        "        if True\n",
    ),
    Mutant(
        "a destroyed machine leaves its disks",
        _SCRIPT,
        "    yield from (DropVolume(volume) for volume in gone_for_good(box, mark, keep=()))",
        "    yield from ()",
    ),
    Mutant(
        "disks that are about to come are not written down",
        _PLUGGING,
        "disks=(*mark.applied.disks, *coming)",
        "disks=mark.applied.disks",
    ),
    Mutant(
        "the journey is forgotten before its disks are removed",
        _PASSAGE,
        "        yield from _sweeping(domain, mark, (home, peer), fleet, share=action.share)\n",
        "        pass\n",
    ),
    Mutant(
        "a twin that is off is taken for a second machine",
        _SIGHTING,
        "return Running(home, twin) if home.complete else Stopped(home, twin)",
        "return InDoubt(both)",
    ),
    Mutant(
        "disks are swept that no journey explains",
        _PASSAGE,
        "copied = is_ours and journey is not None and journey.copies and not share",
        "copied = True",
    ),
    Mutant(
        "who stands still is replaced before others stand in",
        "planner.replicas",
        "isinstance(case.sighting, Running | Stranded)",
        "isinstance(case.sighting, Running)",
    ),
    Mutant(
        "disks stay behind that were dropped after a migration",
        _PASSAGE,
        "marks = [mark] if twin is None or twin.mark is None else [mark, twin.mark]",
        "marks = [mark]",
    ),
    Mutant(
        "the journey is written down after the disks are made",
        _PASSAGE,
        "        Leg(True, Define(coming)),\n        *(Leg(False, AddVolume(volume, source.volumes[volume]))"
        " for volume in volumes),\n",
        "        *(Leg(False, AddVolume(volume, source.volumes[volume])) for volume in volumes),\n"
        "        Leg(True, Define(coming)),\n",
    ),
    Mutant(
        "a machine that is rebuilt is not marked", _SCRIPT, "    if apart != domain.mark:", "    if False:"
    ),
    Mutant(
        "what was migrated away meanwhile is gone on with",
        _SCRIPT,
        "    if before.has_left(domain.power, domain.why):",
        "    if False:",
    ),
    Mutant(
        "replicas are taken away all at once",
        _WAITS,
        "rolls = _rolls(deeds, replicas)",
        "rolls: dict[InstanceKey, tuple[Replica, ...]] = {}",
    ),
    Mutant(
        "who was changed is back before it is healthy",
        _WAITS,
        "(steps[key].id,) if key in steps else ",
        "",
    ),
    Mutant(
        "nobody who is waited for is asked",
        "engine.waiting",
        "await asked_once(action, probe)\n    except",
        "pass\n    except",
    ),
    Mutant(
        "what is out of reach is not away",
        "planner.holding",
        "found = _nobody_to_wait_for(own, others) or _too_many_away(own)",
        "found = _nobody_to_wait_for(own, others)",
    ),
    Mutant(
        "who is not asked for a while is waited for anew",
        _LOOP,
        " | current.later",
        "",
    ),
    Mutant(
        "what waits for health waits for ever",
        "engine.loop",
        "self._backoff.rest(entry.step.id, until=self._now() + entry.outcome.again)",
        "self._backoff.rest(entry.step.id, until=1e12)",
    ),
)
