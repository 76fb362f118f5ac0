"""`docs/logs.md`: every event that the source logs, with its levels and values, and how it looks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog

from storysync import logs
from storysync.settings import LogSettings
from support.log_events import MORE, Event, logged

PAGE = Path(__file__).resolve().parents[1] / "docs" / "logs.md"
TEXT = {"title", "body", "text", "content", "description", "criteria", "notes", "old", "new", "value"}
"""Names of values that would be of a story."""
SYNC = {"project": "shop", "trigger": "watch", "full": False, "put": 3, "removed": 0, "ms": 41.2}
BACKUP = {"state": "failed", "error": "no space left on device: /backup"}
SHOWN: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("info", "sync.done", SYNC),
    ("error", "backup.failed", BACKUP),
)


def documented() -> dict[str, Event]:
    part = PAGE.read_text(encoding="utf-8").partition("\n## Events\n")[2]
    found: dict[str, Event] = {}
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            assert len(cells) == 4 and cells[3], line
            name, levels, fields = cells[0].strip("`"), cells[1], cells[2]
            assert name not in found, name
            found[name] = Event(set(levels.split(", ")), set(filter(None, fields.split(", "))))
    return found


def test_every_event_is_documented_and_every_documented_event_is_logged() -> None:
    assert documented().keys() == logged().keys()


@pytest.mark.parametrize("name", sorted(documented()))
def test_levels_and_values_are_those_of_the_source(name: str) -> None:
    told, real = documented()[name], logged().get(name, Event())
    assert (told.levels, told.fields) == (real.levels, real.fields), f"{name} in {sorted(real.files)}"


def test_names_are_noun_and_verb_and_values_are_no_text_of_stories() -> None:
    found = logged()
    assert len(found) > 30
    for name, event in found.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)?", name), name
        assert not event.fields & TEXT, name


# -- how it looks ------------------------------------------------------------------------------------------


def block(kind: str) -> list[str]:
    (found,) = re.findall(rf"<!-- {kind} -->\n```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return str(found).splitlines()


def written(path: Path, format_: str, *, journal: bool) -> list[str]:
    with path.open("w") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"} if journal else {}
        logs.configure(LogSettings(format=format_), stream=stream, environ=environ)  # type: ignore[arg-type]
        log = structlog.get_logger()
        for level, name, values in SHOWN:
            getattr(log, level)(name, **values)
    return path.read_text().splitlines()


@pytest.mark.parametrize("kind", ["console", "json", "journal"])
def test_the_formats_look_as_the_page_shows(kind: str, tmp_path: Path) -> None:
    format_ = "json" if kind == "json" else "console"
    lines = written(tmp_path / "log", format_, journal=kind == "journal")
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert [stamp.sub("T", one) for one in lines] == [stamp.sub("T", one) for one in block(kind)]
    assert all(stamp.search(one) for one in lines) == (kind != "journal")


# -- what a daemon logs ------------------------------------------------------------------------------------

SECRET = "Xyzzy"
STORY = f"""---
id: A-1
title: {SECRET} title
status: {SECRET} status
owner: {SECRET} owner
dependencies: [{SECRET}-7]
---

# {SECRET}

- [ ] {SECRET} criterion
"""


def test_a_daemon_logs_documented_events_without_a_word_of_the_stories(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "A-1.md").write_text(STORY)
    (folder / "broken.md").write_text(f"---\nid: [{SECRET}\ntitle: {SECRET}\n---\n")
    environ = os.environ | {
        "STORYSYNC_LOG__LEVEL": "debug",
        "STORYSYNC_LOG__FORMAT": "json",
        "STORYSYNC_HEALTH__EVERY_MINUTES": "0.01",
        "STORYSYNC_DATABASE__URL": f"sqlite:///{tmp_path}/state/s.db",
    }
    command = [sys.executable, "-m", "storysync", "run", str(folder)]
    log = tmp_path / "log"
    with log.open("w") as stream:
        daemon = subprocess.Popen(command, env=environ, stderr=stream, stdout=stream)
        try:
            events_of(log, {"daemon.started", "health.changed"}, daemon)
            (folder / "A-1.md").write_text(STORY.replace("A-1", "A-2"))
            events_of(log, {"daemon.started", "health.changed", "job.done"}, daemon, syncs=2)
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=60) == 0
    text = log.read_text()
    told = documented()
    for line in text.splitlines():
        event = json.loads(line)
        name, level = event.pop("event"), event.pop("level")
        assert event.pop("at").endswith("Z")
        assert level in told[name].levels, line
        assert MORE in told[name].fields or event.keys() <= told[name].fields, line
    assert "daemon.stopped" in text
    assert SECRET.lower() not in text.lower()


def events_of(log: Path, wanted: set[str], daemon: subprocess.Popen[bytes], *, syncs: int = 1) -> None:
    """Wait until these events are logged, and so many syncs."""
    until = time.monotonic() + 60
    names: list[str] = []
    while not (wanted <= set(names) and names.count("sync.done") >= syncs):
        assert time.monotonic() < until and daemon.poll() is None, log.read_text()
        time.sleep(0.05)
        whole = log.read_text().splitlines(keepends=True)
        names = [json.loads(line)["event"] for line in whole if line.endswith("\n")]
