"""Where a change ended, told from the hosts' own side: how two ends differ, and what nobody owns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .hosts import Host
from .truth import OWN_LINK, Held, content, documents, held

FOREIGN_DOMAIN, FOREIGN_VOLUME = "somebody-elses", "somebody-elses.qcow2"
_IMAGE = re.compile(r"reconciler\.image\.([0-9a-f]{64})\.qcow2")
_LAB_NETWORK = "lab"


@dataclass(frozen=True, slots=True)
class Place:
    """What one host holds; ``told`` are the documents of each seed, by the file's name."""

    held: Held
    told: dict[str, Mapping[str, str]]
    foreign: str

    @property
    def files(self) -> dict[str, int]:
        """Sizes by name."""
        return {name: size for name, (size, _) in self.held.files.items()}

    def beside(self, other: Place) -> Iterator[str]:
        """What differs, in words."""
        for name in sorted(self.held.running.keys() ^ other.held.running.keys()):
            yield f"{name} {'runs' if name in self.held.running else 'does not run'}"
        yield from _differing("domain", "definition of", self.held.domains, other.held.domains)
        yield from _differing("seed", "what is told by", self.told, other.told)
        yield from _differing("link", "link", self.held.links, other.held.links)
        for name in sorted(self.held.networks ^ other.held.networks):
            yield f"libvirt network {name}"
        for name, size in sorted(self.files.items() ^ other.files.items()):
            yield f"file {name} of {size} bytes"
        if self.foreign != other.foreign:
            yield "somebody else's volume has changed"

    def orphans(self) -> Iterator[str]:
        """What nobody owns: neither a machine that is defined here, nor somebody else, nor the laboratory."""
        everything = "\n".join(self.held.domains.values())
        for name in sorted(self.files):
            owned = f"/{name}'" in everything or name == FOREIGN_VOLUME or _IMAGE.fullmatch(name)
            if not owned:
                yield f"orphan file {name}"
        visible = {name for name in self.files if not name.startswith(".")}
        for name in sorted(visible ^ self.held.volumes):
            yield f"{name} is {'no volume of the pool' if name in visible else 'a volume without a file'}"
        for name in sorted(filter(OWN_LINK.fullmatch, self.held.links)):
            if f"bridge='rc{name[2:]}'" not in everything:
                yield f"orphan link {name}"
        for name in sorted(self.held.networks - {_LAB_NETWORK}):
            yield f"orphan libvirt network {name}"
        for name in sorted(self.held.domains):
            if name != FOREIGN_DOMAIN and name not in self.held.running:
                yield f"orphan definition {name}"


@dataclass(frozen=True, slots=True)
class End:
    """What every host holds, by its name."""

    places: dict[str, Place]

    @classmethod
    def seen(cls, hosts: tuple[Host, ...]) -> End:
        """What they hold now."""
        return cls({host.name: _look(host) for host in hosts})

    @property
    def domains(self) -> dict[str, dict[str, str]]:
        """Definitions by host and name."""
        return {host: place.held.domains for host, place in self.places.items()}

    def beside(self, other: End) -> Iterator[str]:
        """What differs, in words."""
        for host, place in self.places.items():
            yield from (f"{host}: {each}" for each in place.beside(other.places[host]))

    def orphans(self) -> Iterator[str]:
        """What nobody owns, whatever another end has."""
        for host, place in self.places.items():
            yield from (f"{host}: {each}" for each in place.orphans())


def _look(host: Host) -> Place:
    found = held(host)
    seeds = [name for name in found.files if name.endswith(".seed.iso")]
    return Place(found, {name: documents(host, name) for name in seeds}, content(host, FOREIGN_VOLUME))


def _differing(
    kind: str, whole: str, ours: Mapping[str, object], theirs: Mapping[str, object]
) -> Iterator[str]:
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield f"{kind} {name} is {'too many' if name in ours else 'missing'}"
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            yield f"{whole} {name} differs"
