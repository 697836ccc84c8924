"""What an instance of BtrPlace says, as arrays.

It reads ``shareableResource`` views and the constraints ``preserve``, ``running``, ``ready``, ``online``,
``offline``, ``spread``, ``among``, ``fence`` and ``ban``; another constraint is refused by name.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from reconciler.planner.placement.problem import NOWHERE, Flags, Integers

_VMS = ("running", "ready")
_KNOWN = ("preserve", *_VMS, "online", "offline", "spread", "among", "fence", "ban")


class NotUnderstood(Exception):
    """An instance says something that this adapter does not know."""


@dataclass(slots=True, eq=False)
class Instance:
    """Nodes and VMs by their place in ``nodes`` and ``vms``, which hold their identifiers.

    ``now`` and ``then`` (N, R) are what each VM takes and is to have. Sets of places are arrays.
    """

    nodes: Integers
    vms: Integers
    resources: tuple[str, ...]
    room: Integers
    home: Integers
    now: Integers
    then: Integers
    usable: Flags
    """(H,): nodes that are on and may stay so."""
    wanted: Flags
    """(N,): VMs that are to run."""
    spreads: list[Integers] = field(default_factory=list)
    amongs: list[tuple[Integers, list[Integers]]] = field(default_factory=list)
    fences: list[tuple[Integers, Integers]] = field(default_factory=list)
    bans: list[tuple[Integers, Integers]] = field(default_factory=list)


def read(path: str) -> Instance:
    """Read one, gzipped or not."""
    with open(path, "rb") as file:  # noqa: PTH123  pathlib takes a while to be imported
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = zlib.decompress(content, wbits=31)
    try:
        document = json.loads(_without_attributes(content))
    except ValueError:
        document = json.loads(content)
    return _instance(document["model"], document.get("constraints", ()))


def _without_attributes(content: bytes) -> bytes:
    """More than half of an instance is attributes that have no part in the question: they are not parsed."""
    begin = content.find(b'"attributes":{')
    end = content.find(b"}}}", begin) + 3
    said = content[begin:end]
    is_whole = said.count(b"{") == said.count(b"}") and b'"views"' not in said and b'"mapping"' not in said
    if begin < 0 or end < 3 or not is_whole or b'"constraints"' in said:
        return content
    return content[:begin] + b'"attributes":{}' + content[end:]


def _instance(model: dict[str, Any], constraints: list[dict[str, Any]]) -> Instance:
    mapping = model["mapping"]
    on = mapping["onlineNodes"]
    online, offline = _numbers(on), np.array(list(map(int, mapping["offlineNodes"])), np.int64)
    nodes = np.concatenate([online, offline])
    lists = [each["runningVMs"] for each in on.values()]
    running = np.fromiter(chain.from_iterable(lists), np.int64)
    at = np.repeat(np.arange(len(online)), np.fromiter(map(len, lists), np.int64, len(lists)))
    ready = np.array(mapping["readyVMs"], np.int64)
    vms = np.concatenate([running, ready])
    places = _Places.of(nodes, vms)
    views = [view for view in model["views"] if view["id"] == "shareableResource"]
    room = [_amounts(view["nodes"], view.get("defCapacity", 0), places.node, len(nodes)) for view in views]
    now = [_amounts(view["vms"], view.get("defConsumption", 0), places.vm, len(vms)) for view in views]
    taken = np.array(now, np.int64).T.reshape(len(vms), len(views)).copy()
    instance = Instance(
        nodes,
        vms,
        tuple(view["rcId"] for view in views),
        np.array(room, np.int64).T.reshape(len(nodes), len(views)),
        np.concatenate([at, np.full(len(ready), NOWHERE)]),
        taken,
        taken.copy(),
        np.arange(len(nodes)) < len(online),
        np.arange(len(vms)) < len(running),
    )
    _constrain(instance, places, constraints)
    return instance


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """By identifier, the place of a node or a VM; NOWHERE for others."""

    node: Integers
    vm: Integers
    _known: dict[tuple[int, ...], Integers] = field(default_factory=dict)

    @staticmethod
    def of(nodes: Integers, vms: Integers) -> _Places:
        return _Places(_inverse(nodes), _inverse(vms))

    def nodes(self, identifiers: Iterable[int]) -> Integers:
        """The same array for the same nodes: many constraints name them."""
        key = tuple(identifiers)
        if key not in self._known:
            found = self.node[np.array(key, np.int64)]
            self._known[key] = found[found != NOWHERE]
        return self._known[key]

    def vms(self, identifiers: Iterable[int]) -> Integers:
        found = self.vm[np.array(list(identifiers), np.int64)]
        known: Integers = found[found != NOWHERE]
        return known


def _inverse(identifiers: Integers) -> Integers:
    # Identifiers that nobody has, of sleeping VMs for one, may be named as well.
    places = np.full(int(identifiers.max(initial=0)) + (1 << 20), NOWHERE)
    places[identifiers] = np.arange(len(identifiers))
    return places


def _numbers(keys: Mapping[str, object]) -> Integers:
    return np.fromiter(map(int, keys), np.int64, len(keys))


def _amounts(said: Mapping[str, int], default: int, places: Integers, count: int) -> Integers:
    amounts = np.full(count, int(default))
    where = places[_numbers(said)]
    values = np.fromiter(map(int, said.values()), np.int64, len(said))
    known = where != NOWHERE
    amounts[where[known]] = values[known]
    return amounts


def _constrain(instance: Instance, places: _Places, constraints: list[dict[str, Any]]) -> None:
    resource = {name: number for number, name in enumerate(instance.resources)}
    preserved: list[tuple[int, int, int]] = []
    states: dict[str, list[int]] = {name: [] for name in (*_VMS, "offline")}
    for each in constraints:
        match each["id"]:
            case "online":
                pass
            case "offline":
                states["offline"] += _all_of(each, "node", "nodes")
            case "running" | "ready" as name:
                states[name] += _all_of(each, "vm", "vms")
            case "preserve":
                number = resource[each["rc"]]
                preserved += [(vm, number, int(each["amount"])) for vm in _all_of(each, "vm", "vms")]
            case "spread":
                instance.spreads.append(places.vms(each["vms"]))
            case "among":
                parts = [places.nodes(part) for part in each["parts"]]
                instance.amongs.append((places.vms(each["vms"]), parts))
            case "fence" | "ban" as name:
                said = (places.vms(_all_of(each, "vm", "vms")), places.nodes(each["nodes"]))
                (instance.fences if name == "fence" else instance.bans).append(said)
            case other:
                raise NotUnderstood(f"constraint {other}: only {', '.join(_KNOWN)} are known")
    instance.usable[places.nodes(states["offline"])] = False
    instance.wanted[places.vms(states["running"])] = True
    instance.wanted[places.vms(states["ready"])] = False
    if preserved:
        vm, number, amount = np.array(preserved, np.int64).T
        np.maximum.at(instance.then, (places.vm[vm], number), amount)


def _all_of(said: Mapping[str, Any], one: str, many: str) -> list[int]:
    return list(said[many]) if many in said else [said[one]]
