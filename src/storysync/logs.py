"""How log events look. Their names are `noun.verb`; they carry ids, counts and times, never story text.

On a terminal they are coloured; in the journal they begin with the priority that it understands and have
no time of their own; elsewhere they are plain lines, or JSON when that is asked for.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from storysync.settings import LogSettings

_last: deque[str] = deque(maxlen=1)
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_LEVEL = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(
    settings: LogSettings, *, stream: TextIO | None = None, environ: Mapping[str, str] | None = None
) -> None:
    """Set up structlog, and send the warnings of libraries the same way. Call it once, early."""
    out = stream if stream is not None else sys.stderr
    journal = _is_journal(out, os.environ if environ is None else environ)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _remember,
            *_rendering(settings, journal=journal, colours=out.isatty() and not os.environ.get("NO_COLOR")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVEL[settings.level]),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    libraries = logging.getLogger()
    libraries.handlers[:] = [_FromLibraries(level=logging.WARNING)]
    # What it warns of when a connection is lost is raised as well, and logged once by whoever catches it.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def last_error() -> str:
    """The newest event of a level that is an error, with its time (UTC); '' for none so far."""
    return _last[-1] if _last else ""


def _remember(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if event.get("level") in ("error", "critical"):
        told = {key: value for key, value in event.items() if key not in ("level", "exc_info", "exception")}
        _last.append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {_words(told)}")
    return event


def _rendering(settings: LogSettings, *, journal: bool, colours: bool) -> list[Processor]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")
    if settings.format == "json":
        return [
            stamp,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    if journal:
        return [structlog.processors.format_exc_info, _journal_line]
    if colours:
        console = structlog.dev.ConsoleRenderer(
            timestamp_key="at", pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        return [stamp, console]
    return [stamp, structlog.processors.format_exc_info, _plain_line]


def _plain_line(logger: WrappedLogger, method: str, event: EventDict) -> str:
    stamp, level, trace = event.pop("at"), event.pop("level"), event.pop("exception", "")
    return f"{stamp} {level} {_words(event)}" + (f"\n{trace}" if trace else "")


def _journal_line(logger: WrappedLogger, method: str, event: EventDict) -> str:
    level, trace = event.pop("level"), event.pop("exception", "")
    lines = [_words(event), *trace.splitlines()]
    return "\n".join(f"<{_PRIORITY[level]}>{line}" for line in lines)


def _words(event: Mapping[str, Any]) -> str:
    """`sync.done project=demo put=3`; a value with blanks or quotes is written as JSON."""
    pairs = [f"{key}={_value(value)}" for key, value in event.items() if key != "event"]
    return " ".join([str(event["event"]), *pairs])


def _value(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether systemd connected this very stream to its journal: it names the socket in JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False  # closed, or not a real file
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _FromLibraries(logging.Handler):
    """Warnings of watchdog, APScheduler and alembic, as events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        log = getattr(structlog.get_logger(), level if level in _PRIORITY else "warning")
        log("library.warned", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)
