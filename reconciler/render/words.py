"""The words every output uses for actions and reasons."""

from __future__ import annotations

import unicodedata
from pathlib import PurePath

from reconciler.actions import Accept, Action, Await, GiveUp, Impact, Update, action_key
from reconciler.plan import Cause, Change, Deadlock, Forecast, Origin, Plan, Reason
from reconciler.planner.amounts import mib


def summary_line(plan: Plan) -> str:
    """``Plan: 2 create, 1 migrate, …``: always the same seven counts, for people and for grep."""
    count = plan.summary
    return (
        f"Plan: {count['create']} create, {count['migrate']} migrate, "
        f"{count['update_live']} update live, {count['update_restart']} update with restart, "
        f"{count['replace']} replace, {count['destroy']} destroy, {count['blocked']} blocked"
    )


def also_line(plan: Plan) -> str:
    """The counts that the summary line has no place for; empty where they are all zero."""
    count = plan.summary
    extra = [f"{count[key]} {key}" for key in ("start", "stop", "network", "image") if count[key]]
    return f"also: {', '.join(extra)}" if extra else ""


def scheduler_line(plan: Plan) -> str:
    """Who chose the hosts; empty where it was the built-in scheduler."""
    return f"hosts chosen by {plan.scheduler}" if plan.scheduler else ""


def forecast_text(forecast: Forecast) -> str:
    """What a migration is thought to take: ``2 GiB in about 22 s, in wave 1``."""
    return f"{mib(forecast.mib)} in about {_duration(forecast.seconds)}, in wave {forecast.wave}"


def forecast_line(plan: Plan) -> str:
    """The same of all of a plan together; empty where nothing migrates."""
    all_of_it = plan.forecast
    if all_of_it is None:
        return ""
    waves = "1 wave" if all_of_it.wave == 1 else f"{all_of_it.wave} waves"
    return f"predicted: {mib(all_of_it.mib)} to migrate in about {_duration(all_of_it.seconds)}, in {waves}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def printable(text: str) -> str:
    """The text with every control and direction-changing character but the newline made visible."""
    return "".join(
        char if char == "\n" or unicodedata.category(char)[0] != "C" else f"\\u{ord(char):04x}"
        for char in text
    )


def verb(action: Action) -> str:
    """What an action does, in a word or three."""
    match action:
        case Update(impact=impact):
            return "update live" if impact is Impact.LIVE else "update with restart"
        case Await(steady=steady):
            return f"wait {steady} s for the health of" if steady else "wait for the health of"
        case GiveUp():
            return "give up the form of"
        case Accept():
            return "accept the form of"
        case _:
            return action_key(action).replace("drop_", "remove ")


def reason_text(reason: Reason) -> str:
    """One reason in a line, with the line of the files that caused it: ``cpus: 2 -> 4 (shop.yaml:14)``."""
    words = _reason(reason)
    # Some say themselves where they are written.
    said = not reason.source or PurePath(reason.source).name in words
    return words if said else f"{words} ({reason.source})"


def _reason(reason: Reason) -> str:
    match reason:
        case Change(field=field, was=was, now=now, origin=Origin.CHANGE):
            return f"{field}: {was} -> {now}"
        case Change(field=field, was=was, now=now, origin=Origin.DRIFT):
            return f"{field}: {was} -> {now} (drifted)"
        case Cause(message=message):
            return message
        case _:
            raise AssertionError(reason)


def deadlock_lines(deadlock: Deadlock | None) -> tuple[str, ...]:
    """Why no host will do, in a few lines; none where that is not known."""
    if deadlock is None:
        return ()
    counts = ", ".join(f"{count.rule}: {count.hosts}" for count in deadlock.counts)
    conflict = " and ".join(deadlock.conflict)
    alone = "leaves no host" if len(deadlock.conflict) == 1 else "leave no host between them"
    return (f"hosts refused by {counts}", f"{conflict} {alone}", *deadlock.nearest)
