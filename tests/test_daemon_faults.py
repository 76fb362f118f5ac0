"""What goes wrong around `storysync run`: real processes, real limits, real folders that go away.

Rows are those of the table of faults in `docs/reliability.md`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storysync.daemon import LOOK_S
from support import spaces
from support.following import Following, put

Follow = Callable[..., Following]


@pytest.fixture
def follow(stories: Path, tmp_path: Path) -> Iterator[Follow]:
    """`follow(wrap=…)` starts a daemon over `stories`; it polls every half second what it cannot watch."""
    made: list[Following] = []

    def start(
        root: Path = stories, wrap: Callable[[list[str]], list[str]] | None = None, **environ: str
    ) -> Following:
        state = tmp_path / "state"
        state.mkdir()
        environ = {"STORYSYNC_WATCH__POLL_S": "0.5", **environ}
        daemon = Following([root], f"sqlite:///{state / 's.db'}", state, **environ)
        daemon.command = wrap(daemon.command) if wrap else daemon.command
        made.append(daemon)
        return daemon.start()

    yield start
    for daemon in made:
        daemon.end()


def told(daemon: Following) -> dict:  # type: ignore[type-arg]
    """What `status` says of the only project."""
    (project,) = daemon.ask("status")["projects"]
    return dict(project)


def is_in(daemon: Following, state: str) -> bool:
    return bool(told(daemon)["state"] == state)


# Row 1: the kernel's queue overflows.


def test_an_overflow_is_counted_logged_and_healed(follow: Follow, stories: Path) -> None:
    for number in range(100):
        put(stories, f"A-{number}.md")
    daemon = follow()
    daemon.freeze()
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(limit + 1000):
        os.close(os.open(stories / f"A-{number % 100}.md", os.O_WRONLY))
    put(stories, "new/deep/B-1.md")
    put(stories, "A-5.md", "done")
    os.kill(daemon.pid, signal.SIGCONT)
    expected = {f"A-{number}.md": "todo" for number in range(100)} | {"A-5.md": "done"}
    daemon.converges_to(expected | {"new/deep/B-1.md": "todo"})
    daemon.wait(lambda: daemon.logged("watch.overflowed", "times=1"))
    assert told(daemon)["watches"]["overflows"] == 1
    put(stories, "new/deep/B-1.md", "done")
    daemon.converges_to(expected | {"new/deep/B-1.md": "done"})
    daemon.is_equal()


# Row 4: somebody reads everything.


def test_readers_of_the_whole_tree_cause_neither_events_nor_work(follow: Follow, stories: Path) -> None:
    for number in range(300):
        put(stories, f"{number % 10}/A-{number}.md")
    daemon = follow()
    daemon.settles()
    events, syncs = daemon.ask("status")["events"], daemon.logged("sync.done")
    subprocess.run(["grep", "-r", "no such words", str(stories)], capture_output=True)
    subprocess.run(f"find {stories} -type f -exec cat {{}} + > /dev/null", shell=True, check=True)
    subprocess.run(["tar", "-cf", os.devnull, str(stories)], capture_output=True, check=True)
    put(stories, "0/A-0.md", "done")
    daemon.wait(lambda: daemon.logged("sync.done") > syncs)
    daemon.settles()
    assert daemon.ask("status")["events"] == events + 1
    assert daemon.logged("sync.done") == syncs + 1


# Row 5: a folder is made and written into at once.


def test_nothing_is_missed_in_folders_made_a_moment_ago(follow: Follow, stories: Path) -> None:
    put(stories, "A.md")
    daemon = follow()
    for number in range(100):
        put(stories, f"a{number}/b/c/A-{number}.md")
    expected = {f"a{number}/b/c/A-{number}.md": "todo" for number in range(100)} | {"A.md": "todo"}
    daemon.converges_to(expected)
    for path in expected:
        put(stories, path, "done")
    daemon.converges_to(dict.fromkeys(expected, "done"))


# Row 6: folders are renamed, moved out, moved in.


def test_folders_that_move_keep_their_stories_and_leave_no_ghosts(follow: Follow, stories: Path) -> None:
    names = [f"A-{number}.md" for number in range(60)]
    for name in names:
        put(stories, f"old/deep/{name}")
    daemon = follow()
    uids = daemon.rows("SELECT uid FROM stories ORDER BY id")
    (stories / "old").rename(stories / "new")
    daemon.converges_to({f"new/deep/{name}": "todo" for name in names})
    assert daemon.rows("SELECT uid FROM stories ORDER BY id") == uids
    away = stories.parent / "away"
    (stories / "new").rename(away)
    daemon.converges_to({})
    put(stories, "new/deep/A-1.md")
    put(away, "deep/A-1.md", "done")
    put(away, "deep/B-1.md", "done")
    daemon.converges_to({"new/deep/A-1.md": "todo"})
    shutil.rmtree(stories / "new")
    away.rename(stories / "new")
    moved = {f"new/deep/{name}": "todo" for name in names}
    daemon.converges_to(moved | {"new/deep/A-1.md": "done", "new/deep/B-1.md": "done"})
    put(stories, "new/deep/B-1.md", "blocked")
    daemon.converges_to(moved | {"new/deep/A-1.md": "done", "new/deep/B-1.md": "blocked"})
    daemon.is_equal()


# Rows 7 and 8: the root is deleted, made anew, renamed, replaced.


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_a_root_that_is_deleted_and_made_anew(follow: Follow, stories: Path, at_once: bool) -> None:
    """At once, the new folder often has the number of the old one; few stories, so no brake holds them."""
    put(stories, "A-1.md")
    put(stories, "A-2.md")
    daemon = follow()
    daemon.settles()
    shutil.rmtree(stories)
    if not at_once:
        daemon.wait(lambda: is_in(daemon, "lost"))
        assert "its stories are kept" in told(daemon)["reason"]
    stories.mkdir()
    daemon.wait(lambda: is_in(daemon, "lost"))
    assert daemon.statuses() == {"A-1.md": "todo", "A-2.md": "todo"}
    assert daemon.rows("SELECT state FROM roots") == [{"state": "lost"}]
    put(stories, "A-1.md", "done")
    daemon.converges_to({"A-1.md": "done"})
    assert told(daemon)["state"] == "live"
    put(stories, "d/A-3.md")
    daemon.converges_to({"A-1.md": "done", "d/A-3.md": "todo"})


def test_nothing_is_written_under_the_path_of_a_root_that_was_renamed(follow: Follow, stories: Path) -> None:
    put(stories, "A-1.md")
    daemon = follow()
    away = stories.with_name("away")
    stories.rename(away)
    put(away, "A-1.md", "done")
    put(away, "A-9.md")
    daemon.wait(lambda: is_in(daemon, "lost"))
    put(stories, "A-2.md")  # another folder, with something in it, takes its place
    daemon.converges_to({"A-2.md": "todo"})
    put(away, "A-2.md", "done")
    put(stories, "A-3.md")
    daemon.converges_to({"A-2.md": "todo", "A-3.md": "todo"})


def test_a_root_that_is_replaced_between_two_looks(follow: Follow, stories: Path) -> None:
    put(stories, "A-1.md")
    daemon = follow()
    away, other = stories.with_name("away"), stories.with_name("other")
    put(other, "A-2.md")
    stories.rename(away)
    other.rename(stories)
    daemon.converges_to({"A-2.md": "todo"})
    put(away, "A-2.md", "done")
    put(stories, "A-3.md")
    daemon.converges_to({"A-2.md": "todo", "A-3.md": "todo"})


def test_a_root_behind_a_link_is_followed_until_the_link_leads_elsewhere(
    follow: Follow, stories: Path, tmp_path: Path
) -> None:
    put(stories, "A-1.md")
    other = tmp_path / "other"
    put(other, "B-1.md")
    link = tmp_path / "link"
    link.symlink_to(stories)
    daemon = follow(link)
    put(stories, "A-1.md", "done")
    put(stories, "d/A-2.md")
    expected = {"A-1.md": "done", "d/A-2.md": "todo"}
    daemon.wait(lambda: daemon.statuses(stories) == expected)
    link.unlink()
    link.symlink_to(other)
    daemon.wait(lambda: is_in(daemon, "lost"))
    assert f"{link} leads to {other} now" in told(daemon)["reason"]
    assert daemon.statuses(stories) == expected
    link.unlink()
    link.symlink_to(stories)
    daemon.wait(lambda: is_in(daemon, "live"))


# Row 9: the root is unmounted.


def test_an_unmounted_root_keeps_its_stories(follow: Follow, stories: Path) -> None:
    mount = f"mount -t tmpfs tmpfs '{stories}'"
    spaces.need(spaces.USER_AND_MOUNTS, "mount -t tmpfs tmpfs /mnt")
    head = "---\\nid: {0}\\ntitle: About\\nstatus: {1}\\n---\\n"
    write = f"printf -- '{head}' > '{stories}/{{0}}.md'"
    one = write.format("A-1", "todo")
    daemon = follow(wrap=lambda command: spaces.inside(spaces.USER_AND_MOUNTS, f"{mount} && {one}", command))
    daemon.converges_to({"A-1.md": "todo"})
    spaces.enter(daemon.pid, f"umount '{stories}'")
    daemon.wait(lambda: is_in(daemon, "lost"))
    assert "perhaps a disk that is not mounted" in told(daemon)["reason"]
    time.sleep(2 * LOOK_S)
    assert is_in(daemon, "lost")
    assert daemon.statuses() == {"A-1.md": "todo"}
    spaces.enter(daemon.pid, f"{mount} && {write.format('A-1', 'done')}")
    daemon.converges_to({"A-1.md": "done"})
    assert is_in(daemon, "live")
    spaces.enter(daemon.pid, write.format("A-2", "todo"))
    daemon.converges_to({"A-1.md": "done", "A-2.md": "todo"})


def test_a_root_unmounted_and_mounted_empty_between_two_looks(follow: Follow, stories: Path) -> None:
    """The new file system may have the numbers of the old one: only the kernel tells that it went."""
    mount = f"mount -t tmpfs tmpfs '{stories}'"
    spaces.need(spaces.USER_AND_MOUNTS, "mount -t tmpfs tmpfs /mnt")
    story = f"printf -- '---\\nid: A-1\\ntitle: About\\n---\\n' > '{stories}/A-1.md'"
    daemon = follow(
        wrap=lambda command: spaces.inside(spaces.USER_AND_MOUNTS, f"{mount} && {story}", command)
    )
    daemon.settles()
    spaces.enter(daemon.pid, f"umount '{stories}' && {mount}")
    daemon.wait(lambda: is_in(daemon, "lost"))
    assert list(daemon.statuses()) == ["A-1.md"]
    spaces.enter(daemon.pid, story.replace("A-1", "A-2"))
    daemon.wait(lambda: list(daemon.statuses()) == ["A-2.md"])


# Rows 10 and 11: the kernel's limits.


def test_beyond_the_limit_of_watches_folders_are_polled_until_it_is_raised(
    follow: Follow, stories: Path
) -> None:
    lower = "echo 40 > /proc/sys/user/max_inotify_watches"
    spaces.need(spaces.USER, lower)
    for number in range(60):
        put(stories, f"d{number}/A-{number}.md")
    daemon = follow(wrap=lambda command: spaces.inside(spaces.USER, lower, command))
    expected = {f"d{number}/A-{number}.md": "todo" for number in range(60)}
    daemon.converges_to(expected)
    project = told(daemon)
    assert project["state"] == "degraded"
    assert "22 of 61 folders are not watched" in project["reason"]
    assert "raise fs.inotify.max_user_watches (now " in project["reason"]
    assert "user.max_inotify_watches (now 40)" in project["reason"]
    assert (project["watches"]["registered"], project["watches"]["expected"]) == (39, 61)
    assert daemon.rows("SELECT state FROM roots") == [{"state": "degraded"}]
    assert daemon.logged("root.degraded", "fs.inotify.max_user_watches") == 1
    assert "degraded: 22 of 61 folders" in daemon.storysync("status").stdout
    for number in range(60):
        put(stories, f"d{number}/A-{number}.md", "done")
    put(stories, "late/deep/B-1.md")
    expected = {f"d{number}/A-{number}.md": "done" for number in range(60)} | {"late/deep/B-1.md": "todo"}
    daemon.converges_to(expected)
    spaces.enter(daemon.pid, "echo 1000 > /proc/sys/user/max_inotify_watches")
    daemon.wait(lambda: is_in(daemon, "live"))
    assert told(daemon)["reason"] == ""
    assert told(daemon)["watches"]["registered"] == 63
    put(stories, "late/deep/B-1.md", "done")
    daemon.converges_to(expected | {"late/deep/B-1.md": "done"})


def test_without_an_instance_everything_is_polled_until_there_is_one(follow: Follow, stories: Path) -> None:
    lower = "echo 0 > /proc/sys/user/max_inotify_instances"
    spaces.need(spaces.USER, lower)
    put(stories, "A-1.md")
    daemon = follow(wrap=lambda command: spaces.inside(spaces.USER, lower, command))
    project = told(daemon)
    assert project["state"] == "degraded"
    assert "raise fs.inotify.max_user_instances (now " in project["reason"]
    assert "user.max_inotify_instances (now 0)" in project["reason"]
    assert (project["watches"]["registered"], project["watches"]["polled"]) == (0, [""])
    put(stories, "A-1.md", "done")
    put(stories, "d/A-2.md")
    daemon.converges_to({"A-1.md": "done", "d/A-2.md": "todo"})
    assert not daemon.logged("watch.died")
    spaces.enter(daemon.pid, "echo 10 > /proc/sys/user/max_inotify_instances")
    daemon.wait(lambda: is_in(daemon, "live"))
    assert told(daemon)["watches"]["registered"] == 2


# Row 12: what may not be read.


def unprivileged(command: list[str]) -> list[str]:
    """Even root may then read only what permissions allow."""
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", *command]


def test_a_folder_and_a_file_that_may_not_be_read_hold_up_nothing_and_recover(
    follow: Follow, stories: Path
) -> None:
    put(stories, "secret/deep/A-1.md")
    put(stories, "A-2.md")
    closed = put(stories, "A-3.md")
    put(stories, "A-4.md")
    (stories / "secret").chmod(0)
    closed.chmod(0)
    daemon = follow(wrap=unprivileged)
    daemon.converges_to({"A-2.md": "todo", "A-4.md": "todo"})
    project = told(daemon)
    assert (project["state"], project["watches"]["polled"]) == ("degraded", ["secret"])
    assert "the folder secret is not readable; give storysync the right" in project["reason"]
    codes = {row["code"] for row in daemon.rows("SELECT code FROM problems")}
    assert {"unreadable-folder", "unreadable-file"} <= codes
    put(stories, "A-4.md", "done")
    daemon.converges_to({"A-2.md": "todo", "A-4.md": "done"})
    (stories / "secret").chmod(0o755)
    expected = {"secret/deep/A-1.md": "todo", "A-2.md": "todo", "A-4.md": "done"}
    daemon.converges_to(expected)
    daemon.wait(lambda: is_in(daemon, "live"))
    closed.chmod(0o644)
    put(stories, "secret/deep/A-1.md", "done")
    daemon.wait(lambda: daemon.statuses()["secret/deep/A-1.md"] == "done")


# Rows 13 and 14: something in the program fails.


@pytest.mark.parametrize(
    ("fault", "signs"),
    [
        ("watch.event=raise:RuntimeError:1", ["an event of the watcher could not be handled"]),
        (
            "watch.read=raise:RuntimeError:1",
            ["thread.died", "injected at watch.read", "watch.died", "reader"],
        ),
        (
            "watch.emit=raise:RuntimeError:1",
            ["thread.died", "injected at watch.emit", "watch.died", "emitter"],
        ),
        ("plan.made=raise:RuntimeError:2", ["sync.failed", "injected at plan.made"]),
    ],
    ids=["handler", "reader", "emitter", "worker"],
)
def test_an_exception_is_logged_and_nothing_is_missed(
    follow: Follow, stories: Path, fault: str, signs: list[str]
) -> None:
    put(stories, "A-1.md")
    daemon = follow(STORYSYNC_TESTING="faults", STORYSYNC_FAULTS=fault)
    put(stories.parent, "A-2.md").rename(stories / "A-2.md")  # a single event, and it is lost
    expected = {"A-1.md": "todo", "A-2.md": "todo"}
    daemon.converges_to(expected)
    daemon.wait(lambda: daemon.ask("status")["watcher_alive"])
    for sign in signs:
        assert sign in daemon.told()
    restarts = told(daemon)["watches"]["restarts"]
    assert restarts == ("watch.died" in signs)
    put(stories, "d/A-3.md", "done")
    daemon.converges_to(expected | {"d/A-3.md": "done"})
    daemon.is_equal()
