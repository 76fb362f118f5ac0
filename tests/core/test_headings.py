"""Ids in first headings and file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.headings import (
    fits_file_name,
    id_of_file_name,
    kind_of_id,
    read_heading,
    same_id,
    title_of_file_name,
)


@pytest.mark.parametrize(
    ("text", "story_id", "title", "kind"),
    [
        ("Story 22.1: SQLite setup", "22.1", "SQLite setup", "story"),
        ("INF-013: Schema", "INF-013", "Schema", None),
        ("INF-014 - Scheduler", "INF-014", "Scheduler", None),
        ("Story S02 — Feeds", "S02", "Feeds", "story"),
        ("Story 70.3 -- Routing", "70.3", "Routing", "story"),
        ("Epic 67: Loop", "Epic 67", "Loop", "epic"),
        ("Feature 2.1 - Pool", "Feature 2.1", "Pool", "feature"),
        ("Epic #7: Loop", "Epic #7", "Loop", "epic"),
        ("Epic 3.1: Loop", "3.1", "Loop", "epic"),
        ("Task 20a: Loop", "20a", "Loop", "task"),
        ("EPIC-13: Loop", "EPIC-13", "Loop", "epic"),
        ("Task 1.3: Lookup", "1.3", "Lookup", "task"),
        ("Story AI4.1: Name", "AI4.1", "Name", "story"),
        ("STORY-071 — Pages", "STORY-071", "Pages", "story"),
        ("UI-002-sales-pitch - Pitch", "UI-002-sales-pitch", "Pitch", None),
        ("BACK-535.11 - Move", "BACK-535.11", "Move", None),
        ("[INF-013] Title", "INF-013", "Title", None),
        ("🎯 Story 1.1: Goal", "1.1", "Goal", "story"),
        ("`INF-1`: code", "INF-1", "code", None),
        ("Issue #005: 설정", "005", "설정", "story"),
        ("Epic 5 - Story 5.1: Both", "5.1", "Both", "story"),
        ("Story 1.10", "1.10", "Story 1.10", "story"),
        ("Story: Set up", None, "Set up", "story"),
        ("~~K-4: Old~~", "K-4", "Old", None),
        ("~~K-4~~: Old", "K-4", "Old", None),
        ("K-~~4~~5: Old", None, "K-4 5: Old", None),
        ("INF-013 Fix it", "INF-013", "Fix it", None),
        ("INF-DB-2 fix it", "INF-DB-2", "fix it", None),
    ],
)
def test_ids_of_headings(text: str, story_id: str | None, title: str, kind: str | None):
    found = read_heading(text)
    assert (found.id, found.title, found.kind) == (story_id, title, kind)


@pytest.mark.parametrize(
    "text",
    [
        "Commands",
        "GPT-4 integration",
        "ISO-8601 Dates",
        "RFC-1234 and others",
        "COVID-19 Rules",
        "K-4 Short letters",
        "INF-013 and INF-014",
        "INF-013 2 of 3",
        "UTF-8: reading it",
        "Sprint-3: notes",
        "Story 3 of 5",
        "2025-01-01: notes",
        "v1.2.0: release",
        "Phase 2",
        "Story",
        "",
    ],
)
def test_headings_without_an_id(text: str):
    assert read_heading(text).id is None


def test_offset_of_an_id_is_its_place_in_the_text():
    assert read_heading("Story 22.1: x").offset == 6
    assert read_heading("**~~K-4: x~~**").offset == 4


@given(st.text(alphabet="StoryINF-0123456789.: —#[]`*🎯", max_size=40))
def test_any_heading_has_a_title(text: str):
    found = read_heading(text)
    assert found.title or not text.strip() or found.id is None


@pytest.mark.parametrize(
    ("path", "story_id", "title"),
    [
        ("a/INF-013-sqlite-schema.md", "INF-013", "sqlite schema"),
        ("1-10-slug.md", "1-10", "slug"),
        ("1.1.foundation.md", "1.1", "foundation"),
        ("story-22.1-setup.md", "story-22.1", "setup"),
        ("045-homebrew.md", "045", "homebrew"),
        ("back-12.3 - Title.md", "back-12.3", "Title"),
        ("2025-12-24-notes.md", None, None),
        ("notes.md", None, "notes"),
        ("INF-013.md", "INF-013", "INF-013"),
    ],
)
def test_ids_and_titles_of_file_names(path: str, story_id: str | None, title: str | None):
    assert id_of_file_name(path) == story_id
    if title is not None:
        assert title_of_file_name(path) == title


@pytest.mark.parametrize(
    ("story_id", "path"),
    [
        ("INF-013", "INF-013-x.md"),
        ("22.1", "story-22.1-x.md"),
        ("1.10", "1-10-x.md"),
        ("70.3", "epic-70-story-3.md"),
        ("20", "eip-20.md"),
        ("BACK-12", "back-12 - x.md"),
        ("BACK-12", "task-12.md"),
        ("INF-1", "notes.md"),
        ("7", "0007-x.md"),
        ("ab-12x4", "zz.md"),
    ],
)
def test_file_names_that_fit(story_id: str, path: str):
    assert fits_file_name(story_id, path)


@pytest.mark.parametrize(
    ("story_id", "path"),
    [("INF-013", "INF-012-x.md"), ("UI-001", "UI-004-x.md"), ("INF-013", "API-013-x.md")],
)
def test_file_names_of_another_story(story_id: str, path: str):
    assert not fits_file_name(story_id, path)


def test_ids_that_may_be_the_same():
    assert same_id("INF-013", "inf-13")
    assert same_id("STORY-22.1", "22.1")
    assert same_id("UI-002-pitch", "UI-002")
    assert not same_id("INF-013", "INF-012")
    assert not same_id("INF-013", "API-013")


def test_kinds_of_ids():
    assert kind_of_id("EPIC-IM-001") == "epic"
    assert kind_of_id("TASK-1") == "task"
    assert kind_of_id("INF-013") is None
    assert kind_of_id("22.1") is None


@pytest.mark.parametrize(
    ("text", "story_id"),
    [("US-21 Filters", "US-21"), ("UTF-8 support", None), ("GPT-4 for all", None), ("Task-4 words", None)],
)
def test_letters_that_name_only_stories_need_no_colon(text: str, story_id: str | None):
    found = read_heading(text)
    assert (found.id, found.title) == (story_id, "Filters" if story_id else text)


def test_a_readme_is_named_by_its_folder():
    assert id_of_file_name("issues/003-local-store/README.md") == "003"
    assert title_of_file_name("issues/003-local-store/index.md") == "local store"
    assert not fits_file_name("004", "issues/003-local-store/README.md")
    assert id_of_file_name("README.md") is None
