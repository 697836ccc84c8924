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


def main(words: list[str]) -> None:
    """`reconcile` with the actuator of that name: its name, then what would be typed."""
    (mutant,) = (each for each in BROKEN if each.wrong == words[0])
    break_here(mutant)
    from reconciler.cli.main import main as reconcile

    sys.argv[1:] = words[1:]
    reconcile()
