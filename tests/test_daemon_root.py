from __future__ import annotations

from pathlib import Path

import pytest

from storysync.daemon_root import LONGEST_RETRY_S, Presence, RootKeeper
from storysync.jobs.project import resolve_project
from storysync.settings import ProjectSettings


@pytest.fixture
def keeper(stories: Path) -> RootKeeper:
    (stories / "a.md").write_text("x")
    return RootKeeper(resolve_project(ProjectSettings(path=str(stories))), git_wait_s=60)


def test_a_folder_that_stays_is_nothing_new(keeper: RootKeeper) -> None:
    assert [keeper.look(), keeper.look()] == [Presence.SAME, Presence.SAME]
    assert keeper.state == "loading"


def test_gone_and_back(keeper: RootKeeper, stories: Path) -> None:
    stories.rename(stories.with_name("away"))
    assert [keeper.look(), keeper.look()] == [Presence.GONE, Presence.SAME]
    assert keeper.state == "lost"
    assert keeper.held(0.0, dirty=True)
    stories.with_name("away").rename(stories)
    assert [keeper.look(), keeper.look()] == [Presence.BACK, Presence.SAME]
    assert keeper.state == "live"
    assert not keeper.held(0.0, dirty=True)


def test_a_file_in_its_place_is_no_folder(keeper: RootKeeper, stories: Path) -> None:
    stories.rename(stories.with_name("away"))
    stories.write_text("x")
    assert [keeper.look(), keeper.look()] == [Presence.GONE, Presence.SAME]


def test_another_folder_counts_once_something_is_in_it(keeper: RootKeeper, stories: Path) -> None:
    stories.rename(stories.with_name("away"))
    stories.mkdir()
    assert [keeper.look(), keeper.look()] == [Presence.GONE, Presence.SAME]
    (stories / "b.md").write_text("x")
    assert keeper.look() is Presence.BACK


def test_a_folder_that_the_kernel_saw_end_is_lost_although_its_number_is_the_same(
    keeper: RootKeeper, stories: Path
) -> None:
    (stories / "a.md").unlink()
    assert [keeper.look(ended=True), keeper.look()] == [Presence.GONE, Presence.SAME]
    assert (keeper.state, "its stories are kept" in keeper.reason) == ("lost", True)
    (stories / "b.md").write_text("x")
    assert [keeper.look(), keeper.look()] == [Presence.BACK, Presence.SAME]
    assert (keeper.state, keeper.reason) == ("live", "")


def test_failures_are_retried_later_and_later(keeper: RootKeeper) -> None:
    now, waits = 0.0, []
    for _ in range(10):
        waits.append(keeper.failed(OSError("no"), now))
        assert keeper.held(now + waits[-1] * 0.99, dirty=True)
        assert keeper.next_at(now) == now + waits[-1]
        now += waits[-1] + 0.001
        assert not keeper.held(now, dirty=True)
    assert waits[0] < 1.3
    assert LONGEST_RETRY_S * 0.8 <= waits[-1] <= LONGEST_RETRY_S * 1.2
    assert keeper.error == "no"


def test_the_earlier_of_two_planned_scans_counts(keeper: RootKeeper) -> None:
    assert keeper.next_at(0.0) == float("inf")
    keeper.rescan_within(60, 0.0, "held-deletions")
    keeper.rescan_within(90, 0.0, "overflow")
    assert (keeper.next_at(0.0), keeper.trigger) == (60.0, "held-deletions")
    keeper.rescan_within(10, 0.0, "overflow")
    assert (keeper.next_at(0.0), keeper.trigger) == (10.0, "overflow")


def test_git_is_waited_for_again_after_a_marker_went_unnoticed(stories: Path) -> None:
    (stories / ".git").mkdir()
    keeper = RootKeeper(resolve_project(ProjectSettings(path=str(stories))), git_wait_s=60)
    merge = stories / ".git" / "MERGE_HEAD"
    merge.touch()
    assert keeper.held(0.0, dirty=True)
    assert not keeper.held(60.0, dirty=True)
    merge.unlink()
    assert not keeper.held(61.0, dirty=False)
    merge.touch()
    assert keeper.held(500.0, dirty=True)
