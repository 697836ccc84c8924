"""Print a result on stdout in the form that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.cli.options import Output

if TYPE_CHECKING:
    from reconciler.engine.status import Status
    from reconciler.engine.stock import HeldImage
    from reconciler.plan import Plan
    from reconciler.planner import Explanation
    from reconciler.planner.capacity import Capacity
    from reconciler.planner.hosts import HostReport
    from reconciler.planner.rebalancing import Gain
    from reconciler.planner.whatif import WhatIf
    from reconciler.report import Report
    from reconciler.specs.desired import Host
    from reconciler.state import HostState, HostUnknown
    from reconciler.store.port import Entry, Run


def show_plan(plan: Plan, output: Output) -> None:
    """A plan."""
    match output:
        case Output.JSON:
            from reconciler.render.json import dumps, plan_json

            _write(dumps(plan_json(plan)))
        case Output.MARKDOWN:
            from reconciler.render.markdown import plan_markdown

            _write(plan_markdown(plan))
        case Output.HUMAN:
            from reconciler.render.human import console_on, plan_view

            console_on(sys.stdout).print(plan_view(plan))


def show_report(report: Report, output: Output, back: Report | None = None, gain: Gain | None = None) -> None:
    """What became of a plan, and of the one that rolled ``back`` what was not healthy, if there was one; of
    a rebalance with what it was thought to gain.

    People have been told of the first already when there is a second.
    """
    match output:
        case Output.JSON:
            from reconciler.render.json import dumps, report_json

            document = report_json(report, back)
            if gain is not None:
                from reconciler.render.gain import with_gain

                document = with_gain(document, gain)
            _write(dumps(document))
        case Output.MARKDOWN:
            from reconciler.render.markdown import report_markdown

            _write(report_markdown(report))
            if back is not None:
                _write("\n" + report_markdown(back))
        case Output.HUMAN:
            from reconciler.render.human import console_on, report_view

            console_on(sys.stdout).print(report_view(back or report))


def show_status(status: Status, output: Output) -> None:
    """The fleet beside what it should be."""
    match output:
        case Output.JSON:
            from reconciler.render.json import dumps, status_json

            _write(dumps(status_json(status)))
        case Output.MARKDOWN:
            from reconciler.render.markdown import status_markdown

            _write(status_markdown(status))
        case Output.HUMAN:
            from reconciler.render.human import console_on, status_view

            console_on(sys.stdout).print(status_view(status))


def show_images(images: Sequence[HeldImage], unknown: Sequence[HostUnknown], output: Output) -> None:
    """The base images of the hosts."""
    from reconciler.render.images import images_json, images_markdown, images_text

    match output:
        case Output.JSON:
            from reconciler.render.json import dumps

            _write(dumps(images_json(images, unknown)))
        case Output.MARKDOWN:
            _write(images_markdown(images, unknown))
        case Output.HUMAN:
            _write(images_text(images, unknown))


def show_hosts(hosts: Sequence[HostReport], output: Output) -> None:
    """The physical boxes."""
    from reconciler.render.hosts import hosts_json, hosts_markdown, hosts_text

    match output:
        case Output.JSON:
            from reconciler.render.json import dumps

            _write(dumps(hosts_json(hosts)))
        case Output.MARKDOWN:
            _write(hosts_markdown(hosts))
        case Output.HUMAN:
            _write(hosts_text(hosts))


def show_whatif(answer: WhatIf, output: Output) -> None:
    """What a host's death would do."""
    from reconciler.render.whatif import whatif_json, whatif_text

    if output is Output.JSON:
        from reconciler.render.json import dumps

        _write(dumps(whatif_json(answer)))
    else:
        _write(whatif_text(answer))


def show_capacity(capacity: Capacity, output: Output) -> None:
    """How many more would fit."""
    from reconciler.render.capacity import capacity_json, capacity_text

    if output is Output.JSON:
        from reconciler.render.json import dumps

        _write(dumps(capacity_json(capacity)))
    else:
        _write(capacity_text(capacity))


def show_cordon(host: Host, state: HostState) -> None:
    """Whether a host is given anything new, in a line."""
    from reconciler.render.hosts import cordon_text

    _write(cordon_text(host, state))


def show_gain(gain: Gain) -> None:
    """What a rebalance is worth, after its plan."""
    from reconciler.render.gain import gain_text

    _write(gain_text(gain))


def show_rebalance(plan: Plan, gain: Gain, output: Output) -> None:
    """A rebalance that is only looked at."""
    if output is Output.JSON:
        from reconciler.render.gain import with_gain
        from reconciler.render.json import dumps, plan_json

        _write(dumps(with_gain(plan_json(plan), gain)))
    else:
        show_plan(plan, output)
        show_gain(gain)


def show_explanation(explanation: Explanation, output: Output) -> None:
    """Why an instance is where it is."""
    match output:
        case Output.JSON:
            from reconciler.render.json import dumps, explanation_json

            _write(dumps(explanation_json(explanation)))
        case Output.MARKDOWN | Output.HUMAN:
            # A few short lines, which read the same in a comment and on a terminal.
            from reconciler.render.explanation import explanation_text

            _write(explanation_text(explanation))


def show_history(runs: Sequence[tuple[Run, Sequence[Entry]]], output: Output) -> None:
    """Every run."""
    if output is Output.JSON:
        from reconciler.render.json import dumps, history_json

        _write(dumps(history_json(runs)))
    else:
        from reconciler.render.history import history_text

        _write(history_text(runs))


def show_run(run: Run, entries: Sequence[Entry], output: Output) -> None:
    """One run."""
    if output is Output.JSON:
        from reconciler.render.json import dumps, history_json

        _write(dumps(history_json([(run, entries)])))
    else:
        from reconciler.render.history import run_text

        _write(run_text(run, entries))


def _write(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")
