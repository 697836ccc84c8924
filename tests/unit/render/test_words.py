"""What people and machines read: nothing a host says can reach a terminal or a table as more than text."""

from __future__ import annotations

import io
import json

from reconciler.actions import Destroy, Impact, Update
from reconciler.errors import Fault, Position
from reconciler.plan import Basis, Blocked, BlockKind, Cause, Change, Origin, Plan, Refusal, Step, StepId
from reconciler.render.faults import fault_text
from reconciler.render.human import console_on, plan_view, report_view
from reconciler.render.json import Json, dumps, plan_json, report_json
from reconciler.render.markdown import plan_markdown, report_markdown
from reconciler.render.words import also_line, printable, summary_line
from reconciler.report import Abandoned, Done, Failed, Outcome, Report, Skipped, StepReport, Unresolved
from reconciler.specs.desired import HostName, InstanceName
from reconciler.state import HostUnknown
from tests.builders import instance, running, sha

_HOSTILE = "\x1b[2J|<script>\u202egnp"


def plan() -> Plan:
    want = instance("shop-db-0")
    state = running(want, on="hv1")
    steps = (
        Step(
            StepId("update/shop-db-0"),
            Update(HostName("hv1"), state, want, Impact.RESTART),
            (
                Change("cpus", "1", "2", source="shop.yaml:14"),
                Change("memory_mib", "1 GiB", "2 GiB", Origin.DRIFT),
            ),
        ),
        Step(
            StepId("destroy/shop-db-0"),
            Destroy(HostName("hv1"), state),
            (Cause("no longer declared"),),
            (StepId("update/shop-db-0"),),
        ),
    )
    blocked = (Blocked(InstanceName("shop-web-0"), BlockKind.NO_PLACE, (Refusal("hv1", _HOSTILE),)),)
    silent = (HostUnknown(HostName("hv2"), _HOSTILE),)
    return Plan(Basis(sha("d"), sha("o")), steps, blocked, silent)


def report() -> Report:
    made = plan()
    outcomes: tuple[Outcome, ...] = (Failed(_HOSTILE), Skipped(StepId("update/shop-db-0")))
    return Report(
        made, tuple(StepReport(step, out, 1.25) for step, out in zip(made.steps, outcomes, strict=True))
    )


def human(view: object) -> str:
    stream = io.StringIO()
    console_on(stream).print(view)
    return stream.getvalue()


def test_the_summary_line_has_seven_counts_whatever_they_are() -> None:
    assert summary_line(plan()) == (
        "Plan: 0 create, 0 migrate, 0 update live, 1 update with restart, 0 replace, 1 destroy, 1 blocked"
    )
    assert also_line(plan()) == ""


def test_human_plans_show_steps_reasons_blocked_and_silent_hosts() -> None:
    assert human(plan_view(plan())).splitlines() == [
        "  ~ update with restart shop-db-0 on hv1",
        "        cpus: 1 -> 2 (shop.yaml:14)",
        "        memory_mib: 1 GiB -> 2 GiB (drifted)",
        "  - destroy shop-db-0 on hv1",
        "        no longer declared",
        "  ! blocked shop-web-0 (no-place)",
        "        hv1: \\u001b[2J|<script>\\u202egnp",
        "  ? hv2 did not answer: \\u001b[2J|<script>\\u202egnp",
        summary_line(plan()),
    ]


def test_human_reports_name_what_was_not_done_and_why() -> None:
    lines = human(report_view(report())).splitlines()
    assert lines[0] == "  failed: update with restart shop-db-0 on hv1: \\u001b[2J|<script>\\u202egnp"
    assert lines[1] == "  skipped: destroy shop-db-0 on hv1: needs update/shop-db-0, which was not done"
    assert lines[-1] == "Applied: 0 of 2 steps done"


def test_no_output_carries_a_control_character() -> None:
    outputs = [
        human(plan_view(plan())),
        human(report_view(report())),
        plan_markdown(plan()),
        report_markdown(report()),
    ]
    for output in outputs:
        assert printable(output) == output
        assert "\\u001b" in output


def test_a_table_cell_cannot_end_its_column() -> None:
    cells = [line for line in plan_markdown(plan()).splitlines() if "shop-web-0" in line]
    assert cells == ["| shop-web-0 | no-place | hv1: \\\\u001b[2J\\|&lt;script>\\\\u202egnp |"]


def test_json_plans_are_the_contract() -> None:
    document = json.loads(dumps(plan_json(plan())))
    assert document["steps"][0] == {
        "id": "update/shop-db-0",
        "action": "update_restart",
        "instance": "shop-db-0",
        "host": "hv1",
        "from_host": None,
        "because": [
            {"field": "cpus", "was": "1", "now": "2", "origin": "change", "source": "shop.yaml:14"},
            {"field": "memory_mib", "was": "1 GiB", "now": "2 GiB", "origin": "drift", "source": None},
        ],
        "needs": [],
        "follows": [],
        "predicted": None,
    }
    assert document["blocked"] == [
        {"instance": "shop-web-0", "kind": "no-place", "refusals": {"hv1": _HOSTILE}}
    ]
    assert document["unknown_hosts"] == [{"host": "hv2", "reason": _HOSTILE}]


def test_json_is_laid_out_as_everybody_lays_it_out() -> None:
    values: tuple[Json, ...] = (
        None,
        True,
        0,
        -1.5,
        1e300,
        "",
        'a "b" \\ \n\t\x01',
        "übrig 💥",
        [],
        {},
        (),
        [[]],
        [{}],
        {"": {}},
    )
    document: Json = {"all": list(values), "some": {f"{number}": each for number, each in enumerate(values)}}
    assert dumps(document) == json.dumps(document, indent=2, ensure_ascii=False)


def test_json_reports_say_what_became_of_each_step() -> None:
    made = plan()
    outcomes = (Done(), Unresolved("cut"), Abandoned(begun=True), Abandoned(begun=False))
    steps = tuple(StepReport(made.steps[0], outcome, 0.5) for outcome in outcomes)
    document = json.loads(dumps(report_json(Report(made, steps, interrupted=True))))
    assert document["interrupted"] is True
    assert [step["outcome"] for step in document["steps"]] == ["done", "unknown", "interrupted", "not-begun"]


def test_a_fault_points_at_its_column() -> None:
    fault = Fault(
        Position("shop.yaml", 5, 5),
        "unknown field 'replcas'",
        "components.web.replcas",
        excerpt="    replcas: 3",
        width=7,
        hint="did you mean 'replicas'?",
    )
    assert fault_text(fault).splitlines() == [
        "shop.yaml:5:5: error: unknown field 'replcas'  [components.web.replcas]",
        "    5 |     replcas: 3",
        "      |     ^^^^^^^  did you mean 'replicas'?",
    ]
