"""Actuators that are wrong in what matters when one is killed, and are killed right there.

What `killing.py` says of each shows that it would say so of a real one. A process that runs one has
imported nothing of the project before.
"""

from __future__ import annotations

import sys

from tests.simulation.killing import break_here
from tests.simulation.mutants import Mutant

_DIE = "__import__('os').kill(__import__('os').getpid(), 9)"
_MADE_BESIDE = """\
        partial = f"{directory}/.{name}.part.{desk.fleet}.{desk.lock.stamp}.{luck}"
        try:
            desk.lock.check()
            try:
                yield partial
"""

BROKEN = (
    Mutant(
        "a domain is forgotten before its disks are gone",
        "actuators.libvirt.destroy",
        "    for disk in mark.applied.disks:\n        if _goes(disk):",
        f"    domain.undefine()\n    {_DIE}\n    for disk in mark.applied.disks:\n        if _goes(disk):",
    ),
    Mutant(
        "a seed is written before anybody owns it",
        "actuators.libvirt.create",
        "    domain = hands.define(replace(finished,",
        f"    formerly.write_seed(hands, mark, instance, pool)\n    {_DIE}\n"
        "    domain = hands.define(replace(finished,",
    ),
    Mutant(
        "a link is made that does not say whose it is",
        "actuators.libvirt.segments",
        "    await wires.run(making(put, desk.fleet, links))\n",
        "    await wires.run([['ip', 'link', 'add', 'name', put.segment.bridge, 'type', 'bridge']])\n"
        f"    {_DIE}\n",
    ),
    Mutant(
        "an upload goes to a file that nobody would look for",
        "actuators.libvirt.images",
        _MADE_BESIDE,
        _MADE_BESIDE.replace(".part.", ".new.") + f"                {_DIE}\n",
    ),
)


_CARRY = "actuators.libvirt.carry"
CARRIED = tuple(
    Mutant(f"killed when it {when}", _CARRY, was, f"{was}\n{indent}{_DIE}\n")
    for when, was, indent in (
        ("is owned over there", "lambda hands: _own(hands, mark, luggage))", " " * 12),
        ("is off", "await stop(here, action.before.uuid, action.before)", " " * 12),
        ("is being copied", "            digest.update(chunk)", " " * 12),
        ("is complete over there", "lambda hands: _complete(hands, action))", " " * 8),
        ("is handed over", "lambda hands: _hand_over(hands, action))", " " * 8),
        ("was started over there", "hands.domains.get(action.before.uuid).start(None))", " " * 8),
    )
)
"""A controller that is killed at each thing that it does to a machine that is carried."""


def main(words: list[str]) -> None:
    """`reconcile` with the actuator of that name: its name, then what would be typed."""
    (mutant,) = (each for each in (*BROKEN, *CARRIED) if each.wrong == words[0])
    break_here(mutant)
    from reconciler.cli.main import main as reconcile

    sys.argv[1:] = words[1:]
    reconcile()
