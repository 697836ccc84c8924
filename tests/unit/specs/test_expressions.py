"""What ``require`` and ``rank`` may ask of a host."""

from __future__ import annotations

import pytest

from reconciler.specs.desired import Connect, Host, HostName, Resources, Scheme
from reconciler.specs.expression_checks import Problem, check_condition, check_rank
from reconciler.specs.expressions import Amounts, HostFacts, MissingLabel, Unanswered, evaluate, facts_of

FACTS = HostFacts(
    "hv1",
    labels=(("disk", "ssd"), ("slot", "4")),
    capacity=Amounts(16, 64, 1024),
    free=Amounts(8.0, 32.0, 512.0),
    load=1,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('host.labels.disk == "ssd"', True),
        ('host.labels["disk"] == "hdd"', False),
        ('"gpu" in host.labels', False),
        ("has(host.labels.gpu)", False),
        ('host.labels.disk == "ssd" || host.labels.gpu == "yes"', True),
        ('host.name == "hv1" && host.cluster == "default"', True),
        ('host.hypervisor == "kvm" && host.arch == "x86_64"', True),
        ("host.free.memory_gib >= 32.0 && host.free.disk_gib > 100.0 && host.free.cpus > 4.0", True),
        ("host.capacity.memory_gib - host.free.memory_gib", 32.0),
        ("host.free.memory_gib - 4.0 * host.load", 28.0),
        ("int(host.labels.slot) > 3", True),
        ("7", 7.0),
    ],
)
def test_host_answers(text: str, answer: bool | float) -> None:
    assert evaluate(text, FACTS) == answer
    assert type(evaluate(text, FACTS)) is type(answer)


def test_missing_label_is_an_answer_that_names_it() -> None:
    assert evaluate('host.labels.gpu == "yes"', FACTS) == MissingLabel("gpu")


def test_field_that_no_host_has_is_no_missing_label() -> None:
    assert evaluate('host.labels.disk == "ssd" && host.bogus', FACTS) == Unanswered(
        "a host has no field 'bogus' there"
    )


@pytest.mark.parametrize(
    "text", ["1 / 0", "host.load / 2 > 1.0", "host.name", "host.labels", "0.0 / 0.0", "host."]
)
def test_expression_without_an_answer_says_why(text: str) -> None:
    answer = evaluate(text, FACTS)
    assert isinstance(answer, Unanswered)
    assert answer.reason


def test_facts_are_doubles_in_gib() -> None:
    host = Host(HostName("hv1"), Connect(Scheme.SIM, "sim://"), cluster="prod", labels=(("rack", "r1"),))
    facts = facts_of(host, "aarch64", Resources(8, 16384, 1 << 20), Resources(4, 512, 1024), 0.5)
    assert evaluate("host.free.memory_gib", facts) == 0.5
    assert evaluate("host.capacity.disk_gib", facts) == 1024.0
    assert evaluate('host.arch + host.labels.rack + host.cluster == "aarch64r1prod"', facts) is True


@pytest.mark.parametrize(
    "text",
    [
        'host.labels.no_host_has_this == "x"',
        'host.labels["a-b"].startsWith("x")',
        'host.labels.a == "x" && host.labels.b == "y" || !(host.labels.c in ["p", "q"])',
        "int(host.labels.slot) > 3",
        '"host.bogus" != host.name',
        "host.labels.exists(label, label.startsWith('x'))",
        "size(host.labels) > 1",
        "true",
        " || ".join(["host.load > 1.0"] * 50),
    ],
)
def test_sound_condition_has_no_problem(text: str) -> None:
    assert check_condition(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("host.bogus", Problem("a host has no field 'bogus'", "a label is written host.labels.bogus", 5)),
        ("host.lables.a", Problem("a host has no field 'lables'", "did you mean 'labels'?", 5)),
        (
            "has(host.bogus)",
            Problem("a host has no field 'bogus'", "a label is written host.labels.bogus", 9),
        ),
        ("true && rack", Problem("unknown name 'rack'", "an expression sees only 'host'", 8)),
        ("host.load <", Problem("not CEL: the expression ends too soon", "", 10)),
        ("true\n&& )", Problem("not CEL: unexpected ')'", "", 8)),
        (
            "host.load * 2 > 1.0",
            Problem("whole numbers and doubles do not mix in CEL", "facts are doubles: write 2.0", 12),
        ),
        ('host.labels.a == "x" && host["bogus"]', Problem("a host has no field 'bogus' there")),
        ("host.load", Problem("the expression should give true or false, it gives a number")),
        ("1 / 0 == 1", Problem("the expression has no answer: division by zero in CEL expression")),
        (
            "[1].map(a, [1].map(b, [1].map(c, a))) == []",
            Problem("an expression goes through lists at most 2 times"),
        ),
        (" ", Problem("expected a CEL expression, got nothing")),
    ],
)
def test_problem_of_a_condition_is_found_before_any_host_is_asked(text: str, problem: Problem) -> None:
    assert check_condition(text) == problem


def test_branch_that_a_label_leads_into_is_tried() -> None:
    assert check_condition('host.labels.a == "x" ? host["b"] == "y" : true') == Problem(
        "a host has no field 'b' there"
    )


def test_rank_is_a_number() -> None:
    assert check_rank("host.free.memory_gib - 4.0 * host.load") is None
    assert check_rank('host.labels.disk == "ssd" ? 10 : 0') is None
    assert check_rank("host.load < 1.0") == Problem(
        "the expression should give a number, it gives true or false"
    )
