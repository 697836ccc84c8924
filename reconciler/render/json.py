"""Plans, reports and status as JSON: a contract, with a ``format_version``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

from reconciler.actions import (
    CordonAction,
    ImageAction,
    NetworkAction,
    PutImage,
    action_key,
    peer_of,
    subject,
)
from reconciler.plan import Blocked, Change, Deadlock, Forecast, Plan, Reason, Refusal, Step

if TYPE_CHECKING:
    from reconciler.engine.status import Status
    from reconciler.planner import Explanation
    from reconciler.report import Report
    from reconciler.state import HostUnknown
    from reconciler.store.port import Entry, Run

FORMAT_VERSION = 1

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None


def dumps(value: Json) -> str:
    """One document, keys in the order they were put."""
    return unseen_escaped(_indented(value, "\n"))


def _indented(value: Json, margin: str) -> str:
    """As ``json.dumps`` writes it with ``indent=2``, which takes it more than twice as long."""
    if type(value) is str:
        return encode_basestring(value)
    if value is None:
        return "null"
    inner = f"{margin}  "
    if isinstance(value, dict):
        rows = [f"{encode_basestring(name)}: {_indented(each, inner)}" for name, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(rows)}{margin}}}" if rows else "{}"
    if isinstance(value, list | tuple):
        rows = [_indented(each, inner) for each in value]
        return f"[{inner}{f',{inner}'.join(rows)}{margin}]" if rows else "[]"
    return json.dumps(value, ensure_ascii=False)


def unseen_escaped(document: str) -> str:
    """The same JSON, what a terminal obeys or does not show written as escapes."""
    # json escapes those below U+0020; outside of texts there are none of these.
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], document)


_UNSEEN = re.compile(
    "[\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


def plan_json(plan: Plan) -> Json:
    """A plan: summary, basis, steps, blocked, the hosts that did not answer, and hints."""
    return {
        "format_version": FORMAT_VERSION,
        "summary": dict(plan.summary),
        "basis": {"desired": plan.basis.desired, "observed": plan.basis.observed},
        "predicted": _forecast(plan.forecast),
        "scheduler": plan.scheduler or None,
        "steps": [_step(step) for step in plan.steps],
        "blocked": [_blocked(entry) for entry in plan.blocked],
        "unknown_hosts": _unknown(plan.unknown),
        "hints": list(plan.hints),
    }


def report_json(report: Report, back: Report | None = None) -> Json:
    """A plan and what became of each of its steps; the same of the plan that rolled it ``back``, or null."""
    return {**_report(report), "rolled_back": None if back is None else _report(back)}


def _report(report: Report) -> dict[str, Json]:
    # A plan has none.
    from reconciler.render.outcomes import outcome_detail, outcome_word

    outcomes: list[Json] = [
        {
            **_step(entry.step),
            "outcome": outcome_word(entry.outcome),
            "detail": outcome_detail(entry.outcome),
            "seconds": round(entry.seconds, 3),
        }
        for entry in report.steps
    ]
    return {
        "format_version": FORMAT_VERSION,
        "summary": dict(report.plan.summary),
        "basis": {"desired": report.plan.basis.desired, "observed": report.plan.basis.observed},
        "interrupted": report.interrupted,
        "steps": outcomes,
        "blocked": [_blocked(entry) for entry in report.plan.blocked],
        "unknown_hosts": _unknown(report.plan.unknown),
        "hints": list(report.plan.hints),
    }


def status_json(status: Status) -> Json:
    """Every instance, retained disk and silent host."""
    return {
        "format_version": FORMAT_VERSION,
        "instances": [
            {
                "instance": entry.name,
                "service": entry.service,
                "component": entry.component,
                "state": entry.state,
                "host": entry.host or None,
                "health": entry.health.value,
                "drift": entry.drift,
                "pending": action_key(entry.pending.action) if entry.pending else None,
                "notes": list(entry.notes),
            }
            for entry in status.instances
        ],
        "retained": [
            {
                "host": disk.host,
                "instance": disk.instance,
                "disk": disk.disk,
                "size_mib": disk.size_mib,
                "pool": disk.pool,
            }
            for disk in status.retained
        ],
        "unknown_hosts": _unknown(status.unknown),
    }


def explanation_json(explanation: Explanation) -> Json:
    """Where an instance is or will be, and each other host's refusal."""
    return {
        "format_version": FORMAT_VERSION,
        "instance": explanation.instance,
        "standing": explanation.standing.value,
        "host": explanation.host,
        "verdict": explanation.verdict,
        "because": [reason_json(reason) for reason in explanation.because],
        "kind": explanation.kind.value if explanation.kind else None,
        "held": refusals_json(explanation.held),
        "broken": refusals_json(explanation.broken),
        "others": refusals_json(explanation.others),
        "declared": explanation.declared or None,
        **_deadlock(explanation.deadlock),
    }


def history_json(runs: Sequence[tuple[Run, Sequence[Entry]]]) -> Json:
    """Runs, each with its steps; times in UTC, null where they are not known."""
    return {
        "format_version": FORMAT_VERSION,
        "runs": [
            {
                "run": run.id,
                "plan": run.plan,
                "verb": run.verb,
                "who": run.who,
                "version": run.version,
                "started": run.started.isoformat(),
                "ended": run.ended.isoformat() if run.ended else None,
                "steps": [_entry(entry) for entry in entries],
            }
            for run, entries in runs
        ],
    }


def _entry(entry: Entry) -> Json:
    return {
        "id": entry.step,
        "action": entry.action,
        "subject": entry.subject,
        "host": entry.host,
        "because": entry.because,
        "begun": entry.begun.isoformat(),
        "ended": entry.ended.isoformat() if entry.ended else None,
        "outcome": entry.outcome or None,
        "detail": entry.detail,
    }


def reason_json(reason: Reason) -> Json:
    """A change of a field, or a message."""
    if isinstance(reason, Change):
        return {
            "field": reason.field,
            "was": reason.was,
            "now": reason.now,
            "origin": reason.origin.value,
            "source": reason.source or None,
        }
    return {"message": reason.message, "source": reason.source or None}


def _step(step: Step) -> dict[str, Json]:
    is_object = isinstance(step.action, ImageAction | NetworkAction | CordonAction)
    about = "object" if is_object else "instance"
    return {
        "id": step.id,
        "action": action_key(step.action),
        about: subject(step.action),
        "host": step.host,
        "from_host": step.action.source if isinstance(step.action, PutImage) else peer_of(step.action),
        "because": [reason_json(reason) for reason in step.because],
        "needs": list(step.needs),
        "follows": list(step.follows),
        "predicted": _forecast(step.forecast),
    }


def _forecast(forecast: Forecast | None) -> Json:
    """Of migrations; null where there is none."""
    if forecast is None:
        return None
    return {
        "mib": forecast.mib,
        "seconds": forecast.seconds,
        "begins": forecast.begins,
        "wave": forecast.wave,
    }


def _blocked(entry: Blocked) -> Json:
    return {
        "instance": entry.instance,
        "kind": entry.kind.value,
        "refusals": refusals_json(entry.refusals),
        **_deadlock(entry.deadlock),
    }


def _deadlock(deadlock: Deadlock | None) -> dict[str, Json]:
    if deadlock is None:
        return {}
    return {
        "counts": {count.rule: count.hosts for count in deadlock.counts},
        "conflict": list(deadlock.conflict),
        "nearest": list(deadlock.nearest),
    }


def refusals_json(refusals: Sequence[Refusal]) -> Json:
    """Reasons by host."""
    return {refusal.host: refusal.reason for refusal in refusals}


def _unknown(unknown: Sequence[HostUnknown]) -> Json:
    return [{"host": silent.host, "reason": silent.reason} for silent in unknown]
