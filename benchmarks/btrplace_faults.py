"""Does an answer keep what an instance of BtrPlace asks: in every state in between, and at the end?"""

from __future__ import annotations

import numpy as np

from benchmarks.btrplace_instance import Instance
from benchmarks.btrplace_solve import Solved, listed
from benchmarks.replay import faults_in_sequence, faults_in_time
from reconciler.planner.placement.problem import NOWHERE


def faults_of(instance: Instance, solved: Solved) -> list[str]:
    """Look at every state in between, and at each constraint as the instance states it."""
    course, route = solved.course, solved.route
    return [
        *faults_in_sequence(course, route),
        *faults_in_time(course, route),
        *(f"stuck: {each}" for each in route.stuck),
        *_faults_at_the_end(instance, solved),
    ]


def _faults_at_the_end(instance: Instance, solved: Solved) -> list[str]:
    """The constraints of the instance, asked of the end, without anything that the scheduler was told."""
    at = np.full(len(instance.vms), NOWHERE)
    at[listed(instance)] = solved.course.goal
    faults = [
        f"VM {instance.vms[vm]} does not run" for vm in np.nonzero(instance.wanted & (at == NOWHERE))[0]
    ]
    faults += [f"VM {instance.vms[vm]} runs" for vm in np.nonzero(~instance.wanted & (at != NOWHERE))[0]]
    there = at != NOWHERE
    faults += [
        f"VM {instance.vms[vm]} is on a node that is off"
        for vm in np.nonzero(there)[0]
        if not instance.usable[at[vm]]
    ]
    taken = np.zeros_like(instance.room)
    np.add.at(taken, at[there], instance.then[there])
    faults += [
        f"node {instance.nodes[node]} is overloaded"
        for node in np.nonzero((taken > instance.room).any(axis=1))[0]
    ]
    for vms in instance.spreads:
        nodes = at[vms][at[vms] != NOWHERE]
        if len(set(nodes.tolist())) < len(nodes):
            faults.append(f"a spread of {len(vms)} is broken")
    for vms, parts in instance.amongs:
        nodes = at[vms][at[vms] != NOWHERE]
        if not any(np.isin(nodes, part).all() for part in parts):
            faults.append(f"an among of {len(vms)} is broken")
    for vms, nodes in instance.fences:
        if not np.isin(at[vms][at[vms] != NOWHERE], nodes).all():
            faults.append(f"a fence of {len(vms)} is broken")
    for vms, nodes in instance.bans:
        if np.isin(at[vms], nodes).any():
            faults.append(f"a ban of {len(vms)} is broken")
    return faults
