"""`storysync db copy` and `storysync db digest`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click
import msgspec

from storysync.app import App
from storysync.cli import output
from storysync.cli.options import load, with_app, with_json
from storysync.cli.sync import progress_bar

_SHOWN = 16
"""Digits of a digest that a person compares; `--json` has all."""


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--config", metavar="FILE", help="Settings file to use instead of the one found upward.")
@with_json
def copy(source: str, target: str, config: str | None, as_json: bool) -> int:
    """Copy all of the database FROM into the empty database TO.

    Each is a URL or a path, as `--database` takes it. Histories and the numbers of stories come along.
    Whatever interrupts it leaves TO empty: run it again.
    """
    given, taking = _app(source, "FROM", config), _app(target, "TO", config)
    with progress_bar() as progress:
        reports = given.copy_to(taking, progress=progress)
    if as_json:
        output.show_document("copy", msgspec.to_builtins(reports), None)
        return 0
    for report in reports:
        output.show_table(
            ("TABLE", "ROWS", "DIGEST"),
            [(one.table, one.rows, one.digest[:_SHOWN]) for one in report.tables],
            right=("ROWS",),
            empty="no tables",
        )
        output.say(
            f"equal: {output.count(report.rows, 'row')} from {report.source} to {report.target}"
            f" in {report.duration_ms / 1000:.1f} s"
        )
    return 0


@click.command()
@click.option(
    "--no-uids", is_flag=True, help="Leave out what depends on when and in which order files were read."
)
@with_app
@with_json
def digest(no_uids: bool, database: str | None, config: str | None, as_json: bool) -> int:
    """Print the rows and the digest of each table, to compare databases on any engine.

    Equal for a copy; with --no-uids also for databases that were synced on their own from the same files.
    """
    from storysync.store.digest import digests, total

    app = load(database, config)
    databases = list(app.databases.chosen().values())
    with ExitStack() as stack:
        parts = [stack.enter_context(one.read_only()) for one in databases]
        found = digests(parts, host=databases[0].host, uids=not no_uids)
    if as_json:
        data: dict[str, Any] = {"uids": not no_uids, "tables": found, "digest": total(found)}
        output.show_document("digest", msgspec.to_builtins(data), None)
        return 0
    rows = [(one.table, one.rows, one.digest[:_SHOWN]) for one in found]
    rows.append(("(all)", sum(one.rows for one in found), total(found)[:_SHOWN]))
    output.show_table(("TABLE", "ROWS", "DIGEST"), rows, right=("ROWS",), empty="no tables")
    return 0


def _app(database: str, name: str, config: str | None) -> App:
    if not database:
        raise click.UsageError(f"{name} is empty", click.get_current_context())
    return load(database, config)
