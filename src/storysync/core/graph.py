"""Cycles in a directed graph, by algorithms that do not recurse.

`Node` is anything hashable and sortable; order makes the answers repeatable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=int)


def components(edges: Mapping[Node, Sequence[Node]]) -> list[list[Node]]:
    """The strongly connected components with more than one node (Tarjan 1972, iterative)."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    on_stack: set[Node] = set()
    stack: list[Node] = []
    found: list[list[Node]] = []
    for start in edges:
        if start in index:
            continue
        work = [(start, iter(edges.get(start, ())))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(edges.get(successor, ()))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    component = _pop_component(node, stack, on_stack)
                    if len(component) > 1:
                        found.append(component)
    return found


def _pop_component(root: Node, stack: list[Node], on_stack: set[Node]) -> list[Node]:
    component = []
    while True:
        node = stack.pop()
        on_stack.discard(node)
        component.append(node)
        if node == root:
            return component


def shortest_cycle(start: Node, members: Iterable[Node], edges: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """The shortest way from `start` back to it within `members`, without the repeated end.

    Among equally short ways the one that the order of `edges` gives first.
    """
    inside = set(members)
    previous: dict[Node, Node] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for successor in edges.get(node, ()):
            if successor == start:
                return _way(node, start, previous)
            if successor in inside and successor not in previous:
                previous[successor] = node
                queue.append(successor)
    raise ValueError("start is not in a cycle of these members")


def _way(last: Node, start: Node, previous: Mapping[Node, Node]) -> list[Node]:
    way = [last]
    while way[-1] != start:
        way.append(previous[way[-1]])
    return way[::-1]
