"""For each law, planners that break it: the line that is changed, and what is wrong then."""

from __future__ import annotations

from tests.properties import laws, network_laws, resume_laws, rolling, standing, surging, telling_laws, trying
from tests.properties.broken import Line
from tests.properties.laws import Law

MUTANTS: tuple[tuple[str, Law, Line], ...] = (
    (
        "stopped machines stay stopped",
        laws.converge,
        Line("verdicts", "_is_stopped, _start)", "_is_stopped, lambda _: Keep())"),
    ),
    (
        "what is no longer declared stays",
        laws.converge,
        Line(
            "verdicts", 'Act(Destroy(case.found.host, case.found), (Cause("no longer declared"),))', "Keep()"
        ),
    ),
    ("a change of memory is not seen", laws.converge, Line("diff", '"memory_mib": of.memory_mib,')),
    (
        "a half made machine is started",
        laws.resume,
        Line("verdicts", 'Rule("incomplete", lambda case: not case.found.complete, _resume),'),
    ),
    (
        "a plan that was cut short is not recognised",
        resume_laws.resume_anywhere,
        Line("placement.resume", "if _again(", "if False and _again("),
    ),
    (
        "room is not looked at",
        laws.room,
        Line(
            "placement.bid",
            "fits = ((demand <= free) | (demand <= 0)).all(axis=1)",
            "fits = np.ones(len(free), np.bool_)",
        ),
    ),
    ("what grows takes no room", laws.room, Line("decide", "board.ledger.take(site.name, need)")),
    (
        "what is placed takes no room",
        laws.room,
        Line(
            "placement.seats",
            "host\n        self.free[host] -= self.demands[self.problem.shape[machine]]",
            "host",
        ),
    ),
    (
        "room is given out that a removal only promises",
        laws.room,
        Line(
            "placement.rules",
            "free = board.ledger.free(site.name)",
            "free = board.ledger.free(site.name) + board.ledger.freed(site.name)",
        ),
    ),
    (
        "disks that outlive their machine take no room",
        laws.room,
        Line("placement.ledger", " - taken - kept_disks(state)", " - taken"),
    ),
    (
        "protection from deletion is forgotten",
        laws.mercy,
        Line("verdicts", "_is_removed(case) and case.found.applied.protect", "False"),
    ),
    (
        "a disk that strayed is forgotten",
        laws.mercy,
        Line("verdicts", 'Rule("read from somewhere else", _is_astray, _astray),'),
    ),
    (
        "protection from replacement is forgotten",
        laws.mercy,
        Line("verdicts", "case.protected and _must_be_replaced(case)", "False"),
    ),
    (
        "the machines of another fleet are taken for ours",
        laws.mercy,
        Line("scope", "if each.fleet != fleet.name]", "if False]"),
    ),
    (
        "not seen is taken for gone",
        laws.never_twice,
        Line("verdicts", 'Rule("unknown", lambda case: isinstance(case.sighting, Unknown), _unknown),'),
    ),
    (
        "what is seen twice is taken for gone",
        laws.never_twice,
        Line("verdicts", 'Rule("in doubt", lambda case: isinstance(case.sighting, InDoubt), _in_doubt),'),
    ),
    (
        "the order of the input is kept",
        laws.order_blind,
        Line("make", "sorted_desired(desired), sorted_observed(observed)", "desired, observed"),
    ),
    (
        "what runs is started",
        laws.calm,
        Line(
            "verdicts",
            'Rule("as it should be", _is_as_asked, lambda _: Keep()),',
            'Rule("as it should be", _is_as_asked, _start),',
        ),
    ),
    (
        "a step is done before it begins",
        laws.honest,
        Line("simulate", "runs(found) and not differences(instance.machine, found)", "runs(found)"),
    ),
    (
        "a disk that was to go is not looked for",
        laws.honest,
        Line(
            "simulate",
            "left = {**detached(host, before.key), **_kept(before)}\n    gone",
            "left = sizes_of(before)\n    gone",
        ),
    ),
    (
        "what is destroyed does not wait",
        laws.orderly,
        Line(
            "ordering.steps",
            "not deed.moves, begins, deed.destroys, ",
            "not deed.moves, begins, False, ",
        ),
    ),
    (
        "a cordon is not looked at",
        standing.spared,
        Line(
            "placement.pose",
            "return site.state is not None and site.state.cordon is not None",
            "return False",
        ),
    ),
    (
        "a host that is in maintenance is given something new",
        standing.spared,
        Line("placement.standing", "if not host.maintenance:", "if True:"),
    ),
    (
        "who leaves later is not told of",
        standing.never_silent,
        Line("settle", 'later=f"{seen.state.host}: {self.refusals.of_home(seen)}"', 'later=""'),
    ),
    (
        "whose move is held back is not told of",
        standing.never_silent,
        Line("settle", "return replace(decision, verdict=self._held(machine))", "return decision"),
    ),
    (
        "where one comes from is a home to return to",
        standing.homing,
        Line(
            "placement.homeward",
            "        return state.home\n    return state.host if leaving else None",
            "        pass\n    return state.host",
        ),
    ),
    (
        "who has to leave forgets where it was",
        standing.homing,
        Line("placement.homeward", "return state.host if leaving else None", "return None"),
    ),
    (
        "one goes home who breaks a rule there",
        laws.converge,
        Line("placement.homeward", "if not may_come(seats, machine, homes[machine]):", "if False:"),
    ),
    (
        "replicas are taken away all at once",
        rolling.never_too_many_away,
        Line(
            "ordering.waits",
            "rolls = _rolls(deeds, replicas)",
            "rolls: dict[InstanceKey, tuple[Replica, ...]] = {}",
        ),
    ),
    (
        "one too many is taken away",
        rolling.never_too_many_away,
        Line("ordering.rolling", "row[: max(0, place - most + 1)]", "row[: max(0, place - most)]"),
    ),
    (
        "what is out of reach is not away",
        rolling.never_too_many_away,
        Line(
            "holding",
            "found = _nobody_to_wait_for(own, others) or _too_many_away(own)",
            "found = _nobody_to_wait_for(own, others)",
        ),
    ),
    (
        "who was changed is back before it is healthy",
        rolling.never_too_many_away,
        Line("ordering.waits", "(steps[key].id,) if key in steps else ", ""),
    ),
    (
        "who is sick is not away",
        rolling.never_too_many_away,
        Line("ordering.rolling", "each.part is Part.UP and each.instance.health is not None", "False"),
    ),
    (
        "dependants wait for nobody's health",
        rolling.health_comes_first,
        Line("ordering.waits", "if deed.destroys or not boots(deed.action):", "if True:"),
    ),
    (
        "dependants begin although nobody can become healthy",
        rolling.health_comes_first,
        Line("holding", "if not any(other.will_run for other in others):", "if False:"),
    ),
    (
        "nobody waits for who stands in",
        surging.somebody_stands_in,
        Line("ordering.rolling", "most = len(standing)", "most = 2 * len(standing)"),
    ),
    (
        "who stands in goes before the last one is healthy",
        surging.somebody_stands_in,
        Line("ordering.waits", "if not trusts and not (deed.destroys and deed.stands_in):", "if True:"),
    ),
    (
        "who stands in is taken for anything left over",
        surging.somebody_stands_in,
        Line("holding", "found := _nobody_to_stand_in(own)", "found := {}"),
    ),
    (
        "who stands in is left behind",
        laws.converge,
        Line("make", "deeds += retirements(replicas, seen)"),
    ),
    (
        "what was refused is tried again by whoever comes next",
        trying.never_tried_again,
        Line("refused", "if _is_refused(own, asked[group], seen)", "if False"),
    ),
    (
        "what is nowhere is made into what was refused",
        trying.never_tried_again,
        Line("refused", "(held if stays.is_held else said).append", "said.append"),
    ),
    (
        "whoever was changed stays in what was refused",
        trying.never_tried_again,
        Line("refused", "if was is not None and self.lost is None and goes_back(self.state):", "if False:"),
    ),
    (
        "a replica is given back what it was before it is written that this was refused",
        trying.never_tried_again,
        Line("ordering.steps", "needs = (*records.needed_by(deed), *needs)"),
    ),
    (
        "what a machine was is forgotten when it is changed",
        trying.kept_until_healthy,
        Line(
            "simulate", "former = before.former if live else kept(before.record, instance)", "former = None"
        ),
    ),
    (
        "a new form is taken for good before all are healthy",
        trying.kept_until_healthy,
        Line(
            "ordering.waits",
            "trusts = isinstance(deed.action, Accept) and deed.action.trusts and own[0].rolls_back",
            "trusts = False",
        ),
    ),
    (
        "a machine does not wait for its network",
        network_laws.wired,
        Line("ordering.steps", "needs = (*networks.needed_by(deed.action), *needs)"),
    ),
    (
        "a network goes before its last machine",
        network_laws.wired,
        Line(
            "ordering.steps",
            "return (*steps.values(), *networks.last)",
            "return (*networks.last, *steps.values())",
        ),
    ),
    (
        "an address that was applied is not looked at",
        network_laws.one_address,
        Line("addresses", "self.taken = {*self.claims, *self.holders}", "self.taken = {*self.claims}"),
    ),
    (
        "a written address is taken from whoever has it",
        network_laws.one_address,
        Line("addresses", "if holder is None or holder.uuid == instance.uuid:", "if True:"),
    ),
    (
        "nobody asks who is silent before an address is given",
        network_laws.one_address,
        Line("addresses", "        if self.silent:\n", "        if False:\n"),
    ),
    (
        "a host takes the address of a machine",
        network_laws.one_address,
        Line(
            "ordering.networks",
            "taken = set(_machines_addresses(self.segment, self.machines))",
            "taken: set[str] = set()",
        ),
    ),
    (
        "a network is taken away while a host is silent",
        network_laws.remembered,
        Line("ordering.networks", "drops = () if observed.unknown else _drops", "drops = _drops"),
    ),
    (
        "who is silent is forgotten",
        network_laws.remembered,
        Line("ordering.networks", " | self.remembered()"),
    ),
    (
        "a link of somebody else's is no reason",
        network_laws.remembered,
        Line("wires", "if link.name in (bridge, vxlan_of(vni)):", "if False:"),
    ),
    (
        "the members of a network are told of whoever leaves",
        network_laws.joined,
        Line(
            "ordering.networks",
            "final = soon if leaves else wiring.put(host, ends[host], joined)",
            "final = soon",
        ),
    ),
    (
        "a host that has left is remembered for ever",
        network_laws.joined,
        Line("ordering.networks", "if now != final.wanted and not leaves:", "if False:"),
    ),
    (
        "who is silent is no longer told of",
        telling_laws.reticent,
        Line("service_view", "each.name in self.unheard", "False"),
    ),
    (
        "who must be told what is not known is restarted",
        telling_laws.reticent,
        Line("guests", "held.extend(_held(done, states, service, observed))"),
    ),
    (
        "guests are told before what is new is there",
        telling_laws.patient,
        Line("ordering.precedence", "self.telling.get(deed.group.service, ()) if deed.tells else ()", "()"),
    ),
    (
        "a replica that cannot be made keeps the others from being told",
        telling_laws.patient,
        Line(
            "ordering.precedence",
            "if deed.moves or deed.tells or deed.records:\n            return ()",
            "if deed.moves or deed.records:\n            return ()\n"
            "        if deed.tells:\n            return self.telling.get(deed.group.service, ())",
        ),
    ),
    (
        "dependants wait for those who are told",
        telling_laws.patient,
        Line("ordering.precedence", "deed.tells or deed.records or deed.stands_in", "deed.stands_in"),
    ),
    (
        "who is shut down is waited for",
        standing.let_down,
        Line("replicas", "if isinstance(verdict.action, Stop):", "if False:"),
    ),
)
