"""`storysync backup restore`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from storysync.app import App
from storysync.cli import output
from storysync.cli.options import load, with_app, with_json
from storysync.cli.remote import daemon_socket
from storysync.errors import Locked, StorysyncError, UsageError
from storysync.store.database import Database
from storysync.store.revisions import HEAD

if TYPE_CHECKING:
    from storysync.jobs.backup_files import Manifest
    from storysync.jobs.restore import Present

HELD = 4


@click.command()
@click.argument("name", required=False)
@click.option("--at", metavar="TIME", help="The last verified one made until then: RFC 3339; no zone: UTC.")
@click.option("--to", metavar="PATH", help="Restore beside: a new file, or a new database of the server.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option(
    "--project", "-p", metavar="NAME", help="The project whose database it is, where each has its own."
)
@with_app
@with_json
def command(
    name: str | None,
    at: str | None,
    to: str | None,
    yes: bool,
    project: str | None,
    database: str | None,
    config: str | None,
    as_json: bool,
) -> int:
    """Put a backup in the place of the database, and read all files again.

    Without NAME: the newest verified one. It is restored on trial first. The present database is moved aside,
    and nothing of it is lost. `storysync run` must be stopped, but for --to.

    Exit codes: 1 the backup is damaged, 3 there is none, 4 done, but deletions are held, 6 the daemon runs.
    """
    from storysync.jobs import restore

    app = load(database, config)
    project_id, wanted = _wanted(app, project)
    settings = app.settings.backup
    if name is not None and at is not None:
        raise UsageError("NAME and --at name a backup both", hint="leave out one of them")
    moment = None if at is None else _moment(at)
    if to is None:
        _refuse_served(app)
    chosen = restore.choose(wanted, settings, name=name, at=moment, project=project_id)
    if to is not None:
        url = restore.extract(wanted, settings, chosen, to)
        _show_extracted(chosen, url, as_json=as_json)
        return 0
    present = restore.look_at_present(wanted, chosen)
    if not yes:
        _ask(wanted, chosen, present)
    report = restore.restore(wanted, settings, chosen, project=project_id)
    synced, failed = _read_again(app, wanted)
    if as_json:
        told = {**msgspec.to_builtins(report), "present": msgspec.to_builtins(present)}
        output.show_document("restore", {**told, "synced": synced, "failed": failed}, None)
    else:
        _show(report, synced)
    for project_name, reason in failed.items():
        output.warn(
            f"restored, but project {project_name} was not read again: {reason}; run `storysync sync`"
        )
    if failed:
        return 1
    return HELD if any(one["held"] for one in synced) else 0


def _wanted(app: App, project: str | None) -> tuple[str, Database]:
    from storysync.cli.backup import databases_of

    found = databases_of(app, project)
    if len(found) > 1:
        raise UsageError(
            "each project has a database of its own, and one is restored at a time",
            hint=f"name one with --project: {', '.join(found)}",
        )
    return next(iter(found.items()))


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        moment = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is no time",
            hint="write it as 2026-11-21T10:15:00Z, or 2026-11-21 for its first moment",
        ) from None
    # Lists show whole seconds: what they show must find the backup that they show.
    return moment if moment.microsecond else moment.replace(microsecond=999_999)


def _refuse_served(app: App) -> None:
    """Before anything is looked at, and asked in vain."""
    from storysync.jobs.restore import STOP_FIRST

    if daemon_socket(app.databases.base) is not None:
        raise Locked(f"`storysync run` serves {app.databases.place}", hint=STOP_FIRST)


def _ask(database: Database, chosen: Manifest, present: Present) -> None:
    """Say what will be done, on stderr, and go on only with a yes. Raises UsageError without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("a restore must be confirmed, and this is no terminal", hint="add --yes")
    for line in _intention(database, chosen, present, datetime.now(UTC)):
        click.echo(output.clean(line), err=True)
    click.confirm("Restore it?", abort=True, err=True)


def _intention(database: Database, chosen: Manifest, present: Present, now: datetime) -> list[str]:
    made = f"made {_age(now, chosen.created_at)} ago, {_stamp(chosen.created_at)}"
    lines = [
        f"backup:   {chosen.name}, {made}, by storysync {chosen.storysync}",
        f"database: {database.place}",
    ]
    if chosen.database not in ("", database.place):
        lines.append(f"          it is a backup of {chosen.database}")
    if chosen.schema_version != HEAD:
        lines.append(f"          its schema {chosen.schema_version} is brought to {HEAD} then")
    if present.state == "none":
        return [*lines, "          there is none now"]
    if present.state != "there":
        lines.append(f"          the present one cannot be read: {present.state}")
    for table, count in present.rows.items():
        lines.append(
            f"          {table.replace('_', ' ')}: {count} now, {chosen.rows.get(table, 0)} in the backup"
        )
    if present.changes_since:
        lines.append(
            f"          {output.count(present.changes_since, 'change')} came since; the backup lacks them"
        )
    return [
        *lines,
        "          the present one is moved aside, beside where it lies; all files are read again",
    ]


def _read_again(app: App, database: Database) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Sync every project that the restored database knows. Returns reports, and why others have none."""
    from storysync.queries.known_roots import known_roots

    with database.reader() as reader:
        roots = known_roots(reader)
    synced: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for root, project_id in roots.items():
        try:
            done = app.sync(app.projects([root]), reread=True, warn=output.warn)
            synced += [msgspec.to_builtins(report) for report in done]
        except (StorysyncError, OSError) as error:
            failed[project_id] = str(error)
    return synced, failed


def _show(report: Any, synced: Sequence[dict[str, Any]]) -> None:
    from storysync.cli.sync import told

    lines = [f"restored {report.backup} of {_stamp(report.created_at)} to {output.clean(report.database)}"]
    if report.aside:
        lines.append(f"the former database lies at {output.clean(report.aside)}")
    if report.migrated_from:
        lines.append(f"its schema {report.migrated_from} was brought to {HEAD}")
    output.say("\n".join([*lines, *map(told, synced)]))


def _show_extracted(chosen: Manifest, url: str, *, as_json: bool) -> None:
    if as_json:
        data = {"backup": chosen.name, "created_at": chosen.created_at, "url": url}
        output.show_document("restore", {**data, "schema_version": chosen.schema_version}, None)
        return
    older = (
        "" if chosen.schema_version == HEAD else f" (schema {chosen.schema_version}; `storysync db upgrade`)"
    )
    output.say(f"restored {chosen.name} of {_stamp(chosen.created_at)} to {output.clean(url)}{older}")


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _age(now: datetime, then: datetime) -> str:
    minutes = max(0, round((now - then).total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
