"""What is written of a machine while what its guest is told is on its way to it.

A guest's seed changes in another moment than the record of what it was told. So the record says first that
this is not known: whoever finds the change cut short tells the guest anew, even where the files have been
turned back meanwhile and ask for what was applied before.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.specs.desired import Machine, Sha256

NOT_KNOWN = Sha256("0" * 64)
"""The digest of nothing: unlike whatever a guest may be told."""


def unsettled(before: Machine, after: Machine) -> Machine:
    """``before``, as it is to be recorded from now until its guest was told what ``after`` says."""
    told = _own(before) == _own(after)
    return replace(
        before,
        context=before.context if told else NOT_KNOWN,
        peers=before.peers if before.peers == after.peers else NOT_KNOWN,
    )


def _own(machine: Machine) -> object:
    """What a guest is told of itself; its cards are part of that, where it is told anything."""
    return None if machine.context is None else (machine.context, machine.nics)
