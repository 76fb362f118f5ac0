"""`storysync sql`."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from storysync.app import App
from storysync.cli import output
from storysync.cli.live import ask_daemon, with_wait
from storysync.cli.options import asking, load, with_app
from storysync.errors import UsageError
from storysync.queries.freshness import freshness
from storysync.queries.statement import statement

_COMMENT = re.compile(r"--\s")


class _SqlCommand(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A statement may begin with a comment, which only looks like an option."""
        return super().parse_args(ctx, [f"\n{one}" if _COMMENT.match(one) else one for one in args])


@click.command(cls=_SqlCommand)
@click.argument("query", metavar="SQL")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; its data is a list of objects.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@click.option(
    "--project", "-p", metavar="NAME", help="Ask the database of this project, where each has its own."
)
@click.option("--all-projects", is_flag=True, help="Ask each database, and put the rows one after the other.")
@with_wait
@with_app
def command(
    query: str,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
    project: str | None,
    all_projects: bool,
    wait_s: float | None,
    database: str | None,
    config: str | None,
) -> int:
    """Ask the database one question in SQL. `-` reads it from stdin; it cannot write.

    docs/schema.md describes tables and views; begin with v_stories, v_edges, v_ready, v_blocked, v_problems.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other", click.get_current_context(silent=True))
    text = sys.stdin.read() if query == "-" else query
    app = load(database, config)
    asked = _asked(app, project, all_projects=all_projects)
    daemon = ask_daemon(app, asked, wait_s, wanted=as_json)
    with asking(app, asked) as reader, _interruptible():
        names, rows = statement(reader, text, limit)
        fresh = freshness(reader, daemon) if as_json else None
    if as_json:
        data = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
        output.show_document("rows", data, fresh)
    elif as_csv:
        output.say(_csv(names, rows))
    else:
        output.show_table(names, rows, empty="no rows")
    return 0


def _asked(app: App, project: str | None, *, all_projects: bool) -> tuple[str, ...]:
    """The projects whose databases are asked; () for every database that there is."""
    if project is not None and all_projects:
        raise click.UsageError(
            "--project and --all-projects say two things", click.get_current_context(silent=True)
        )
    if app.databases.per_project:
        if project is None and not all_projects:
            raise UsageError(
                f"each project has a database of its own: {app.databases.place}",
                hint="name one with --project NAME, or ask each with --all-projects",
            )
    elif project is not None:
        raise UsageError(
            "all projects share one database, and SQL is not narrowed to one of them",
            hint=f"leave out --project, and add `project_id = '{project}'` to the question",
        )
    return () if project is None else (project,)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the process at once: Python would not hear of it before the database has answered."""
    former = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _plain(value: Any) -> Any:
    """A value that JSON can hold: bytes become hexadecimal text."""
    return value.hex() if isinstance(value, bytes) else value


def _csv(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    import csv
    import io

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return written.getvalue()
