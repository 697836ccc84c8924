"""Which base images can go: those that nothing on their host needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.actions import DropImage
from reconciler.plan import Basis, Cause, Plan, Step, StepId
from reconciler.specs.desired import Desired, HostName, Sha256
from reconciler.specs.fingerprint import digest_of
from reconciler.state import Observed, StoredImage

Holdings = Mapping[HostName, tuple[StoredImage, ...]]
"""What each host that answered has."""

_SHOWN = 12


def prune_plan(desired: Desired, observed: Observed, holdings: Holdings) -> Plan:
    """A step for every file of a base image without a user, and for what is left of uploads cut short."""
    basis = Basis(digest_of(desired), observed.digest())
    steps = (step for host in sorted(holdings) for step in _steps(host, holdings[host], desired))
    return Plan(basis, tuple(steps), unknown=observed.unknown)


def title_of(sha256: Sha256, desired: Desired) -> str | None:
    """Name of the first image that the file is part of, or None where none is declared."""
    return next((image.use.name for image in desired.images if sha256 in image.use.digests), None)


def _steps(host: HostName, images: Iterable[StoredImage], desired: Desired) -> Iterable[Step]:
    for image in sorted(images, key=lambda each: (each.sha256, each.whole)):
        if image.users and image.whole:
            continue
        name = title_of(image.sha256, desired) or image.sha256[:_SHOWN]
        what, why = ("image", _UNUSED) if image.whole else ("part", _CUT_SHORT)
        identifier = StepId(f"drop-{what}/{image.sha256[:_SHOWN]}@{host}")
        yield Step(identifier, DropImage(host, image.sha256, name, image.whole), (Cause(why),))


_UNUSED = "no machine and no volume on the host needs it"
_CUT_SHORT = "left of an upload that was cut short"
