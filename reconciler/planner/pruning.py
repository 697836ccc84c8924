"""Which base images can go: those that nothing needs on their host, nor on any that shares its pool. And what
controllers have left that were killed.
"""

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
    """A step for every file of a base image without a user, and for what killed controllers have left."""
    basis = Basis(digest_of(desired), observed.digest())
    if observed.unknown:
        # Pools are told apart under the locks of their hosts. Where one is not ours somebody may be at it,
        # with a file that others see as well: whether two hosts share a pool is what it is to show.
        holdings = {host: tuple(each for each in held if not each.probe) for host, held in holdings.items()}
    steps = (
        step
        for host in sorted(holdings)
        for step in _steps(host, _kept_apart(host, holdings, desired), desired)
    )
    return Plan(basis, tuple(steps), unknown=observed.unknown)


def title_of(sha256: Sha256, desired: Desired) -> str | None:
    """Name of the first image that the file is part of, or None where none is declared."""
    return next((image.use.name for image in desired.images if sha256 in image.use.digests), None)


def _kept_apart(host: HostName, holdings: Holdings, desired: Desired) -> Iterable[StoredImage]:
    """What may go from a host for all that the hosts say that share its pool; one of them removes it."""
    sharing = desired.fleet.sharing(host)
    if not holdings.keys() >= sharing:
        return  # whoever does not answer may be using any of it
    used = {image.sha256 for other in sharing for image in holdings[other] if image.users}
    earlier = {_which(image) for other in sharing if other < host for image in holdings[other]}
    for image in holdings[host]:
        if _which(image) not in earlier and not (image.whole and image.sha256 in used):
            yield image


def _steps(host: HostName, images: Iterable[StoredImage], desired: Desired) -> Iterable[Step]:
    for image in sorted(images, key=_which):
        if image.users and image.whole:
            continue
        if image.probe:
            identifier = StepId(f"drop-probe/{image.probe}@{host}")
            drop = DropImage(host, image.sha256, image.probe, whole=False)
            yield Step(identifier, drop, (Cause(_TOLD_APART),))
            continue
        name = title_of(image.sha256, desired) or image.sha256[:_SHOWN]
        what, why = ("image", _UNUSED) if image.whole else ("part", _CUT_SHORT)
        identifier = StepId(f"drop-{what}/{image.sha256[:_SHOWN]}@{host}")
        yield Step(identifier, DropImage(host, image.sha256, name, image.whole), (Cause(why),))


def _which(image: StoredImage) -> tuple[Sha256, bool, str]:
    return image.sha256, image.whole, image.probe


_UNUSED = "no machine and no volume on the host needs it"
_CUT_SHORT = "left of an upload that was cut short"
_TOLD_APART = "left by a controller that was killed while it told two pools apart"
