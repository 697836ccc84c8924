"""Plan what only says something about a host: a cordon that is hung up, or taken down."""

from __future__ import annotations

from reconciler.actions import DropCordon, PutCordon
from reconciler.errors import Fault, InvalidInput, Position
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.planner.named import host_named
from reconciler.specs.desired import Desired, HostName
from reconciler.specs.fingerprint import digest_of
from reconciler.state import Cordon, Observed

MOST_CHARACTERS = 200


def checked_reason(text: str) -> str:
    """A reason that can be hung up and shown. Raises InvalidInput."""
    if len(text) <= MOST_CHARACTERS and text.isprintable():
        return text
    message = f"a reason is one line of at most {MOST_CHARACTERS} printable characters"
    raise InvalidInput([Fault(Position("--reason", 1, 1), message)])


def cordon_step(host: HostName, cordon: Cordon) -> Step:
    """Hang it up."""
    return Step(StepId(f"cordon/{host}"), PutCordon(host, cordon), (Cause(cordon.reason or "asked for"),))


def plan_cordon(desired: Desired, observed: Observed, name: str, cordon: Cordon | None) -> Plan:
    """Hang a cordon on a host, or with None take it down; nothing where it says as much already.

    A host that is being drained is not less than cordoned. Raises InvalidInput for a host that nobody
    knows.
    """
    host = host_named(desired, name).name
    plan = Plan(Basis(digest_of(desired), observed.digest()), unknown=observed.unknown)
    state = observed.host(host)
    if state is None:
        return plan
    there = state.cordon
    if cordon is None:
        if there is None:
            return plan
        step = Step(StepId(f"uncordon/{host}"), DropCordon(host), (Cause(f"it is {there}"),))
    elif there is not None and (there.draining or cordon.reason in ("", there.reason)):
        return plan
    else:
        step = cordon_step(host, cordon)
    return Plan(plan.basis, (step,), unknown=plan.unknown)
