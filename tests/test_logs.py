from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from storysync import logs
from storysync.settings import LogSettings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


def written(**settings: Any) -> str:
    stream = io.StringIO()
    logs.configure(LogSettings(**settings), stream=stream)
    log = structlog.get_logger()
    log.debug("sync.detail")
    log.info("sync.done", project="demo", put=3, root="/with blank/x")
    return stream.getvalue()


def test_a_plain_line() -> None:
    (line,) = written().splitlines()
    stamp, rest = line.split(" ", 1)
    assert stamp.endswith("Z")
    assert rest == 'info sync.done project=demo put=3 root="/with blank/x"'


def test_json() -> None:
    (line,) = written(format="json").splitlines()
    event = json.loads(line)
    assert event.pop("at").endswith("Z")
    assert event == {
        "event": "sync.done",
        "level": "info",
        "project": "demo",
        "put": 3,
        "root": "/with blank/x",
    }


def test_levels() -> None:
    assert "sync.detail" in written(level="debug")
    assert written(level="warning") == ""


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        logs.configure(LogSettings(), stream=stream, environ=journal)
        structlog.get_logger().warning("root.lost", project="demo")
        try:
            raise ValueError("oh")
        except ValueError:
            structlog.get_logger().exception("sync.failed")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert lines[0] == "<4>root.lost project=demo"
    assert lines[1] == "<3>sync.failed"
    assert lines[-1] == "<3>ValueError: oh"
    assert all(line.startswith("<3>") for line in lines[1:])


def test_a_file_that_is_not_the_journal_gets_plain_lines(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stream:
        logs.configure(LogSettings(), stream=stream, environ={"JOURNAL_STREAM": "1:2"})
        structlog.get_logger().info("daemon.started")
        stream.seek(0)
        assert stream.read().endswith("Z info daemon.started\n")


def test_a_value_cannot_forge_a_line() -> None:
    stream = io.StringIO()
    logs.configure(LogSettings(), stream=stream)
    structlog.get_logger().info("sync.failed", error="one\ntwo\x1b[31m", empty="")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r'error="one\ntwo\u001b[31m" empty=""')


def test_warnings_of_libraries_are_events_too() -> None:
    stream = io.StringIO()
    logs.configure(LogSettings(), stream=stream)
    logging.getLogger("watchdog.observers").info("chatter")
    logging.getLogger("watchdog.observers").warning("queue %s", "full")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith('warning library.warned logger=watchdog.observers message="queue full"')
