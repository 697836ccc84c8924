"""Plans one can sign: written to a file, and carried out later only if nothing has changed.

The file is a promise, not a program: what will be done is planned anew from the files and the fleet,
and must come out the same, step by step. A file that was tampered with can only be refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from reconciler.engine.rounds import Round
from reconciler.errors import Fault, InvalidInput, Position, StalePlan
from reconciler.specs.desired import Sha256

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class SignedPlan:
    """What a plan depended on. ``directory`` and ``fleet`` are where its files were (absolute paths;
    ``fleet`` None where the directory's own was used), ``steps`` what was shown, for people.
    """

    format_version: int
    version: str
    directory: str
    fleet: str | None
    allow_deletes: int | None
    desired: Sha256
    observed: Sha256
    plan: Sha256
    steps: tuple[str, ...]


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[SignedPlan]:
    return TypeAdapter(SignedPlan)


def write(signed: SignedPlan, path: Path) -> None:
    """Write the file whole or not at all. Raises OSError."""
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_bytes(_adapter().dump_json(signed, indent=2) + b"\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> SignedPlan:
    """Read what ``write`` wrote. Raises InvalidInput."""
    try:
        signed = _adapter().validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a plan written by plan --out"
        raise InvalidInput([Fault(Position(str(path), 1, 1), f"cannot be read: {why}")]) from error
    if signed.format_version != FORMAT_VERSION:
        message = f"format_version {signed.format_version} is not {FORMAT_VERSION}"
        raise InvalidInput([Fault(Position(str(path), 1, 1), message)])
    return signed


def refuse_if_stale(signed: SignedPlan, current: Round, *, version: str) -> None:
    """Raises StalePlan, naming everything that is not as it was when the plan was made."""
    basis = current.plan.basis
    changed = [
        what
        for what, was, now in (
            ("the tool's version", signed.version, version),
            ("the files", signed.desired, basis.desired),
            ("the fleet", signed.observed, basis.observed),
        )
        if was != now
    ]
    if not changed and signed.plan != current.plan.digest():
        changed = ["what would be done"]
    if changed:
        raise StalePlan(f"{' and '.join(changed)} changed since the plan was made: plan again")
