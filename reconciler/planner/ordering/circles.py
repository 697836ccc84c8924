"""Who waits for whom in a circle: the knots of waiting hosts that nobody outside of them can untie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def knots(edges: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The strongly connected parts from which no edge leads out, each sorted.

    Tarjan's algorithm, without recursion. Nodes that have no edges are parts of their own.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    part: dict[int, int] = {}
    stack: list[int] = []
    parts: list[list[int]] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            node, others = work[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(edges.get(other, ()))))
                    break
                if other not in part:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found: list[int] = []
                    while not found or found[-1] != node:
                        found.append(stack.pop())
                        part[found[-1]] = len(parts)
                    parts.append(sorted(found))
    return [
        each
        for number, each in enumerate(parts)
        if all(part[other] == number for node in each for other in edges.get(node, ()))
    ]
