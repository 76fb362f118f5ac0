"""All metrics: what promtool and the client's own parser say of them, and whether they tell the truth."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from storysync import __version__
from storysync.core import instants
from storysync.errors import StorysyncError
from storysync.jobs.backup import make_backup
from storysync.jobs.health import check_all
from storysync.jobs.live import Live, Silent
from storysync.jobs.metrics import Family, exposed, metrics_text, write_textfile
from storysync.settings import BackupSettings, HealthSettings
from storysync.store import incidents, job_rows
from storysync.store.database import Database, database_at
from storysync.store.job_rows import JobRun
from support import postgres
from support.forms import Form, only
from support.health import NOON, WELL, but

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "monitoring.md"
BACKUPS = BackupSettings(pg_bin=str(postgres.newest_programs()))
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
Samples = dict[tuple[str, ...], float]


def promtool(*arguments: str, given: str = "") -> str:
    """What it prints; empty when it has nothing to say against the metrics."""
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True)
    return f"{done.stdout}{done.stderr}" if done.returncode else done.stderr


def parsed(text: str) -> dict[str, Samples]:
    """Name of a sample -> values of its labels, by the order of their names -> value."""
    found: dict[str, Samples] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type in ("gauge", "counter"), family
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            own = found.setdefault(sample.name, {})
            assert labels not in own, f"{sample} is there twice"
            own[labels] = sample.value
    return found


def text_of(databases: dict[str, Database], live: Any = WELL) -> str:
    report = check_all(databases, HealthSettings(min_free_mb=0), live=live, backups=BACKUPS, now=NOON)
    return metrics_text(databases, report, live=live, backups=BACKUPS)


@pytest.fixture
def filled(database: Database) -> Iterator[Database]:
    noon = instants.to_text(NOON)
    with database.open() as store:
        with store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'demo')")
            tx.execute(
                "INSERT INTO roots (project_id, real_path, state, last_full_scan_at)"
                " VALUES ('demo', '/x', 'live', ?)",
                (noon,),
            )
            for name in ("a.md", "b.md"):
                tx.execute(
                    "INSERT INTO files (project_id, path, state) VALUES ('demo', ?, 'broken')", (name,)
                )
            began = NOON - timedelta(seconds=4)
            job_rows.note(tx, JobRun("verify", "timer", began, NOON, "good", ""))
            job_rows.note(tx, JobRun("verify", "timer", began, NOON, "failed", "torn"))
            incidents.note(tx, "restored", "restored from b2", NOON)
        yield database


def test_they_tell_what_is_so(filled: Database) -> None:
    made = make_backup(filled, BACKUPS, trigger="test", now=lambda: NOON)
    live = but(overflows=3, restarts=2, dirty=5, paused=True)
    found = parsed(text_of({"": filled}, live))
    noon = NOON.timestamp()
    assert found["storysync_build_info"] == {(__version__,): 1}
    assert found["storysync_up"] == {("",): 1}
    assert found["storysync_files"][("demo", "broken")] == 2
    assert found["storysync_files"][("demo", "story")] == 0
    assert set(found["storysync_stories"].values()) == {0}
    assert found["storysync_references"][("demo", "dangling")] == 0
    assert found["storysync_last_full_scan_timestamp_seconds"] == {("demo",): noon}
    assert found["storysync_changes_total"] == {("",): 0}
    assert found["storysync_job_last_success_timestamp_seconds"] == {("verify", ""): noon}
    assert found["storysync_job_last_duration_seconds"] == {("verify", ""): 4}
    assert found["storysync_job_consecutive_failures"] == {("verify", ""): 1}
    assert found["storysync_incidents_open"][("restored", "")] == 1
    assert found["storysync_backups"] == {("", "good"): 1, ("", "damaged"): 0, ("", "missing"): 0}
    assert found["storysync_backup_last_success_timestamp_seconds"] == {("",): noon}
    assert found["storysync_backup_last_size_bytes"] == {("",): made.size}
    assert found["storysync_restore_last_success_timestamp_seconds"] == {("",): noon}
    assert found["storysync_database_bytes"][("",)] > 100_000
    assert found["storysync_free_bytes"][("backups", "")] > 0
    assert ("",) in found.get("storysync_database_wal_bytes", {}) or filled.file is None
    assert found["storysync_watcher_overflows_total"] == {(): 3}
    assert found["storysync_watcher_restarts_total"] == {(): 2}
    assert (found["storysync_dirty_paths"], found["storysync_paused"]) == ({(): 5}, {(): 1})
    assert found["storysync_process_start_time_seconds"] == {(): noon - 4 * 3600}


def test_health_is_among_them(filled: Database) -> None:
    found = parsed(text_of({"": filled}))
    states = found["storysync_health_check_state"]
    assert states[("sync", "demo")] == 0 and states[("files", "")] == 1 and states[("daemon", "")] == 0
    assert found["storysync_health_state"] == {(): max(states.values())}
    assert found["storysync_health_last_check_timestamp_seconds"] == {(): NOON.timestamp()}
    assert found["storysync_health_check_duration_seconds"].keys() == states.keys()


@needs_promtool
def test_promtool_finds_nothing_wrong(filled: Database) -> None:
    assert promtool("check", "metrics", given=text_of({"": filled})) == ""
    assert "_total" in promtool("check", "metrics", given="# TYPE storysync_x counter\nstorysync_x 1\n")


@needs_promtool
@only("sqlite")
def test_promtool_takes_them_without_daemon_and_database(tmp_path: Path, form: Form) -> None:
    gone = {"one": form.empty(tmp_path / "one"), "two": form.migrated(tmp_path / "two")}
    for live in (None, Silent()):
        text = text_of(gone, live)
        assert promtool("check", "metrics", given=text) == ""
        found = parsed(text)
        assert found["storysync_up"] == {("one",): 0, ("two",): 1}
        assert found["storysync_daemon_up"] == found["storysync_watcher_up"] == {(): 0}
        assert "storysync_dirty_paths" not in found
        assert ("one",) not in found["storysync_database_bytes"]


def test_a_server_that_is_away_is_told_by_up(tmp_path: Path) -> None:
    away = database_at(f"postgresql://me:hidden@/db?host={tmp_path}")
    text = text_of({"": away})
    assert parsed(text)["storysync_up"] == {("",): 0}
    assert "hidden" not in text


@only("sqlite")
def test_the_same_state_gives_the_same_text(filled: Database) -> None:
    def told() -> str:
        return re.sub(r"(?m)^storysync_(health_check_duration|free_bytes).*$", "", text_of({"": filled}))

    assert told() == told()
    lines = [line for line in told().splitlines() if line.startswith("storysync_files{")]
    assert lines == sorted(lines) and len(lines) > 3


@only("sqlite")
def test_labels_are_few(filled: Database) -> None:
    families = text_string_to_metric_families(text_of({"": filled}))
    names = {name for family in families for sample in family.samples for name in sample.labels}
    assert names == {
        "version", "project", "check", "status", "state", "severity", "job", "kind", "place",
    }  # fmt: skip


def test_a_file_is_put_in_place_at_once_and_readable_for_all(tmp_path: Path) -> None:
    target = tmp_path / "storysync.prom"
    target.write_text("old")
    target.chmod(0o600)
    write_textfile(target, "new ü\n")
    assert target.read_text(encoding="utf-8") == "new ü\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorysyncError, match=r"cannot write the metrics to .*No such file"):
        write_textfile(tmp_path / "none" / "storysync.prom", "new\n")
    (tmp_path / "storysync.prom").mkdir()
    with pytest.raises(StorysyncError, match="cannot write the metrics"):
        write_textfile(tmp_path / "storysync.prom", "new\n")
    assert [file.name for file in tmp_path.iterdir()] == ["storysync.prom"]


def test_strange_values_of_labels_come_back() -> None:
    odd = 'a"b\\c\nd'
    family = Family("gauge", "storysync_x", "Help with \\ and\nlines", ("place",), [((odd,), 1.5)])
    assert parsed(exposed([family])) == {"storysync_x": {(odd,): 1.5}}


@only("sqlite")
def test_the_page_lists_every_metric(filled: Database) -> None:
    make_backup(filled, BACKUPS, trigger="test", now=lambda: NOON)
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text_of({"": filled}), re.M))
    table = PAGE.read_text(encoding="utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `(\w+)(?:\{[\w, ]*\})?` \| (\w+) \|", table, re.M))
    assert listed == types


@needs_promtool
def test_the_rules_of_the_page_are_accepted_and_name_metrics_that_exist(tmp_path: Path, samples: Any) -> None:
    (rules,) = re.findall(r"```yaml\n(groups:.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    file = tmp_path / "storysync.yml"
    file.write_text(rules, encoding="utf-8")
    assert promtool("check", "rules", str(file)) == ""
    exist = set(re.findall(r"^# TYPE (\w+)", text_of({"": samples.database}), re.M))
    named = set(re.findall(r"\bstorysync_\w+", rules))
    assert named and named <= exist, named - exist


def test_what_the_daemon_says_of_itself_survives_its_socket() -> None:
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(WELL)), Live) == WELL
