"""`--wait-synced` and freshness, with real daemons: what was on disk at the question is in the answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storysync.control import RemoteError
from storysync.daemon_relook import RELOOK_S, Relook
from storysync.daemon_wait import Waiting
from support.following import Following, put, wait
from support.forms import Form

Follow = Callable[..., Following]


@pytest.fixture
def follow(form: Form, stories: Path, tmp_path: Path) -> Iterator[Follow]:
    """`follow(NAME=…)` starts a daemon over `stories`, on each form of the database."""
    made: list[Following] = []
    with form.lent(tmp_path / "lent") as database:

        def start(**environ: str) -> Following:
            daemon = Following([stories], database.url, tmp_path / "state", **environ)
            made.append(daemon)
            return daemon.start()

        yield start
        for daemon in made:
            daemon.end()


def listed(daemon: Following, *words: str) -> dict[str, Any]:
    outcome = daemon.storysync("list", "--json", *words)
    assert outcome.returncode == 0, outcome.stderr
    document: dict[str, Any] = json.loads(outcome.stdout)
    return document


def only(document: dict[str, Any]) -> dict[str, Any]:
    (project,) = document["freshness"]["projects"]
    return dict(project)


def stored(daemon: Following) -> dict[str, str]:
    with daemon.database.reader() as reader:
        return {row["path"]: row["status"] for row in reader.rows("SELECT path, status FROM stories")}


def test_what_was_written_a_moment_ago_is_in_the_answer_each_time(follow: Follow, stories: Path) -> None:
    put(stories, "A-0.md")
    daemon = follow()
    for number in range(50):
        put(stories, f"deep/{number}/A-{number}.md", "done")
        daemon.ask("wait_settled", timeout_s=20)
        assert stored(daemon)[f"deep/{number}/A-{number}.md"] == "done", f"trial {number}"
    shutil.rmtree(stories / "deep" / "7")
    document = listed(daemon, "--wait-synced", "20")
    assert {story["path"] for story in document["data"]} == {
        "A-0.md", *(f"deep/{number}/A-{number}.md" for number in range(50) if number != 7)
    }  # fmt: skip


def test_the_wait_does_not_trust_events(follow: Follow, stories: Path) -> None:
    put(stories, "A-1.md")
    daemon = follow(STORYSYNC_TESTING="faults", STORYSYNC_FAULTS="watch.event=lose@1,scan.begin=hang:0.3s@1")
    put(stories, "A-2.md")
    time.sleep(0.5)
    assert "A-2.md" not in stored(daemon), "an event came through"
    daemon.ask("wait_settled", timeout_s=20)
    assert "A-2.md" in stored(daemon)


def test_every_question_takes_the_option_and_every_answer_tells_its_lag(
    follow: Follow, stories: Path
) -> None:
    put(stories, "A-1.md")
    daemon = follow()
    questions = [("ready",), ("blocked",), ("show", "A-9"), ("status",), ("sql", "select 1", "-p", "demo")]
    if "{" not in daemon.url:
        questions[-1] = ("sql", "select 1")
    put(stories, "A-9.md")
    for words in questions:
        outcome = daemon.storysync(*words, "--json", "--wait-synced", "20")
        assert outcome.returncode == 0, outcome.stderr
        document = json.loads(outcome.stdout)
        assert document["freshness"]["daemon"] == "running"
        assert (only(document)["mode"], only(document)["dirty"]) == ("live", 0)
    wait(lambda: only(listed(daemon))["settled"])
    assert only(listed(daemon))["lag_s"] == 0.0


def test_git_at_work_is_waited_for_and_named_when_it_takes_too_long(follow: Follow, stories: Path) -> None:
    subprocess.run(["git", "init", "-q", str(stories)], check=True)
    put(stories, "A-1.md")
    daemon = follow()
    lock = stories / ".git" / "index.lock"
    lock.touch()
    put(stories, "A-2.md")
    late = daemon.storysync("list", "--wait-synced", "1")
    assert (late.returncode, late.stdout) == (3, "")
    assert "demo: git is at work, " in late.stderr and "to look at" in late.stderr
    threading.Timer(0.5, lock.unlink).start()
    daemon.ask("wait_settled", timeout_s=20)
    assert "A-2.md" in stored(daemon)


def test_a_lost_folder_a_pause_and_a_wrong_question_are_named(follow: Follow, stories: Path) -> None:
    put(stories, "A-1.md")
    daemon = follow()
    daemon.ask("pause")
    with pytest.raises(RemoteError, match="the daemon is paused"):
        daemon.ask("wait_settled", timeout_s=0.2)
    assert only(listed(daemon))["mode"] == "paused"
    daemon.ask("resume")
    for wrong in (None, 0, -1, "5", 1e9):
        with pytest.raises(RemoteError, match="timeout_s"):
            daemon.ask("wait_settled", timeout_s=wrong)
    with pytest.raises(RemoteError, match="does not follow"):
        daemon.ask("wait_settled", projects=["nobody"], timeout_s=1)
    shutil.rmtree(stories)
    wait(lambda: only(listed(daemon))["mode"] == "lost")
    with pytest.raises(RemoteError, match="the folder is not there"):
        daemon.ask("wait_settled", timeout_s=1)
    told = only(listed(daemon))
    assert (told["mode"], told["settled"]) == ("lost", False) and told["lag_s"] > 0


def test_a_daemon_that_is_silent_is_no_lie_and_no_delay(follow: Follow, stories: Path) -> None:
    put(stories, "A-1.md")
    daemon = follow()
    os.kill(daemon.pid, signal.SIGSTOP)
    document = listed(daemon)
    late = daemon.storysync("list", "--wait-synced", "0.1")
    os.kill(daemon.pid, signal.SIGCONT)
    assert document["freshness"]["daemon"] == "silent"
    told = only(document)
    assert [told[name] for name in ("mode", "settled", "dirty")] == [None, None, None]
    assert told["lag_s"] > 0 and late.returncode == 3


def test_without_a_daemon_what_it_alone_knows_is_null_and_a_wait_is_refused(
    follow: Follow, form: Form, stories: Path
) -> None:
    put(stories, "A-1.md")
    daemon = follow()
    assert daemon.stop() == 0
    document = listed(daemon)
    told = only(document)
    assert document["freshness"]["daemon"] == "absent"
    assert (told["settled"], told["dirty"], told["broken"], told["held"]) == (None, None, 0, 0)
    assert told["mode"] == (None if form.name == "postgresql" else "unwatched")
    refused = daemon.storysync("list", "--wait-synced", "1")
    assert refused.returncode == 3 and "run `storysync sync` first" in refused.stderr


def test_held_deletions_are_told_until_they_are_confirmed(follow: Follow, stories: Path) -> None:
    for number in range(40):
        put(stories, f"A-{number}.md")
    daemon = follow(STORYSYNC_DELETIONS__HOLD_S="3600")
    for number in range(1, 40):
        (stories / f"A-{number}.md").unlink()
    status = daemon.storysync("status", "--wait-synced", "20")
    assert "held:           39 deletions since 20" in status.stdout, status.stdout
    assert "`storysync sync --confirm-deletions` removes their stories" in status.stdout
    document = json.loads(daemon.storysync("status", "--json").stdout)
    (project,) = document["data"]["projects"]
    assert project["held"]["count"] == 39 and project["held"]["since"].endswith("Z")
    assert only(document)["held"] == 39 and len(stored(daemon)) == 40
    released = daemon.storysync("sync", str(stories), "--confirm-deletions")
    assert released.returncode == 0 and "39 removed" in released.stdout
    document = json.loads(daemon.storysync("status", "--json").stdout)
    assert document["data"]["projects"][0]["held"] is None and len(stored(daemon)) == 1


def test_a_file_that_could_not_be_read_once_is_read_a_second_later(follow: Follow, stories: Path) -> None:
    put(stories, "A-1.md")
    daemon = follow(
        STORYSYNC_TESTING="faults",
        STORYSYNC_FAULTS="read.file=raise:OSError:2",
        STORYSYNC_WATCH__RECONCILE_MINUTES="60",
    )
    put(stories, "A-1.md", "done")
    began_at = time.monotonic()
    wait(lambda: stored(daemon)["A-1.md"] == "done", daemon.told)
    assert RELOOK_S[0] * 0.5 < time.monotonic() - began_at < RELOOK_S[1]


def test_looks_at_unreadable_files_are_three_and_begin_anew_with_new_ones() -> None:
    relook = Relook()
    a, b = frozenset({"a"}), frozenset({"a", "b"})
    relook.note(a, 0.0)
    assert (relook.take(0.9), relook.take(1.0), relook.take(1.1)) == (frozenset(), a, frozenset())
    relook.note(a, 1.0)
    assert relook.at == 1.0 + RELOOK_S[1]
    relook.note(a, 3.0)  # another batch does not put it off
    assert relook.take(6.0) == a
    relook.note(a, 6.0)
    assert relook.take(36.0) == a
    relook.note(a, 36.0)
    assert relook.at == float("inf")
    relook.note(b, 40.0)
    assert relook.take(41.0) == b
    relook.note(frozenset(), 41.0)
    assert relook.at == float("inf")


def test_a_scan_counts_when_it_began_after_the_question_and_read_every_file() -> None:
    waiting = Waiting()
    now = time.monotonic()
    waiting.note("demo", now - 1, None, ())
    assert waiting.wait(["demo"], now, now) == ["demo"]
    waiting.note("demo", now + 1, None, ("a/b.md", "c.md"))
    assert waiting.wait(["demo"], now, now) == ["demo"]
    waiting.note("demo", now + 2, ["a", "c.md"], ("c.md",))
    assert waiting.wait(["demo"], now, now) == ["demo"]
    waiting.note("demo", now + 3, ["c.md"], ())
    assert waiting.wait(["demo"], now, now) == []
    assert waiting.complete_from("demo") == now + 1
