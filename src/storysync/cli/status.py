"""`storysync status`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from storysync.cli import output
from storysync.cli.live import ask_daemon, with_wait
from storysync.cli.options import asking, load, with_app, with_json, with_projects
from storysync.cli.remote import daemon_status
from storysync.errors import DatabaseAway, WaitTimeout
from storysync.queries.freshness import ABSENT, Daemon, freshness
from storysync.queries.status import status


@click.command()
@with_projects
@with_wait
@with_app
@with_json
def command(
    projects: tuple[str, ...],
    database: str | None,
    config: str | None,
    as_json: bool,
    wait_s: float | None,
) -> int:
    """Count stories, files and problems of each project, and say how fresh they are."""
    app = load(database, config)
    if wait_s is not None:
        ask_daemon(app, projects, wait_s, wanted=False)
    running, silent = _daemon(app.databases.base)
    try:
        with asking(app, projects) as reader:
            found = status(reader, projects)
            fresh = freshness(reader, _asked(running, silent))
    except DatabaseAway:
        if running is not None and not as_json:
            for line in (f"daemon: {_told(running)}", *_dirty_lines(running)):
                output.warn(line)
        raise
    if as_json:
        for one in found:
            one.pop("real_path")
        output.show_document("status", {"projects": found, "daemon": running}, fresh)
        return 0
    lines = [f"database: {app.databases.place}", f"daemon: {silent or _told(running)}"]
    if not found:
        lines.append("no project yet; run `storysync sync PATH`")
    for one in found:
        lines += _lines(one) + _live_lines(running, one["id"])
    output.say("\n".join(lines))
    return 0


def _daemon(database: Path) -> tuple[dict[str, Any] | None, str]:
    """What the daemon says, None without one; and what to say of one that does not answer."""
    try:
        return daemon_status(database), ""
    except WaitTimeout as error:
        return None, f"running, but {error}"


def _asked(running: dict[str, Any] | None, silent: str) -> Daemon:
    return Daemon("silent") if silent else Daemon("running", running) if running else ABSENT


def _told(running: dict[str, Any] | None) -> str:
    if running is None:
        return "not running"
    state = "" if running["state"] == "running" else f", {running['state']}"
    away = running.get("waits_for_database")
    waits = f", waiting for the database since {output.moment(away['since'])}" if away else ""
    return f"running (process {running['pid']}{state}{waits})"


def _dirty_lines(running: dict[str, Any]) -> list[str]:
    """What waits in a daemon whose database does not answer."""
    return [f"{one['id']}: {output.count(one['dirty'], 'path')} to look at" for one in running["projects"]]


def _live_lines(running: dict[str, Any] | None, project_id: str) -> list[str]:
    """What only the daemon knows of a project: what waits, and why."""
    followed = {one["id"]: one for one in running["projects"]} if running else {}
    if running and project_id not in followed:
        return ["  daemon:         does not follow it"]
    now = followed.get(project_id, {})
    waits = [
        *([f"{now['state']}: {output.clean(now['reason'])}"] if now.get("reason") else []),
        *([f"{output.count(now['dirty'], 'path')} to look at"] if now.get("dirty") else []),
        *(["git is at work"] if now.get("waits_for_git") else []),
        *([f"the last sync failed: {output.clean(now['error'])}"] if now.get("error") else []),
    ]
    return [f"  daemon:         {'; '.join(waits)}"] if waits else []


def _lines(project: dict[str, Any]) -> list[str]:
    stories = sum(project["stories"].values())
    flags = project["flags"]
    shown = [
        ("folder", f"{output.clean(project['real_path'])} ({project['root_state'] or 'unknown'})"),
        ("last full scan", output.moment(project["last_full_scan_at"]) or "never"),
        ("commit", (project["head_commit"] or "")[:12]),
        ("stories", f"{stories}{_counts(project['stories'])}"),
        ("ready, blocked", f"{flags.get('ready', 0)}, {flags.get('blocked', 0)}"),
        ("files", f"{sum(project['files'].values())}{_counts(project['files'])}"),
        ("references", f"{sum(project['references'].values())}{_counts(project['references'])}"),
        ("problems", f"{sum(project['problems'].values())}{_counts(project['problems'])}"),
    ]
    if project["held"]:
        shown.append(("held", _held(project["held"])))
    attention = [f"{flags[name]} {name}" for name in ("contested", "stale") if flags.get(name)]
    if attention:
        shown.append(("attention", ", ".join(attention)))
    if project["last_sync"]:
        last = project["last_sync"]
        shown.append(("last change", f"{output.moment(last['finished_at'])} by {last['trigger']}"))
    lines = ["", output.heading(output.clean(project["id"]))]
    return lines + [f"  {label + ':':<16}{value}" for label, value in shown if value]


def _held(held: Mapping[str, Any]) -> str:
    deletions = output.count(held["count"], "deletion")
    return f"{deletions} since {output.moment(held['since'])}; `{held['confirm']}` removes their stories"


def _counts(counts: Mapping[str, int]) -> str:
    parts = [f"{number} {word}" for word, number in sorted(counts.items(), key=lambda item: -item[1])]
    return f" ({', '.join(parts)})" if parts else ""
