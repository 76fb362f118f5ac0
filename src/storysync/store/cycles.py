"""Dependency cycles: one problem for each, recomputed only where edges changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from storysync.core.graph import components, shortest_cycle
from storysync.core.story import Problem
from storysync.store import problems
from storysync.store.tx import Row, Tx

_EDGES = """
    SELECT DISTINCT dependent_uid, prerequisite_uid FROM story_dependencies
    WHERE kind = 'depends_on' AND confidence = 'declared' AND state = 'resolved'"""
_WALK_LIMIT = 200  # with more seeds, or a wider reach, reading all edges is cheaper than walking

Edges = dict[int, list[int]]
_File = tuple[str, str]
"""Project and path."""


def find(tx: Tx, seeds: Iterable[int] | None, now: str) -> None:
    """Judge again every cycle that an edge of these stories may have made or broken; None: every cycle.

    Whatever a changed edge can touch is reachable from its ends: the ways on from the head of a removed
    edge lead to all that was in a cycle with it.
    """
    starts = set(seeds) if seeds is not None else set()
    if not starts and seeds is not None:
        return
    noted = _noted(tx)
    while True:
        edges = _grouped(tx.stream(_EDGES)) if seeds is None else _reachable(tx, starts)
        wanted: dict[_File, list[Problem]] = defaultdict(list)
        for component in components(edges):
            file, problem = _describe(tx, component, edges)
            wanted[file].append(problem)
        reached = starts.union(edges, *edges.values())
        judged = {file for file, uids in noted.items() if seeds is None or not uids or uids & reached}
        # Problems are kept by path: whatever else is reported at one must be judged as well.
        more = {uid for file in (judged | wanted.keys()) & noted.keys() for uid in noted[file]} - starts
        if seeds is None or not more:
            break
        starts |= more
    by_project: dict[str, dict[str, list[Problem]]] = defaultdict(dict)
    for project_id, path in judged | wanted.keys():
        by_project[project_id][path] = wanted.get((project_id, path), [])
    for project_id, by_path in by_project.items():
        problems.replace(tx, project_id, by_path, problems.CYCLE_CODES, now)


def _noted(tx: Tx) -> dict[_File, set[int]]:
    """The files at which a cycle is reported, with the stories that stand there now."""
    found: dict[_File, set[int]] = defaultdict(set)
    for project_id, path, uid in tx.rows(
        "SELECT p.project_id, p.path, s.uid FROM problems p"
        " LEFT JOIN stories s ON s.project_id = p.project_id AND s.path = p.path"
        " WHERE p.code = 'dependency-cycle'"
    ):
        found[project_id, path].update(() if uid is None else (uid,))
    return found


def reported_at(tx: Tx, project_id: str, paths: Iterable[str]) -> set[int]:
    """The stories that stand now where a cycle is reported; another one may have stood there before."""
    sql = (
        "SELECT s.uid FROM problems p JOIN stories s ON s.project_id = p.project_id AND s.path = p.path"
        " WHERE p.code = 'dependency-cycle' AND p.project_id = ? AND p.path IN ({marks})"
    )
    return {row[0] for row in tx.rows_in(sql, paths, (project_id,))}


def _reachable(tx: Tx, starts: set[int]) -> Edges:
    """The edges of all stories that can be reached from these."""
    edges: Edges = {}
    frontier = starts
    while frontier:
        if len(edges) + len(frontier) > _WALK_LIMIT:
            return _grouped(tx.stream(_EDGES))
        found = _grouped(tx.rows_in(_EDGES + " AND dependent_uid IN ({marks})", frontier))
        edges.update({uid: found.get(uid, []) for uid in frontier})
        frontier = {uid for successors in found.values() for uid in successors} - edges.keys()
    return edges


def _grouped(rows: Iterable[Row]) -> Edges:
    edges: Edges = defaultdict(list)
    for dependent, prerequisite in rows:
        edges[dependent].append(prerequisite)
    return edges


def _describe(tx: Tx, component: list[int], edges: Edges) -> tuple[_File, Problem]:
    """The file and the problem: the shortest cycle through the smallest member.

    Smallest by project, path and anchor, never by uid, which a rebuild would give out anew.
    """
    rows = tx.rows_in(
        "SELECT uid, project_id, path, anchor, id FROM stories WHERE uid IN ({marks})", component
    )
    place = {row[0]: (row[1], row[2], row[3]) for row in rows}
    label = {row[0]: row[4] or row[2] for row in rows}
    ordered = {
        uid: sorted((one for one in edges.get(uid, ()) if one in place), key=place.__getitem__)
        for uid in component
    }
    smallest = min(component, key=place.__getitem__)
    way = shortest_cycle(smallest, component, ordered)
    project_id, path, line, col = _statement(tx, way[0], way[1])
    text = " -> ".join(label[uid] for uid in (*way, way[0]))
    more = len(component) - len(way)
    others = f" ({more} more {'story' if more == 1 else 'stories'} in cycles with these)" if more else ""
    hint = "remove one of these dependencies"
    return (project_id, path), Problem("dependency-cycle", f"cycle: {text}{others}", line, col, hint)


def _statement(tx: Tx, dependent: int, prerequisite: int) -> tuple[str, str, int, int]:
    """Where the edge is stated: by the dependent's own file if it does."""
    row = tx.row(
        "SELECT s.project_id, s.path, r.line, r.col FROM story_dependencies r"
        " JOIN stories s ON s.uid = r.story_uid WHERE r.dependent_uid = ? AND r.prerequisite_uid = ?"
        " AND r.kind = 'depends_on' AND r.confidence = 'declared'"
        " ORDER BY r.story_uid <> r.dependent_uid, r.line, r.col LIMIT 1",
        (dependent, prerequisite),
    )
    assert row is not None
    return row[0], row[1], row[2], row[3]
