"""Every command on the sample stories: what it prints, in text and in JSON, and its exit code."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storysync.cli import remote
from storysync.cli.init_template import TEMPLATE
from storysync.settings_load import load_settings
from storysync.store.database import Database

Run = Callable[..., Any]
SAMPLES = Path(__file__).resolve().parents[2] / "sample_stories"


def test_init_writes_settings_once_and_they_work(run: Run, here: Path) -> None:
    assert run("init").code == 0
    written = (here / "storysync.toml").read_text()
    run("init").failed(2, "exists and was left as it is")
    assert (here / "storysync.toml").read_text() == written
    (here / "A-1.md").write_text("---\nid: A-1\nstatus: todo\n---\n# A\n")
    assert run("sync").out.startswith("here: 1 created")


def test_every_commented_setting_of_init_is_a_real_one(here: Path) -> None:
    bare = "\n".join(line.removeprefix("# ") for line in TEMPLATE.splitlines() if "=" in line or "[" in line)
    (here / "storysync.toml").write_text(bare)
    assert {"project", "database", "reading"} == tomllib.loads(bare).keys()
    loaded = load_settings(here, {"XDG_CONFIG_HOME": str(here)})
    assert loaded.settings.reading.statuses == {"in QA": "review"}


def test_init_sample_copies_and_never_overwrites(run: Run, here: Path) -> None:
    outcome = run("init", "--sample", "demo")
    assert outcome.code == 0 and "storysync sync" in outcome.out
    copied = {path.relative_to(here / "demo") for path in (here / "demo").rglob("*.md")}
    assert copied == {path.relative_to(SAMPLES) for path in SAMPLES.rglob("*.md")}
    run("init", "--sample", "demo").failed(2, "not an empty folder")
    (here / "empty").mkdir()
    assert run("init", "--sample", "empty").code == 0


def test_sync_tells_counts_and_then_that_nothing_changed(filled: Run) -> None:
    again = filled("sync")
    assert again.code == 0
    assert [line.split(" (")[0] for line in again.out.splitlines() if not line.startswith("  ")] == [
        "velo: nothing changed",
        "velo-app: nothing changed",
        "platform: nothing changed",
    ]
    document = filled("sync", "velo", "--json").data
    assert (document["schema_version"], document["kind"], document["next"]) == (1, "sync", None)
    assert document["data"][0]["changed"] is False
    assert len(document["freshness"]["projects"]) == 3


def test_sync_says_when_no_file_is_a_story(run: Run, here: Path, stored: Database) -> None:
    (here / "notes").mkdir()
    (here / "notes" / "a.md").write_text("just a note\n")
    outcome = run("sync", "notes")
    assert outcome.code == 0 and "no file is a story; `storysync check` says why" in outcome.out


def test_sync_holds_mass_deletion_until_it_is_confirmed(run: Run, here: Path, stored: Database) -> None:
    folder = here / "many"
    folder.mkdir()
    for number in range(40):
        (folder / f"M-{number}.md").write_text(f"---\nid: M-{number}\nstatus: todo\n---\n")
    assert run("sync", "many").code == 0
    for number in range(1, 40):
        (folder / f"M-{number}.md").unlink()
    held = run("sync", "many")
    assert held.code == 4 and "39 deletions held" in held.out
    verified = run("verify", "many")
    assert verified.code == 4 and "equal but for held deletions" in verified.out
    assert "held: M-1.md" in verified.out
    assert "39 removed" in run("sync", "many", "--confirm-deletions").out
    assert run("verify", "many").code == 0


def test_sync_moved_keeps_the_project(filled: Run, here: Path) -> None:
    shutil.move(here / "velo", here / "velo-new")
    (here / "storysync.toml").unlink()
    filled("sync", "velo-new", "--project", "velo").failed(2, "--moved")
    assert "nothing changed" in filled("sync", "velo-new", "--project", "velo", "--moved").out


def test_verify_names_what_differs_and_changes_nothing(filled: Run, here: Path) -> None:
    assert filled("verify").out.splitlines()[-1].startswith("equal: ")
    story = here / "velo" / "rentals" / "VEL-101-show-free-bikes.md"
    story.write_text(story.read_text().replace("status: done", "status: review").replace("Done", "Review"))
    different = filled("verify")
    assert different.code == 1
    assert "VEL-101" in different.out and different.out.splitlines()[-1].startswith("different")
    assert filled("verify", "--json").data["data"]["equal"] is False
    assert filled("sync").code == 0
    assert filled("verify", "--json").data["data"] == {
        **filled("verify", "--json").data["data"], "equal": True, "differences": [], "held": [],
    }  # fmt: skip


def test_check_prints_places_and_needs_no_database(run: Run, here: Path, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, here, dirs_exist_ok=True)
    outcome = run("check", "velo-app")
    assert outcome.code == 1
    assert "velo-app/epic-2-account/2.5-offline-rides.md:4:1: error merge-conflict " in outcome.out
    assert not (tmp_path / "state").exists()
    document = run("check", "velo-app", "--json").data
    assert document["freshness"] is None
    assert {one["severity"] for one in document["data"]["findings"]} >= {"error"}


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_check_fails_from_the_level_that_is_asked(run: Run, here: Path, level: str, code: int) -> None:
    (here / "a").mkdir()
    (here / "a" / "A-1.md").write_text("---\nid: A-1\nstatus: todo\ndependencies: [A-9]\n---\n# A\n")
    assert run("check", "a", "--fail-on", level).code == code


def test_list_filters_and_pages(filled: Run) -> None:
    lines = filled("list", "--project", "velo", "--status", "done,todo").out.splitlines()
    assert lines[0].split() == ["ID", "STATUS", "PRIO", "POINTS", "OWNER", "TITLE"]
    assert len(lines) == 8
    first = filled("list", "--limit", "5", "--json").data
    assert (len(first["data"]), first["next"]) == (5, 5)
    last = filled("list", "--offset", "35", "--json").data
    assert (len(last["data"]), last["next"]) == (1, None)
    assert len(filled("list", "--contested", "--json").data["data"]) == 2
    assert filled("list", "--label", "nothing has this").out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list", "--status", "nope"), 2, "--status 'nope' is none of draft"),
        (("list", "--priority", "9"), 2, "--priority '9' is none of 0"),
        (("list", "--kind", "novel"), 2, "--kind 'novel' is none of story"),
        (("list", "--sort", "weight"), 2, "--sort 'weight' is none of id"),
        (("list", "--project", "nope"), 3, "known projects: platform, velo, velo-app"),
        (("ready", "--project", "nope"), 3, "there is no project 'nope'"),
        (("blocked", "--project", "nope"), 3, "there is no project 'nope'"),
        (("status", "--project", "nope"), 3, "there is no project 'nope'"),
        (("show", "NOPE-1"), 3, "there is no story 'NOPE-1'"),
        (("show", "vel-11"), 3, "fits 7 stories: velo:VEL-110, velo:VEL-111"),
        (("show", "VEL-111"), 3, "fleet/VEL-111-battery-forecast.md, stations/VEL-111-dock-health.md"),
        (("sql", "delete from stories"), 2, "`sql` only reads"),
        (("sql", "select nope"), 1, "nope"),
        (("sql", "select 1", "--json", "--csv"), 2, "exclude each other"),
        (("db", "upgrade", "nope"), 2, "cannot migrate to 'nope'"),
        (("completion", "tcsh"), 2, "'tcsh' is not one of"),
    ],
)
def test_wrong_questions_are_one_line(filled: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    filled(*arguments).failed(code, said)


def test_show_tells_what_a_second_source_says(here: Path, run: Run, stored: Database) -> None:
    (here / "1-2-sign-in.md").write_text("# Story 1.2: Sign in\n\nStatus: review\n")
    (here / "sprint-status.yaml").write_text("development_status:\n  1-2-sign-in: done\n")
    assert run("sync", ".").code == 0
    out = run("show", "1.2").out
    assert "status in other files\n  sprint-status.yaml:2: done, differs\n" in out
    (claim,) = run("show", "1.2", "--json").data["data"]["status_claims"]
    assert (claim["path"], claim["line"], claim["col"], claim["status"]) == (
        "sprint-status.yaml",
        2,
        16,
        "done",
    )
    assert claim["stale"] is False
    assert "1 second_source" in run("status").out


def test_show_tells_both_directions_and_places(filled: Run) -> None:
    out = filled("show", "vel_104").out
    assert "  velo: rentals/VEL-104-charge-for-a-ride.md:2" in out
    assert "depends on\n  platform:PLT-004 (done)" in out
    assert "needed by\n  velo:VEL-105 (backlog)" in out
    assert "acceptance criteria (0 of " in out
    story = filled("show", "velo:VEL-104", "--json").data["data"]
    assert {edge["relation"] for edge in story["edges"]} == {"depends_on", "needed_by"}


def test_ready_and_blocked_explain_themselves(filled: Run) -> None:
    ready = {story["id"] for story in filled("ready", "--json").data["data"]}
    blocked = {story["id"]: story for story in filled("blocked", "--json").data["data"]}
    assert ready and not ready & blocked.keys()
    out = filled("blocked", "--project", "velo").out
    assert "VEL-140 (dangling)" in out and "its id is contested" in out
    assert filled("ready", "--limit", "1").out.count("\n") == 2


def test_status_and_health_count(filled: Run) -> None:
    out = filled("status").out
    assert "daemon: not running" in out and "(1 broken" not in out.splitlines()[0]
    document = filled("status", "--project", "velo", "--json").data
    assert [one["id"] for one in document["data"]["projects"]] == ["velo"]
    assert "real_path" not in document["data"]["projects"][0]
    health = filled("health")
    assert health.code == 0 and "database" in health.out
    assert {one["name"] for one in filled("health", "--json").data["data"]["checks"]} >= {
        "database", "sync:velo", "files",
    }  # fmt: skip


def test_backups_are_made_and_listed(synced: Run) -> None:
    made = synced("backup", "create")
    file = Path(made.out.split(" (")[0])
    assert made.code == 0 and file.exists()
    (listed,) = synced("backup", "list", "--json").data["data"]
    assert (listed["file"], listed["size"], listed["state"]) == (str(file), file.stat().st_size, "good")
    file.unlink()
    assert "missing" in synced("backup", "list").out


def test_sql_prints_text_json_and_csv(filled: Run) -> None:
    question = "select id, priority, null as gap from stories where id = 'VEL-102'"
    assert filled("sql", question).out.split() == ["id", "priority", "gap", "VEL-102", "1", "-"]
    assert filled("sql", question, "--json").data["data"] == [{"id": "VEL-102", "priority": 1, "gap": None}]
    assert list(csv.reader(io.StringIO(filled("sql", question, "--csv").out)))[1] == ["VEL-102", "1", ""]
    assert len(filled("sql", "select id from stories", "--limit", "3", "--json").data["data"]) == 3
    assert filled("sql", "select 1 where 1 = 0", "--json").data["data"] == []


def test_sql_may_begin_with_a_comment(filled: Run) -> None:
    assert filled("sql", "-- why\nselect 7 as n", "--json").data["data"] == [{"n": 7}]
    filled("sql", "--jsn", "select 1").failed(2, "No such option")


def test_sql_is_read_from_stdin(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 7 as n"))
    assert filled("sql", "-", "--json").data["data"] == [{"n": 7}]


def test_db_goes_down_and_up_again(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYSYNC_BACKUP__BEFORE_MIGRATION", "false")
    revision = filled("db", "current").out.strip()
    assert filled("db", "downgrade", "base", "--yes").out.endswith("revision base\n")
    assert filled("db", "current").out.startswith("none (this storysync needs")
    filled("list").failed(5, "storysync db upgrade")
    assert filled("db", "upgrade").out.endswith(f"revision {revision}\n")
    assert "created" in filled("sync").out


def test_config_show_tells_where_values_come_from(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "storysync.toml").write_text("[backup]\ndaily = 3\n[reading.statuses]\n'at QA' = 'review'\n")
    monkeypatch.setenv("STORYSYNC_LOG__LEVEL", "debug")
    shown = run("config", "show").out
    assert tomllib.loads(shown)["reading"]["statuses"] == {"at QA": "review"}
    lines = run("config", "show", "--origin").out.splitlines()
    assert f"backup.daily = 3  # {here / 'storysync.toml'}:2" in lines
    assert 'log.level = "debug"  # STORYSYNC_LOG__LEVEL' in lines
    assert "watch.settle_ms = 75  # default" in lines
    assert run("config", "show", "--json").data["data"]["backup.daily"]["value"] == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(run: Run, shell: str) -> None:
    assert "_STORYSYNC_COMPLETE" in run("completion", shell).out


def test_completion_offers_commands_and_options(here: Path) -> None:
    def offered(words: str, at: int) -> str:
        environ = {
            **os.environ,
            "_STORYSYNC_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(at),
        }
        script = "import sys; sys.argv = ['storysync']; from storysync.cli.main import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environ, cwd=here, check=False
        ).stdout

    assert "plain,blocked" in offered("storysync bl", 1)
    assert "plain,--contested" in offered("storysync list --con", 2)


def test_a_daemon_does_the_work_while_it_runs(synced: Run, here: Path) -> None:
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "storysync", "run"], cwd=here, env=environ, stderr=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stderr
        try:
            for line in daemon.stderr:
                if "daemon.started" in line:
                    break
            assert synced("sync").code == 0
            assert "daemon: running" in synced("status").out
            assert synced("backup", "create").code == 0
            assert "following the files" in synced("health").out
            synced("db", "downgrade", "base").failed(6, f"process {daemon.pid}")
            synced("sync", "--moved").failed(2, "follows the old folder")
            elsewhere = here / "other" / "velo"
            shutil.copytree(here / "velo", elsewhere)
            synced("sync", elsewhere).failed(2, "'velo' is already the folder")
            shutil.copytree(here / "velo", here / "new")
            synced("sync", "new").failed(3, "does not follow a project 'new'")
            second = [sys.executable, "-m", "storysync", "run"]
            refused = subprocess.run(
                second, cwd=here, env=environ, capture_output=True, text=True, check=False
            )
            assert refused.returncode == 6 and f"process {daemon.pid}" in refused.stderr
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.stderr.read()
    assert daemon.returncode == 0


def test_show_names_the_broken_file_that_would_hold_the_story(filled: Run) -> None:
    filled("show", "2.5").failed(3, "velo-app:epic-2-account/2.5-offline-rides.md", "storysync check")
    filled("show", "2.50").failed(3, "there is no story '2.50'\n")


@pytest.mark.parametrize("text", ["rentals/VEL-101-show-free-bikes.md", "./VEL-101-show-free-bikes.md"])
def test_show_takes_a_path_from_the_current_folder(
    filled: Run, here: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(here / "velo" / "rentals")
    assert filled("show", text).out.startswith("VEL-101 ")
    assert filled("show", here / "velo" / "rentals" / "VEL-101-show-free-bikes.md").out.startswith("VEL-101 ")


def test_show_tells_only_the_parts_that_a_user_story_has(run: Run, here: Path) -> None:
    (here / "A-1.md").write_text("---\nid: A-1\nstatus: todo\n---\nAs a clerk, I want tea.\n")
    assert run("sync", ".", "--database", "x.db").code == 0
    assert "\n  As clerk, I want tea.\n" in run("show", "A-1", "--database", "x.db").out


def test_config_show_tells_each_project_line_by_line(synced: Run, here: Path) -> None:
    shown = synced("config", "show").out
    assert [one["id"] for one in tomllib.loads(shown)["projects"]] == ["velo", "velo-app", "platform"]
    lines = synced("config", "show", "--origin").out.splitlines()
    assert f'owner = "rentals-team"  # {here / "storysync.toml"}:9' in lines
    assert max(map(len, lines)) < 400
    words = 'reading.statuses."at the testers" = "review"'
    assert f"{words}  # {here / 'storysync.toml'}:34" in lines


def test_times_are_told_with_their_zone(synced: Run) -> None:
    assert synced("backup", "create").code == 0
    assert re.search(r"T\d\d:\d\d:\d\dZ  good", synced("backup", "list").out)
    assert re.search(r"last full scan: \S+T\d\d:\d\d:\d\dZ\n", synced("status").out)


def test_db_tells_its_revision_as_json(synced: Run, here: Path) -> None:
    document = synced("db", "current", "--json").data
    assert document["kind"] == "schema"
    assert document["data"]["revision"] == document["data"]["needed"]
    assert synced("db", "downgrade", "base", "--yes", "--json").data["data"]["revision"] is None
    assert synced("db", "upgrade", "--json").data["data"] == document["data"]
    synced("db", "current", "--database", here).failed(5, "is a folder")


def test_a_daemon_that_hangs_is_told_of(
    synced: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STATUS_TIMEOUT_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "state" / "storysync" / "storysync.db.sock"))
        silent.listen()
        health = synced("health")
        assert health.code == 1 and "hangs" in health.out
        status = synced("status")
        assert status.code == 0 and "daemon: running, but no answer within 0.1 s" in status.out


def test_an_endless_question_can_be_interrupted(filled: Run, here: Path) -> None:
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    with subprocess.Popen([sys.executable, "-m", "storysync", "sql", endless], cwd=here) as asking:
        try:
            time.sleep(0.5)
            for _ in range(100):  # the first may come before it is asked
                asking.send_signal(signal.SIGINT)
                if asking.poll() is not None:
                    break
                time.sleep(0.1)
            assert asking.returncode in (-signal.SIGINT, 130)
        finally:
            asking.kill()


def test_show_takes_one_of_several_stories_in_a_file(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch, stored: Database
) -> None:
    (here / "specs").mkdir()
    (here / "specs" / "tasks.md").write_text("# Tasks\n\n- [x] T001 First\n- [ ] T002 Second\n")
    assert run("sync", ".").code == 0
    monkeypatch.chdir(here / "specs")
    out = run("show", "tasks.md#t002").out
    assert out.startswith("T002  Second\n") and "specs/tasks.md:4 #t002\n" in out
    assert run("show", "specs/T001").out.startswith("T001  First\n")
    run("show", "tasks.md").failed(3, "fits 2 stories")
    run("show", "tasks.md#t009").failed(3, "there is no story")
