from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.graph import components, shortest_cycle

EDGES = st.dictionaries(
    st.integers(0, 12), st.lists(st.integers(0, 12), unique=True, max_size=4).map(sorted), max_size=13
)


@given(EDGES)
def test_components_are_those_of_networkx(edges: dict[int, list[int]]) -> None:
    graph = networkx.DiGraph((a, b) for a, successors in edges.items() for b in successors)
    expected = {frozenset(c) for c in networkx.strongly_connected_components(graph) if len(c) > 1}
    assert {frozenset(component) for component in components(edges)} == expected


@given(EDGES)
def test_shortest_cycle_is_a_cycle_and_none_is_shorter(edges: dict[int, list[int]]) -> None:
    graph = networkx.DiGraph((a, b) for a, successors in edges.items() for b in successors if a != b)
    for component in components(edges):
        start = min(component)
        cycle = shortest_cycle(start, component, edges)
        assert cycle[0] == start
        assert all(b in edges[a] for a, b in zip(cycle, [*cycle[1:], start], strict=True))
        within = graph.subgraph(component)
        back = [networkx.shortest_path_length(within, node, start) for node in within.successors(start)]
        if start not in edges[start]:
            assert len(cycle) == min(back) + 1


def test_a_long_chain_does_not_recurse() -> None:
    ring = {node: [(node + 1) % 50_000] for node in range(50_000)}
    assert [len(component) for component in components(ring)] == [50_000]


def test_equally_short_cycles_are_told_apart_by_the_order_of_edges() -> None:
    assert shortest_cycle(1, [1, 2, 3], {1: [3, 2], 2: [1], 3: [1]}) == [1, 3]


def test_a_node_outside_every_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="not in a cycle"):
        shortest_cycle(1, [1, 2], {1: [2], 2: []})
