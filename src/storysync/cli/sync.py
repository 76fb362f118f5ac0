"""`storysync sync`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from storysync.app import App, Progress
from storysync.cli import output
from storysync.cli.live import ask_daemon
from storysync.cli.options import load, with_app, with_json, with_one_project, with_paths
from storysync.cli.remote import STATUS_TIMEOUT_S, SYNC_TIMEOUT_S, ask, daemon_socket
from storysync.errors import Locked, UsageError
from storysync.queries.filters import Filter
from storysync.queries.freshness import freshness
from storysync.queries.list_stories import list_stories

if TYPE_CHECKING:
    from storysync.jobs.project import Project

HELD = 4
PROGRESS_AFTER_S = 1.0
LOCK_WAIT_S = 30.0
LOCK_POLL_S = 0.05


@click.command()
@with_paths
@with_app
@with_one_project
@click.option(
    "--moved", is_flag=True, help="The project's folder was moved here; keep its stories and history."
)
@click.option(
    "--reread", is_flag=True, help="Read every file, and put back what was changed by hand in the database."
)
@click.option("--confirm-deletions", is_flag=True, help="Remove at once what is gone, however much it is.")
@with_json
def command(
    paths: tuple[str, ...],
    database: str | None,
    config: str | None,
    project: str | None,
    moved: bool,
    reread: bool,
    confirm_deletions: bool,
    as_json: bool,
) -> int:
    """Make the database equal to the story files, once.

    Each PATH is the folder of one project. Without PATH: the projects of the settings, else those that the
    database knows. A running `storysync run` does the work itself.

    Exit codes: 0 the database equals the files, 4 deletions are held until they are confirmed.
    """
    app = load(database, config)
    projects = app.projects(paths, name=project)
    mind_the_place(app, projects)
    reports = _reports(app, projects, confirm_deletions=confirm_deletions, moved=moved, reread=reread)
    if as_json:
        daemon = ask_daemon(app, (), None, wanted=True)
        with app.reader([project.id for project in projects]) as reader:
            output.show_document("sync", reports, freshness(reader, daemon))
    else:
        output.say("\n".join(told(report) + _without_stories(app, report) for report in reports))
    return HELD if any(report["held"] for report in reports) else 0


def mind_the_place(app: App, projects: Sequence[Project]) -> None:
    app.refuse_place(projects)
    inside = app.database_inside(projects)
    if inside:
        output.warn(
            f"warning: the database lies inside the project folder {inside.root}; better keep it outside"
        )


def _reports(
    app: App, projects: Sequence[Project], *, confirm_deletions: bool, moved: bool, reread: bool
) -> list[dict[str, Any]]:
    socket = daemon_socket(app.databases.base)
    if socket:
        _same_folders(socket, projects, moved=moved)
        answer = ask(
            socket,
            SYNC_TIMEOUT_S,
            command="sync",
            projects=[project.id for project in projects],
            confirm_deletions=confirm_deletions,
            reread=reread,
        )
        return list(answer["reports"])
    give_up_at = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            with progress_bar() as progress:
                done = app.sync(
                    projects,
                    confirm_deletions=confirm_deletions,
                    moved=moved,
                    reread=reread,
                    progress=progress,
                    warn=output.warn,
                )
            return [msgspec.to_builtins(report) for report in done]
        except Locked:  # by another command, which is soon done, or by a daemon
            if time.monotonic() > give_up_at or daemon_socket(app.databases.base):
                raise
            time.sleep(LOCK_POLL_S)


def _same_folders(socket: Path, projects: Sequence[Project], *, moved: bool) -> None:
    """The daemon knows projects by id: refuse where it would look at another folder than is meant."""
    if moved:
        raise UsageError(
            "`storysync run` serves this database and follows the old folder",
            hint="stop it, sync with --moved, and start it with the new folder",
        )
    followed = {one["id"]: one["root"] for one in ask(socket, STATUS_TIMEOUT_S, command="status")["projects"]}
    for project in projects:
        root = followed.get(project.id, str(project.root))
        if root != str(project.root):
            raise UsageError(
                f"project {project.id!r} is already the folder {root}, not {project.root}",
                hint="stop `storysync run`, and use --project NAME for another project",
            )


def _without_stories(app: App, report: Mapping[str, Any]) -> str:
    """Say so when files were read but none is a story: the folder is probably not the one that is meant."""
    with app.reader((report["project_id"],)) as reader:
        found, _ = list_stories(reader, Filter(projects=(report["project_id"],)), sort="path", limit=1)
    return "" if found or not report["files"] else "\n  no file is a story; `storysync check` says why"


def told(report: Mapping[str, Any]) -> str:
    """One project's outcome in one line, and more lines for what needs attention."""
    counts = [
        f"{report[name]} {name}"
        for name in ("created", "updated", "moved", "removed", "stale")
        if report[name]
    ]
    stories = ", ".join(counts) if counts else "nothing changed"
    work = f"{output.count(report['files'], 'file')}, {report['duration_ms']:.0f} ms"
    lines = [f"{report['project_id']}: {stories} ({work})"]
    problems = report["problems"]
    found = [
        output.count(problems[severity], severity) if severity != "info" else f"{problems[severity]} info"
        for severity in ("error", "warning", "info")
        if problems.get(severity)
    ]
    if found:
        lines.append(f"  problems: {', '.join(found)}; see `storysync check`")
    loose = [f"{report[name]} {name}" for name in ("dangling", "ambiguous") if report[name]]
    if loose:
        lines.append(f"  references: {', '.join(loose)}")
    if report["held"]:
        lines.append(
            f"  {output.count(len(report['held']), 'deletion')} held, as if by accident;"
            " `storysync sync --confirm-deletions` removes them"
        )
    return "\n".join(lines)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A bar on stderr for work that takes over a second, at a terminal only."""
    import sys

    if not output.is_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    tasks: dict[str, Any] = {}
    started = time.monotonic()

    def progress(project_id: str, done: int, total: int) -> None:
        if time.monotonic() - started < PROGRESS_AFTER_S:
            return
        bar.start()
        if project_id not in tasks:
            tasks[project_id] = bar.add_task(project_id, total=total)
        bar.update(tasks[project_id], completed=done, total=total)

    try:
        yield progress
    finally:
        bar.stop()
