"""The mark of ownership in a domain's metadata: whose it is, which instance, what was last applied."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError

from reconciler.specs.desired import HostName, InstanceKey, InstanceUuid, Machine, Sha256
from reconciler.specs.fingerprint import machine_adapter
from reconciler.specs.formerly import Record
from reconciler.specs.identity import instance_uuid
from reconciler.state import Journey

NAMESPACE = "urn:reconciler:instance:1"
PREFIX = "reconciler"
TAG = f"{{{NAMESPACE}}}instance"
_COMPLETE = {"yes": True, "no": False}
_STAGES = ("cold", "handed_over")
_ORDINAL = re.compile(r"[0-9]{1,9}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORMER = "former"
_FORMER_TAG = f"{{{NAMESPACE}}}{_FORMER}"

ET.register_namespace(PREFIX, NAMESPACE)


@dataclass(frozen=True, slots=True)
class Mark:
    """What we write into a domain. ``complete`` is False while its disks are made or taken apart.

    ``journey`` is there from before a migration until nothing is left of the machine where it is not;
    ``home`` as long as it is away from the host that it is to return to; ``former`` as long as it may be
    given back what it was, and ``refused`` as long as the files ask for what was not healthy.
    """

    fleet: str
    key: InstanceKey
    applied: Machine
    complete: bool
    journey: Journey | None = None
    home: HostName | None = None
    former: Machine | None = None
    refused: Sha256 | None = None

    @property
    def record(self) -> Record:
        """What is remembered of the machine."""
        return Record(self.applied, self.complete, self.former)

    @property
    def uuid(self) -> InstanceUuid:
        """The only UUID that this mark is genuine on."""
        return _uuid(self.fleet, self.key)

    def element(self, tag: str = TAG) -> ET.Element:
        """The mark as XML; libvirt's setMetadata wants ``tag`` without a namespace."""
        attributes = {
            "fleet": self.fleet,
            "service": self.key.service,
            "component": self.key.component,
            "ordinal": str(self.key.ordinal),
            "complete": "yes" if self.complete else "no",
        }
        if self.journey is not None:
            attributes |= {
                "from": self.journey.source,
                "to": self.journey.destination,
                "copies": "yes" if self.journey.copies else "no",
            }
            # Only where it is so: a live one reads as it always did.
            attributes |= {name: "yes" for name in _STAGES if getattr(self.journey, name)}
        if self.home is not None:
            attributes["home"] = self.home
        if self.refused is not None:
            attributes["refused"] = self.refused
        element = ET.Element(tag, attributes)
        element.text = machine_adapter().dump_json(self.applied).decode()
        if self.former is not None:
            former = ET.SubElement(element, _FORMER_TAG if tag == TAG else _FORMER)
            former.text = machine_adapter().dump_json(self.former).decode()
        return element


def read_mark(element: ET.Element | None, *, fleet: str, uuid: str) -> Mark | None:
    """The mark of this fleet on the domain of that UUID; None where it is another's, or not genuine.

    A domain copied with its metadata (virt-clone) has another UUID: it is not ours.
    """
    if element is None or element.get("fleet") != fleet:
        return None
    service, component = element.get("service", ""), element.get("component", "")
    ordinal = element.get("ordinal", "")
    complete = _COMPLETE.get(element.get("complete", ""))
    names_are_ours = _NAME.fullmatch(service) and _NAME.fullmatch(component)
    if not names_are_ours or _ORDINAL.fullmatch(ordinal) is None or complete is None:
        return None
    key = InstanceKey(service, component, int(ordinal))
    applied = _machine(element.text or "")
    if applied is None or _uuid(fleet, key) != uuid:
        return None
    try:
        return Mark(
            fleet,
            key,
            applied,
            complete,
            journey=_journey(element),
            home=_home(element),
            former=_former(element),
            refused=_refused(element),
        )
    except ValueError:
        return None


def _journey(element: ET.Element) -> Journey | None:
    """The journey of a mark. Raises ValueError for one that we did not write."""
    words = [element.get(name) for name in ("from", "to", "copies")]
    if words == [None, None, None]:
        return None
    source, destination, copies = (word or "" for word in words)
    if not (_NAME.fullmatch(source) and _NAME.fullmatch(destination)) or copies not in _COMPLETE:
        raise ValueError("no journey of ours")
    cold, handed_over = (element.get(name) for name in _STAGES)
    if not {cold, handed_over} <= {None, "yes"}:
        raise ValueError("no journey of ours")
    ends = HostName(source), HostName(destination)
    return Journey(*ends, _COMPLETE[copies], cold is not None, handed_over is not None)


def _home(element: ET.Element) -> HostName | None:
    """The home of a mark. Raises ValueError for one that we did not write."""
    home = element.get("home")
    if home is not None and not _NAME.fullmatch(home):
        raise ValueError("no home of ours")
    return None if home is None else HostName(home)


def _former(element: ET.Element) -> Machine | None:
    """The former form in a mark. Raises ValueError for one that we did not write."""
    # Not every libvirt gives the namespace of the outermost element to those within.
    found = element.find(_FORMER_TAG)
    found = element.find(_FORMER) if found is None else found
    if found is None:
        return None
    if (machine := _machine(found.text or "")) is None:
        raise ValueError("no former form of ours")
    return machine


def _refused(element: ET.Element) -> Sha256 | None:
    """The refused form of a mark. Raises ValueError for one that we did not write."""
    digest = element.get("refused")
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise ValueError("no digest of ours")
    return None if digest is None else Sha256(digest)


# Every look asks again for the same ones.
_uuid = lru_cache(maxsize=65536)(instance_uuid)


# The replicas of a component are one text, and in a long run so is every look.
@lru_cache(maxsize=4096)
def _machine(text: str) -> Machine | None:
    try:
        return machine_adapter().validate_json(text)
    except ValidationError:
        return None
