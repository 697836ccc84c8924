"""What a rebalance is worth, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.planner.rebalancing import ClusterGain, Gain
from reconciler.render.json import Json
from reconciler.render.words import printable
from reconciler.specs.placement import Policy


def with_gain(document: Json, gain: Gain) -> Json:
    """A plan or a report as ever, and ``gain`` beside it."""
    assert isinstance(document, dict), "plans and reports are objects"
    return {**document, "gain": gain_json(gain)}


def gain_json(gain: Gain) -> Json:
    """The numbers, before and after."""
    return {
        "by": gain.by,
        "proven": gain.proven,
        "moves": gain.moves,
        "mib": gain.mib,
        "seconds": gain.seconds,
        "emptied": list(gain.emptied),
        "clusters": [
            {
                "cluster": each.name,
                "policy": each.policy.value,
                "score_before": round(each.score[0], 6),
                "score_after": round(each.score[1], 6),
                "hosts_before": each.hosts[0],
                "hosts_after": each.hosts[1],
                "exposed_before": each.exposed[0],
                "exposed_after": each.exposed[1],
            }
            for each in gain.clusters
        ],
        "notes": list(gain.notes),
    }


def gain_text(gain: Gain) -> str:
    """A line a cluster, and what it takes."""
    return printable("\n".join(_lines(gain)))


def _lines(gain: Gain) -> Iterator[str]:
    for each in gain.clusters:
        yield f"  {each.name} ({each.policy.value}): {_change(each)}{_reserve(each)}"
    if gain.emptied:
        yield f"  emptied: {', '.join(gain.emptied)}"
    yield from (f"  {note}" for note in gain.notes)
    if not gain.moves:
        yield f"No move is worth it, says {gain.by}."
        return
    proof = ", and nothing is better" if gain.proven else ""
    moves = "1 move" if gain.moves == 1 else f"{gain.moves} moves"
    yield f"Gain: {moves}, {gain.mib} MiB, about {gain.seconds} s, found by {gain.by}{proof}"


def _change(cluster: ClusterGain) -> str:
    hosts = f"hosts in use {cluster.hosts[0]} -> {cluster.hosts[1]}"
    if cluster.policy is not Policy.BALANCE:
        return hosts
    return f"score {cluster.score[0]:.4f} -> {cluster.score[1]:.4f}, {hosts}"


def _reserve(cluster: ClusterGain) -> str:
    if cluster.exposed == (0, 0):
        return ""
    was, now = cluster.exposed
    return f"; {now} hosts (were {was}) whose death leaves somebody without a place"
