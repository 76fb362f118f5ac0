"""The sample stories, from the files to the answers: what a newcomer sees is what is meant."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from storysync.app import App

DEPENDS_ON = {
    # within velo
    "VEL-102": {"VEL-101": "self"},
    "VEL-103": {"VEL-102": "self", "PLT-007": "self"},
    "VEL-104": {"VEL-103": "self", "PLT-004": "both"},
    "VEL-105": {"VEL-103": "self", "VEL-104": "self"},
    "VEL-106": {"VEL-101": "self"},
    "VEL-107": {"VEL-108": "self"},
    "VEL-108": {"VEL-109": "self"},
    "VEL-109": {"VEL-107": "self"},
    "VEL-110": {"PLT-006": "inverse"},
    "VEL-111": {"VEL-101": "self"},
    "VEL-112": {"VEL-113": "self"},
    "VEL-113": {"VEL-101": "self", "VEL-102": "self"},
    "VEL-115": {"VEL-114": "self"},
    # within platform
    "PLT-002": {"PLT-001": "self"},
    "PLT-003": {"PLT-001": "self", "PLT-005": "self"},
    "PLT-004": {"PLT-002": "self"},
    "PLT-005": {"PLT-004": "self"},
    "PLT-006": {"PLT-004": "self"},
    "PLT-008": {"PLT-007": "self"},
    "PLT-009": {"PLT-002": "self", "PLT-010": "self"},
    "PLT-010": {"PLT-007": "self"},
    # the app
    "1.1": {"VEL-101": "self"},
    "1.2": {"1.1": "both", "VEL-102": "self"},
    "1.3": {"1.2": "self", "VEL-103": "self"},
    "1.4": {"1.3": "both", "VEL-104": "self"},
    "2.1": {"PLT-001": "self"},
    "2.2": {"2.1": "self", "PLT-004": "self"},
    "2.3": {"2.1": "self"},
}
"""Dependent -> prerequisite -> who says so, read from the files by eye."""


def ask(app: App, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with app.reader() as reader:
        return reader.columns_and_rows(sql, params)[1]


def story(app: App, story_id: str) -> dict[str, Any]:
    with app.reader() as reader:
        (row,) = reader.rows("SELECT * FROM v_stories WHERE id = ?", (story_id,))
    return row


def test_every_file_has_its_state(samples: App) -> None:
    rows = ask(samples, "SELECT project_id, state, count(*) FROM files GROUP BY 1, 2 ORDER BY 1, 2")
    assert rows == [
        ("platform", "excluded", 1), ("platform", "story", 10),
        ("velo", "excluded", 2), ("velo", "not_a_story", 1), ("velo", "story", 18),
        ("velo-app", "broken", 1), ("velo-app", "excluded", 1), ("velo-app", "story", 8),
    ]  # fmt: skip


def test_statuses_are_mapped_to_one_vocabulary(samples: App) -> None:
    rows = ask(samples, "SELECT status, count(*) FROM v_stories GROUP BY 1")
    assert dict(rows) == {
        "done": 7, "accepted": 2, "in_progress": 4, "review": 2, "ready": 9, "todo": 7, "backlog": 3,
        "draft": 1, "cancelled": 1,
    }  # fmt: skip


def test_front_matter_story_is_read_in_full(samples: App) -> None:
    read = story(samples, "VEL-103")
    expected = {
        "project_id": "velo", "project_name": "Velo rentals", "backlog_id": "rentals", "kind": "story",
        "title": "Unlock a bike with the code on its frame", "epic": "rentals", "status": "in_progress",
        "status_raw": "in-progress", "priority": 0, "priority_raw": "critical", "estimate_points": 8.0,
        "estimate_unit": "points", "estimate_raw": "8sp", "branch_name": "vel-103-unlock-with-a-code",
        "owner": "Tomek Wilk (@tomek)", "author": "ines.carvalho", "created_on": "2026-01-20",
        "updated_on": "2026-05-02", "user_role": "rider standing in the rain",
        "user_want": "to scan the code on the frame and pull the bike out",
        "user_benefit": "I am under way before I am wet", "parse_state": "good", "contested": 0,
    }  # fmt: skip
    assert {name: read[name] for name in expected} == expected
    assert '"firmware_min":"2.4.0"' in read["metadata"].replace(" ", "")


def test_bold_header_story_is_read_in_full(samples: App) -> None:
    read = story(samples, "2.3")
    expected = {
        "project_id": "velo-app", "backlog_id": "epic-2-account", "title": "History of my rides",
        "epic": "Account", "status": "review", "status_raw": "At the testers (second round)",
        "status_note": "second round", "priority": 2, "priority_raw": "Could Have", "estimate_points": 3.0,
        "created_on": "2026-03-09", "user_role": "rider", "user_want": "to look up what I rode and paid",
    }  # fmt: skip
    assert {name: read[name] for name in expected} == expected


def test_criteria_keep_section_nesting_and_state(samples: App) -> None:
    rows = ask(
        samples,
        "SELECT c.section, c.depth, c.done, c.text FROM criteria c JOIN stories s ON s.uid = c.story_uid"
        " WHERE s.id = 'VEL-102' ORDER BY c.section, c.position",
    )
    assert rows[2:6] == [
        ("acceptance", 0, None,
         "Two riders who ask for the last bike in the same second: one gets it, the other gets a clear no."),
        ("acceptance", 1, None, "The loser is told the next station with a free bike."),
        ("acceptance", 1, None, "Neither of them is charged."),
        ("acceptance", 0, None, "A hold survives a restart of the service."),
    ]  # fmt: skip
    assert Counter(section for section, *_ in rows) == {"acceptance": 6, "definition_of_done": 3}
    progress = "SELECT section, total, done FROM v_criteria_progress WHERE id = 'VEL-103' ORDER BY section"
    assert ask(samples, progress) == [("acceptance", 6, 2), ("definition_of_done", 3, 0), ("tasks", 4, 2)]


def test_edges_are_those_of_the_files(samples: App) -> None:
    rows = ask(
        samples,
        "SELECT dependent_id, prerequisite_id, stated_by FROM v_edges WHERE kind = 'depends_on'",
    )
    expected = {
        (dependent, prerequisite, stated_by)
        for dependent, prerequisites in DEPENDS_ON.items()
        for prerequisite, stated_by in prerequisites.items()
    }
    assert set(rows) == expected
    assert len(rows) == len(expected)


def test_edges_between_projects_are_counted(samples: App) -> None:
    rows = ask(
        samples,
        "SELECT from_project_id, to_project_id, edge_count FROM project_dependencies"
        " WHERE kind = 'depends_on' ORDER BY 1, 2",
    )
    assert rows == [("velo", "platform", 3), ("velo-app", "platform", 2), ("velo-app", "velo", 4)]


def test_ready_is_what_can_be_started(samples: App) -> None:
    rows = ask(samples, "SELECT id FROM v_ready ORDER BY priority, id")
    assert {story_id for (story_id,) in rows} == {"BUG-7", "VEL-113", "2.2", "2.4", "PLT-008", "PLT-010"}


@pytest.mark.parametrize(
    ("story_id", "reason", "blocker", "blocker_status"),
    [
        ("VEL-104", "waits for", "VEL-103", "in_progress"),
        ("VEL-110", "waits for", "PLT-006", "review"),
        ("VEL-106", "dangling", "VEL-140", None),
        ("VEL-112", "ambiguous", "VEL-111", None),
        ("VEL-111", "contested", "VEL-111", None),
        ("VEL-115", "waits for cancelled", "VEL-114", "cancelled"),
        ("VEL-107", "waits for", "VEL-108", "todo"),
        ("PLT-003", "waits for", "PLT-005", "in_progress"),
        ("1.4", "waits for", "1.3", "in_progress"),
    ],
)
def test_blocked_says_why(
    samples: App, story_id: str, reason: str, blocker: str, blocker_status: str | None
) -> None:
    rows = ask(samples, "SELECT reason, blocker, blocker_status FROM v_blocked WHERE id = ?", story_id)
    assert (reason, blocker, blocker_status) in rows


def test_problems_are_those_that_were_put_in(samples: App) -> None:
    rows = ask(
        samples,
        "SELECT code, path, line FROM v_problems WHERE severity <> 'info' ORDER BY code, path, line",
    )
    assert rows == [
        ("ambiguous-reference", "fleet/VEL-112-plan-the-morning-tour.md", 10),
        ("contested-id", "fleet/VEL-111-battery-forecast.md", 2),
        ("contested-id", "stations/VEL-111-dock-health.md", 2),
        ("dangling-reference", "stations/VEL-106-winter-mode-for-docks.md", 9),
        ("dependency-cycle", "pricing/VEL-107-prices-by-demand.md", 9),
        ("front-matter-invalid", "operations/PLT-010-audit-log.md", 3),
        ("front-matter-invalid", "operations/PLT-010-audit-log.md", 13),
        ("merge-conflict", "epic-2-account/2.5-offline-rides.md", 4),
    ]


def test_second_sync_changes_nothing(samples: App) -> None:
    before = ask(samples, "SELECT count(*), max(synced_at) FROM stories")
    reports = samples.sync(samples.projects())
    assert [report.changed for report in reports] == [False, False, False]
    assert ask(samples, "SELECT count(*), max(synced_at) FROM stories") == before


def test_database_equals_a_rebuild(samples: App) -> None:
    report = samples.verify(samples.projects())
    assert report.equal, report.differences
