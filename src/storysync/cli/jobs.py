"""`storysync jobs` and `storysync jobs run NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from storysync.app import App
from storysync.cli import output
from storysync.cli.live import TIMEOUT_S
from storysync.cli.options import load, with_app, with_json
from storysync.cli.remote import ask, daemon_socket
from storysync.control import NotRunning, RemoteError
from storysync.core import instants
from storysync.errors import StorysyncError, UsageError, WaitTimeout
from storysync.store.job_rows import NAMES, LastRun, last_runs
from storysync.store.reader import Reader

RUN_TIMEOUT_S = 86_400.0
"""The daemon gives a job up after its own deadline, and says so."""


@click.group(invoke_without_command=True)
@with_app
@with_json
@click.pass_context
def command(context: click.Context, database: str | None, config: str | None, as_json: bool) -> int:
    """Show the periodic jobs of the daemon: last and next run, results, intervals.

    Works without a daemon too: then the next run is when the job is due once one runs.
    """
    if context.invoked_subcommand is not None:
        context.obj = (database, config)
        return 0
    app = load(database, config)
    running = _daemon(app)
    found = [
        _told(app, project, name, runs, running) for project, runs in _runs(app).items() for name in NAMES
    ]
    if as_json:
        output.show_document("jobs", found, None)
        return 0
    per_project = app.databases.per_project
    headers = ("JOB", "LAST RUN", "STATE", "LAST SUCCESS", "NEXT RUN", "EVERY", "MESSAGE")
    output.show_table(
        (*(["PROJECT"] if per_project else []), *headers),
        [(*([one["project_id"]] if per_project else []), *_row(one)) for one in found],
        empty="no jobs",
        right=("EVERY",),
    )
    return 0


@command.command()
@click.argument("name", metavar="NAME")
@with_app
@with_json
@click.pass_context
def run(context: click.Context, name: str, database: str | None, config: str | None, as_json: bool) -> int:
    """Have the running `storysync run` do a job now, and wait for its result.

    NAME is reconcile, health, backup, verify, prune, integrity, maintain or reread. Who asks while the job
    runs waits for that run.

    Exit codes: 0 it went well, 1 it failed, or no daemon runs, 2 there is no such job.
    """
    above = context.obj or (None, None)
    if name not in NAMES:
        raise UsageError(f"unknown job {name!r}", hint=f"one of {', '.join(NAMES)}")
    app = load(database or above[0], config or above[1])
    socket = daemon_socket(app.databases.base)
    if socket is None:
        raise NotRunning(
            f"no `storysync run` serves {app.databases.place}, and jobs are its work",
            hint="start it, or use `storysync sync`, `storysync health` or `storysync backup create`",
        )
    answer = ask(socket, RUN_TIMEOUT_S, command="run_job", name=name)
    ended = answer["run"]
    if ended["state"] != "good":
        raise StorysyncError(f"the job {name} failed: {ended['message']}", hint="see the log of storysync")
    if as_json:
        output.show_document("job", {**ended, "result": {**answer, "run": None}}, None)
    else:
        output.say(f"{name}: {output.clean(ended['message'] or 'done')}")
    return 0


def _daemon(app: App) -> dict[str, Any] | None:
    """What the daemon says; None without one, or when it does not answer soon."""
    socket = daemon_socket(app.databases.base)
    try:
        return ask(socket, max(TIMEOUT_S, 2.0), command="status") if socket else None
    except (NotRunning, RemoteError, WaitTimeout) as error:
        output.warn(f"the daemon does not answer: {error}")
        return None


def _runs(app: App) -> dict[str, dict[str, LastRun]]:
    """By database; one of several that cannot be read is told of and left out."""
    found: dict[str, dict[str, LastRun]] = {}
    chosen = app.databases.chosen()
    for project, database in chosen.items():
        try:
            reader: Reader
            database.exists()  # says what is wrong with its place
            with database.reader() as reader:
                found[project] = last_runs(reader)
        except StorysyncError as error:
            if len(chosen) == 1:
                raise
            output.warn(f"project {project} is left out: {error}")
    return found


def _told(
    app: App, project: str, name: str, runs: dict[str, LastRun], running: dict[str, Any] | None
) -> dict[str, Any]:
    from storysync.daemon_intervals import intervals

    every_s = intervals(app.settings)[name]
    last = runs.get(name)
    begun = (running or {}).get("running_jobs", {}).get(name)
    return {
        "project_id": project or None,
        "name": name,
        "every_s": every_s,
        "running": begun is not None,
        "running_since": _text(begun),
        "last_run_at": instants.to_text(last.finished_at) if last else None,
        "state": last.state if last else None,
        "trigger": last.trigger if last else None,
        "message": last.message if last else "",
        "failures": last.failures if last else 0,
        "last_success_at": instants.to_text(last.succeeded_at) if last and last.succeeded_at else None,
        "next_run_at": _next(name, last, every_s, running),
        "due": "daemon" if running else "start",
    }


def _next(name: str, last: LastRun | None, every_s: float, running: dict[str, Any] | None) -> str:
    """When the daemon runs it next; without one when it is due, which is now at the earliest."""
    if running is not None and name in running.get("next_runs", {}):
        return _text(running["next_runs"][name]) or ""
    now = datetime.now(UTC)
    due = now
    if last is not None and last.succeeded_at is not None and last.succeeded_at <= now:
        due = max(now, last.succeeded_at + timedelta(seconds=every_s))
    return instants.to_text(due)


def _text(at: str | None) -> str | None:
    return instants.to_text(datetime.fromisoformat(at)) if at else None


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    state = "running" if one["running"] else one["state"] or "-"
    again = f" ({one['failures']} times)" if one["failures"] > 1 else ""
    return (
        one["name"],
        output.moment(one["last_run_at"]) or "never",
        state + again,
        output.moment(one["last_success_at"]) or "never",
        _awaited(one),
        _spell(one["every_s"]),
        one["message"],
    )


def _awaited(one: Mapping[str, Any]) -> str:
    """Without a daemon nothing runs: what is due already waits for its start."""
    if one["due"] == "start" and instants.from_text(one["next_run_at"]) <= datetime.now(UTC):
        return "at start"
    return output.moment(one["next_run_at"])


def _spell(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
