"""`storysync metrics`, and the file that the daemon writes."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.conftest import Run
from support.following import Following, put
from support.forms import Form


def values(text: str) -> dict[tuple[str, ...], float]:
    """Name and values of labels -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_what_is_printed(filled: Run) -> None:
    printed = filled("metrics").out
    done = subprocess.run(["promtool", "check", "metrics"], input=printed, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_samples_are_counted(filled: Run, form: Form) -> None:
    found = values(filled("metrics").out)
    listed = filled("list", "--project", "velo", "--status", "ready", "--json").data["data"]
    assert found["storysync_stories", "velo", "ready"] == len(listed) > 0
    assert found["storysync_files", "velo-app", "broken"] == 1
    assert found["storysync_references", "velo", "dangling"] == 1
    assert found["storysync_up", ""] == 1
    assert found[("storysync_daemon_up",)] == 0
    assert found["storysync_health_check_state", "files", ""] == 1


def test_a_file_is_written_instead(synced: Run, here: Path) -> None:
    assert synced("metrics", "--output", "x.prom").out == ""
    file = here / "x.prom"
    assert values(file.read_text())["storysync_up", ""] == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    synced("metrics", "--output", "none/x.prom").failed(1, "cannot write the metrics to none/x.prom")


def test_what_is_ill_is_in_the_metrics_and_not_in_the_exit_code(run: Run, here: Path) -> None:
    told = run("metrics", "--database", f"postgresql://me:hidden@/db?host={here}")
    assert (told.code, values(told.out)["storysync_up", ""]) == (0, 0)
    assert values(told.out)["storysync_health_check_state", "database", ""] == 2
    assert "hidden" not in told.out


def test_no_database_at_all_is_an_error(run: Run) -> None:
    run("metrics").failed(5, "there is no database at", "storysync sync PATH")


def test_the_daemon_writes_the_file_after_each_check(stories: Path, tmp_path: Path) -> None:
    put(stories, "A-1.md")
    state, file = tmp_path / "daemon", tmp_path / "storysync.prom"
    daemon = Following(
        [stories], f"sqlite:///{state}/s.db", state,
        STORYSYNC_HEALTH__EVERY_MINUTES="0.01", STORYSYNC_HEALTH__TEXTFILE=str(file),
    ).start()  # fmt: skip
    try:
        daemon.wait(file.exists)

        def now() -> dict[Any, float]:
            return values(file.read_text(encoding="utf-8"))

        first = now()
        assert (first[("storysync_daemon_up",)], first["storysync_up", ""]) == (1, 1)
        assert first[("storysync_watcher_up",)] == first[("storysync_scheduler_up",)] == 1
        put(stories, "A-2.md")
        daemon.wait(lambda: now()["storysync_stories", "demo", "todo"] == 2)
        started = ("storysync_process_start_time_seconds",)
        assert now()[started] == first[started]
        daemon.wait(lambda: values(daemon.storysync("metrics").stdout).keys() == now().keys())
    finally:
        daemon.end()
