"""Floor 3: everything that can be drawn or alarmed on, in the text format of Prometheus.

Names follow its conventions; docs/monitoring.md lists them all. Labels are projects, and words of which
there are few: never ids or paths.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from storysync import __version__
from storysync.errors import StorysyncError
from storysync.jobs import metrics_measure
from storysync.jobs.health_backups import last_proof
from storysync.jobs.health_bounds import within
from storysync.jobs.health_report import RANK, HealthReport
from storysync.jobs.live import Answer, Live
from storysync.jobs.metrics_measure import Counts, Disks, Rows

if TYPE_CHECKING:
    from storysync.settings import BackupSettings
    from storysync.store.database import Database

FILE_MODE = 0o644  # node_exporter runs as another user
_INCIDENT_KINDS = ("damaged", "recovered", "restored")
_BACKUP_STATES = ("damaged", "good", "missing")

T = TypeVar("T")
Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Values of the labels, and the value; one that is not known is left out."""


class Family(NamedTuple):
    """A metric: `labels` are their names, the samples have their values in the same order."""

    kind: str  # counter or gauge
    name: str
    help: str
    labels: tuple[str, ...]
    samples: Samples


class Measured(NamedTuple):
    """A database, by its project; None for what could not be measured."""

    project: str
    rows: Rows | None
    disks: Disks | None
    size_bytes: int | None


def metrics_text(
    databases: Mapping[str, Database],
    report: HealthReport,
    *,
    live: Answer,
    backups: BackupSettings,
) -> str:
    """All metrics of these databases, by project, and of the health check that was just made.

    Never raises for a database that cannot be asked: `storysync_up` is 0 then, and its numbers are not there.
    """
    measured = [_measured(project, database, backups) for project, database in databases.items()]
    return exposed([*_of_program(measured, report), *_of_daemon(live), *_of_databases(measured)])


def exposed(families: Iterable[Family]) -> str:
    """In the text format, version 0.0.4. Metrics keep their order, samples are sorted by their labels."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.exposition import generate_latest
    from prometheus_client.registry import Collector, CollectorRegistry

    made: list[Metric] = []
    for family in families:
        form = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric: Any = form(family.name, family.help, labels=family.labels)
        for labels, value in sorted(family.samples, key=lambda sample: sample[0]):
            if value is not None:
                metric.add_metric(labels, value)
        made.append(metric)

    class Once(Collector):
        def collect(self) -> list[Metric]:
            return made

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    return generate_latest(registry).decode()


def write_textfile(path: Path, text: str) -> None:
    """Put the text into a file at once, readable for all: whoever reads it sees the old or the new one.

    Raises StorysyncError when it cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        try:
            descriptor = os.open(
                partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE
            )
            with open(descriptor, "w", encoding="utf-8") as stream:
                os.fchmod(descriptor, FILE_MODE)
                stream.write(text)
            partial.replace(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    except OSError as error:
        raise StorysyncError(
            f"cannot write the metrics to {path}: {error.strerror or error}",
            hint="make its folder, and let this user write there",
        ) from error


def _measured(project: str, database: Database, backups: BackupSettings) -> Measured:
    place = database.place
    return Measured(
        project,
        _known(f"metrics rows {place}", lambda: metrics_measure.rows(database)),
        _known(f"metrics disks {place}", lambda: metrics_measure.disks(database, project, backups)),
        _known(f"metrics size {place}", database.size_bytes),
    )


def _known(key: str, work: Callable[[], T]) -> T | None:
    """What is measured, None where it cannot be: the health checks, which are among the metrics, say why."""
    try:
        return within(key, work)
    except (StorysyncError, OSError):
        return None


def _of_program(measured: list[Measured], report: HealthReport) -> Iterator[Family]:
    yield _gauge("build_info", "Version of storysync", ("version",), [((__version__,), 1)])
    yield _gauge(
        "up", "Whether the database can be asked", ("project",),
        [((one.project,), int(one.rows is not None)) for one in measured],
    )  # fmt: skip
    yield _gauge("health_state", "Worst of all checks: 0 ok, 1 warn, 2 fail", (), [((), RANK[report.state])])
    yield _gauge(
        "health_last_check_timestamp_seconds", "When the checks were made", (),
        [((), report.checked_at.timestamp())],
    )  # fmt: skip
    named = [(*_check_and_project(check.name), check) for check in report.checks]
    yield _gauge(
        "health_check_state", "State of a check: 0 ok, 1 warn, 2 fail", ("check", "project"),
        [((check, project), RANK[one.state]) for check, project, one in named],
    )  # fmt: skip
    yield _gauge(
        "health_check_duration_seconds", "How long a check took", ("check", "project"),
        [((check, project), one.latency_ms / 1000) for check, project, one in named],
    )  # fmt: skip


def _of_daemon(answer: Answer) -> Iterator[Family]:
    live = answer if isinstance(answer, Live) else None

    def one(value: float | None) -> Samples:
        return [((), value)]

    def lived(value: Callable[[Live], float | None]) -> Samples:
        return one(value(live) if live else None)

    yield _gauge(
        "daemon_up", "Whether storysync run serves the database and answers", (), one(int(live is not None))
    )
    yield _gauge(
        "process_start_time_seconds", "When storysync run was started", (),
        lived(lambda it: datetime.fromisoformat(it.started_at).timestamp()),
    )  # fmt: skip
    yield _gauge(
        "main_loop_age_seconds", "Since the main loop last moved", (), lived(lambda it: it.main_age_s)
    )
    yield _gauge("paused", "Whether it was told to pause", (), lived(lambda it: int(it.paused)))
    yield _gauge(
        "database_awaited", "Whether it waits for a database that does not answer", (),
        lived(lambda it: int(it.waits_for_database)),
    )  # fmt: skip
    yield _gauge(
        "scheduler_up", "Whether periodic work is done", (), one(int(bool(live and live.scheduler_alive)))
    )
    yield _gauge("watcher_up", "Whether files are followed", (), one(int(bool(live and live.watcher_alive))))
    yield _gauge(
        "watcher_cookie_age_seconds", "Since it was last proved that events arrive", (),
        lived(lambda it: it.cookie_age_s),
    )  # fmt: skip
    yield _gauge("watcher_polled_parts", "Parts of folders that are polled", (), lived(lambda it: it.polled))
    yield _counter(
        "watcher_overflows", "Overflows of the kernel's queue of events", (), lived(lambda it: it.overflows)
    )
    yield _counter(
        "watcher_restarts", "How often a folder was watched anew", (), lived(lambda it: it.restarts)
    )
    yield _gauge("dirty_paths", "Paths that wait to be looked at", (), lived(lambda it: it.dirty))


def _of_databases(measured: list[Measured]) -> Iterator[Family]:
    known = [(one.project, one.rows) for one in measured if one.rows is not None]
    yield from _of_stories([rows for _, rows in known])
    yield _counter(
        "changes", "Changes of stories in the change feed", ("project",),
        [((project,), rows.changes) for project, rows in known],
    )  # fmt: skip
    yield from _of_jobs(known)
    yield _gauge(
        "incidents_open", "Incidents that nobody has acknowledged", ("kind", "project"),
        [
            ((kind, project), sum(one.kind == kind for one in rows.seen.incidents))
            for project, rows in known
            for kind in _INCIDENT_KINDS
        ],
    )  # fmt: skip
    yield _gauge(
        "database_bytes", "Size of the database on its disk", ("project",),
        [((one.project,), one.size_bytes) for one in measured],
    )  # fmt: skip
    disks = [(one.project, one.disks) for one in measured if one.disks is not None]
    yield _gauge(
        "database_wal_bytes", "What waits to be merged into the file", ("project",),
        [((project,), disk.unmerged_bytes) for project, disk in disks],
    )  # fmt: skip
    yield _gauge(
        "free_bytes", "Free space beside the database, and for its backups", ("place", "project"),
        [((place, project), free) for project, disk in disks for place, free in disk.free_bytes.items()],
    )  # fmt: skip
    yield from _of_backups(measured)


def _of_stories(known: list[Rows]) -> Iterator[Family]:
    yield _counted("stories", "Stories", "status", (rows.stories for rows in known))
    yield _counted("files", "Files", "state", (rows.files for rows in known))
    yield _counted("problems", "Problems found in files", "severity", (rows.problems for rows in known))
    yield _counted(
        "references", "References between stories; dangling ones find none", "state",
        (rows.references for rows in known),
    )  # fmt: skip
    yield _gauge(
        "last_full_scan_timestamp_seconds", "When all files of a project were last looked at", ("project",),
        [((root.project_id,), _seconds(root.scanned_at)) for rows in known for root in rows.seen.roots],
    )  # fmt: skip


def _of_jobs(known: list[tuple[str, Rows]]) -> Iterator[Family]:
    runs = [((run.name, project), run) for project, rows in known for run in rows.seen.jobs.values()]
    labels = ("job", "project")
    yield _gauge(
        "job_last_success_timestamp_seconds", "When a periodic job last ended well", labels,
        [(key, _seconds(run.succeeded_at)) for key, run in runs],
    )  # fmt: skip
    yield _gauge(
        "job_last_duration_seconds", "How long its last run took", labels,
        [(key, (run.finished_at - run.started_at).total_seconds()) for key, run in runs],
    )  # fmt: skip
    yield _gauge(
        "job_consecutive_failures", "How many runs in a row have not ended well", labels,
        [(key, run.failures) for key, run in runs],
    )  # fmt: skip


def _of_backups(measured: list[Measured]) -> Iterator[Family]:
    made = {one.project: one.disks.backups for one in measured if one.disks is not None}
    good = {
        project: next((one for one in backups if one.state == "good"), None)
        for project, backups in made.items()
    }
    yield _gauge(
        "backups", "Backups in their directory", ("project", "state"),
        [
            ((project, state), sum(one.state == state for one in backups))
            for project, backups in made.items()
            for state in _BACKUP_STATES
        ],
    )  # fmt: skip
    yield _gauge(
        "backup_last_success_timestamp_seconds", "When the newest good backup was made", ("project",),
        [((project,), one.created_at.timestamp() if one else None) for project, one in good.items()],
    )  # fmt: skip
    yield _gauge(
        "backup_last_size_bytes", "Size of the newest good backup", ("project",),
        [((project,), one.size if one else None) for project, one in good.items()],
    )  # fmt: skip
    yield _gauge(
        "restore_last_success_timestamp_seconds", "When a backup was last restored on trial", ("project",),
        [
            ((project,), _seconds(last_proof(backups)))
            for project, backups in made.items()
        ],
    )  # fmt: skip


def _gauge(name: str, told: str, labels: tuple[str, ...], samples: Samples) -> Family:
    return Family("gauge", f"storysync_{name}", told, labels, samples)


def _counter(name: str, told: str, labels: tuple[str, ...], samples: Samples) -> Family:
    """`_total` is added to its name."""
    return Family("counter", f"storysync_{name}", told, labels, samples)


def _counted(name: str, told: str, word: str, counts: Iterable[Counts]) -> Family:
    return _gauge(name, told, ("project", word), [item for one in counts for item in one.items()])


def _check_and_project(name: str) -> tuple[str, str]:
    check, _, project = name.partition(":")
    return check, project


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
