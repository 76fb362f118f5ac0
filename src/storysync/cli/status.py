"""`storysync status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from storysync.cli import output
from storysync.cli.options import load, with_app, with_json, with_projects
from storysync.cli.remote import STATUS_TIMEOUT_S, ask, daemon_socket
from storysync.queries.freshness import freshness
from storysync.queries.status import status


@click.command()
@with_projects
@with_app
@with_json
def command(projects: tuple[str, ...], database: str | None, config: str | None, as_json: bool) -> int:
    """Count stories, files and problems of each project, and say how fresh they are."""
    app = load(database, config)
    with app.reader() as reader, reader.snapshot():
        found = status(reader, projects)
        fresh = freshness(reader)
    socket = daemon_socket(app.database)
    running = ask(socket, STATUS_TIMEOUT_S, command="status") if socket else None
    if as_json:
        for one in found:
            one.pop("real_path")
        output.show_document("status", {"projects": found, "daemon": running}, fresh)
        return 0
    lines = [f"database: {app.database}", f"daemon: {'running' if running else 'not running'}"]
    if not found:
        lines.append("no project yet; run `storysync sync PATH`")
    for one in found:
        lines += _lines(one)
    output.say("\n".join(lines))
    return 0


def _lines(project: dict[str, Any]) -> list[str]:
    stories = sum(project["stories"].values())
    flags = project["flags"]
    shown = [
        ("folder", f"{output.clean(project['real_path'])} ({project['root_state'] or 'unknown'})"),
        ("last full scan", (project["last_full_scan_at"] or "never")[:19]),
        ("commit", (project["head_commit"] or "")[:12]),
        ("stories", f"{stories}{_counts(project['stories'])}"),
        ("ready, blocked", f"{flags.get('ready', 0)}, {flags.get('blocked', 0)}"),
        ("files", f"{sum(project['files'].values())}{_counts(project['files'])}"),
        ("references", f"{sum(project['references'].values())}{_counts(project['references'])}"),
        ("problems", f"{sum(project['problems'].values())}{_counts(project['problems'])}"),
    ]
    attention = [f"{flags[name]} {name}" for name in ("contested", "stale") if flags.get(name)]
    if attention:
        shown.append(("attention", ", ".join(attention)))
    if project["last_sync"]:
        last = project["last_sync"]
        shown.append(("last change", f"{last['finished_at'][:19]} by {last['trigger']}"))
    lines = ["", output.heading(output.clean(project["id"]))]
    return lines + [f"  {label + ':':<16}{value}" for label, value in shown if value]


def _counts(counts: Mapping[str, int]) -> str:
    parts = [f"{number} {word}" for word, number in sorted(counts.items(), key=lambda item: -item[1])]
    return f" ({', '.join(parts)})" if parts else ""
