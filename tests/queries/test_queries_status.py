"""`status`, freshness, problems and known roots."""

from __future__ import annotations

import pytest

from storysync.errors import NotFound
from storysync.queries.freshness import freshness
from storysync.queries.known_roots import known_roots
from storysync.queries.problems import problems
from storysync.queries.status import status
from storysync.store.reader import Reader


def test_status_counts_each_project(reader: Reader) -> None:
    bank, shop = status(reader)
    assert (bank["id"], shop["id"]) == ("bank", "shop")
    assert shop["stories"] == {"done": 1, "todo": 3, "ready": 1, "in_progress": 1, "draft": 1}
    assert shop["files"] == {"story": 6, "broken": 1}
    assert shop["flags"] == {"stale": 1, "contested": 2, "ready": 1, "blocked": 4}
    assert shop["last_sync"]["trigger"] == "command"
    assert [one["id"] for one in status(reader, ("bank",))] == ["bank"]
    with pytest.raises(NotFound):
        status(reader, ("nope",))


def test_freshness_tells_of_every_root(reader: Reader) -> None:
    found = freshness(reader)
    assert found["seq"] > 0
    for project in found["projects"]:
        assert project.keys() == {
            "project_id", "state", "mode", "last_full_scan_at", "head_commit", "last_sync", "seq", "lag_s",
            "settled", "dirty", "broken", "held",
        }  # fmt: skip
        assert 0 <= project["lag_s"] < 600
        assert (project["settled"], project["dirty"], project["held"]) == (None, None, 0)
        assert project["seq"] <= found["seq"]
        assert project["state"] == "live"
        assert project["last_full_scan_at"].endswith("Z")
    assert [project["project_id"] for project in found["projects"]] == ["bank", "shop"]


def test_problems_are_sorted_by_place_and_narrowed(reader: Reader) -> None:
    everything = problems(reader)
    places = [(one["project_id"], one["path"], one["line"], one["col"]) for one in everything]
    assert places == sorted(places)
    assert {one["severity"] for one in problems(reader, severities=("warning",))} == {"warning"}
    assert {one["project_id"] for one in problems(reader, ("shop",))} == {"shop"}


def test_known_roots_are_real_paths(reader: Reader) -> None:
    roots = known_roots(reader)
    assert set(roots.values()) == {"bank", "shop"}
    assert all(path.startswith("/") for path in roots)
