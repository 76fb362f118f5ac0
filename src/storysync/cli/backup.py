"""`storysync backup create|list|verify|restore|prune`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from storysync.app import App, require_id
from storysync.cli import output
from storysync.cli.live import ask_daemon
from storysync.cli.options import load, with_app, with_json
from storysync.cli.remote import ask, daemon_socket
from storysync.core import instants
from storysync.errors import Locked, NotFound, StoreError, StorysyncError, UsageError
from storysync.store.database import Database

if TYPE_CHECKING:
    from storysync.jobs.backup import BackupReport
    from storysync.jobs.backup_files import Manifest
    from storysync.jobs.backup_verify import VerifiedBackup

_GRACE_S = 60.0
"""A daemon tells by itself when a backup takes too long."""

with_own_project = click.option(
    "--project", "-p", metavar="NAME", help="Only this project's database, where each has its own."
)


class _Group(click.Group):
    """`restore` is a module of its own, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "restore"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "restore":
            command: click.Command = import_module("storysync.cli.backup_restore").command
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Group)
def command() -> None:
    """Make, list, prove, restore and remove backups of the database."""


def databases_of(app: App, project: str | None) -> dict[str, Database]:
    """The databases whose backups are meant, by project, whether they are there or not; `''` is that of all.

    Raises UsageError, or StoreError when each project has its own and none is there.
    """
    if not app.databases.per_project:
        if project is not None:
            raise UsageError("all projects share one database", hint="leave out --project")
        return {"": app.database}
    if project is not None:
        require_id(project)
        return app.databases.named([project])
    return app.databases.chosen()


# -- create ------------------------------------------------------------------------------------------


@command.command()
@with_own_project
@with_app
@with_json
def create(project: str | None, database: str | None, config: str | None, as_json: bool) -> int:
    """Make a backup now and prove that it restores. A running `storysync run` makes it itself.

    Exit codes: 1 the backup failed; the older ones are untouched.
    """
    app = load(database, config)
    wanted = databases_of(app, project)
    _require_databases(wanted.values())
    socket = daemon_socket(app.databases.base)
    made = _asked(app, socket, project) if socket else _made(app, wanted)
    failed = [f"{one.get('message')}" for one in made.values() if one.get("state") == "failed"]
    good = [one for one in made.values() if one.get("state") != "failed"]
    for one in good if not as_json else ():
        output.say(f"{output.clean(one.get('file'))} ({_size(one.get('size'))}, verified)")
        if one.get("message"):
            output.warn(f"{one['message']}")
    if failed:
        raise StorysyncError(
            f"the backup failed: {'; '.join(failed)}",
            hint="mend that and try again; older backups are untouched",
        )
    if as_json:
        listed = [_attempt(one, name) for name, one in made.items()]
        output.show_document("backup", listed[0] if "" in made else listed, _freshness(app))
    return 0


def _attempt(made: Mapping[str, Any], project: str) -> dict[str, Any]:
    """In the words of `backup list`, whoever made it."""
    told = {key: value for key, value in made.items() if key not in ("project", "digest", "run")}
    return {**told, "sha256": made.get("digest"), "project_id": project}


def _require_databases(databases: Iterable[Database]) -> None:
    """Raise StoreError unless each is there, ours, and not newer than this program; an older one is fine."""
    from storysync.store.stores import refuse_unusable

    for one in databases:
        if not one.exists():
            raise StoreError(f"there is no database at {one.place}", hint="run `storysync sync PATH` first")
        refuse_unusable(one)


def _asked(app: App, socket: Path, project: str | None) -> dict[str, dict[str, Any]]:
    """What a daemon has made, by project; `''` is the database of all projects."""
    wait_s = app.settings.backup.deadline_minutes * 60 + _GRACE_S
    answer = ask(socket, wait_s, command="run_job", name="backup")
    made = dict(answer["backups"]) if "backups" in answer else {"": answer}
    if project is not None and project not in made:
        raise NotFound(f"the running daemon does not follow a project {project!r}")
    return made if project is None else {project: made[project]}


def _made(app: App, wanted: Mapping[str, Database]) -> dict[str, dict[str, Any]]:
    """Every database in turn; one that fails does not stop the others."""
    import msgspec

    from storysync.jobs.backup import make_backup

    made: dict[str, dict[str, Any]] = {}
    for name, database in wanted.items():
        report = make_backup(database, app.settings.backup, trigger="command", project=name)
        _note(database, report)
        made[name] = msgspec.to_builtins(report, str_keys=True, enc_hook=str)
        if name and report.state == "failed":
            made[name]["message"] = f"project {name}: {report.message}"
    return made


def _note(database: Database, report: BackupReport) -> None:
    """Put it on record. The backup is one all the same where that cannot be done: its manifest says so."""
    from storysync.jobs.backup import note
    from storysync.store.stores import locked

    try:
        with locked(database), database.open(auto_migrate=False) as store:
            note(store, report)
    except (StoreError, Locked) as error:
        output.warn(f"the database has no record of this attempt: {error}")


# -- list --------------------------------------------------------------------------------------------


@command.command("list")
@with_own_project
@with_app
@with_json
def list_backups(project: str | None, database: str | None, config: str | None, as_json: bool) -> int:
    """List the backups that there are, newest first. The database need not be there.

    \b
    STATE: good      restored on trial and found equal when it was made, and since
           damaged   it does not restore any more
           missing   its file is gone
    """
    app = load(database, config)
    found = [one for name, of in databases_of(app, project).items() for one in _listed(app, name, of)]
    found.sort(key=lambda one: one.created_at, reverse=True)
    if as_json:
        output.show_document("backup-list", [_plain(one) for one in found], _freshness(app))
        return 0
    own = ("PROJECT",) if app.databases.per_project else ()
    rows = [
        (
            *((one.project,) if own else ()), output.moment(_text(one.created_at)), one.state,
            output.moment(_text(one.verified_at)), _size(one.size), one.row_count, one.trigger or "-",
            one.name,
        )
        for one in found
    ]  # fmt: skip
    headers = (*own, "CREATED", "STATE", "VERIFIED", "SIZE", "ROWS", "TRIGGER", "NAME")
    output.show_table(headers, rows, empty="no backup yet", right=("SIZE", "ROWS"))
    for one in found:
        if one.reason:
            output.warn(f"{one.name}: {one.reason}")
    return 0


def _listed(app: App, project: str, database: Database) -> list[Manifest]:
    from storysync.jobs.backup_files import backup_directory, backups_in

    return backups_in(backup_directory(database, app.settings.backup, project), database.place)


def _plain(one: Manifest) -> dict[str, Any]:
    return {
        "name": one.name,
        "created_at": _text(one.created_at),
        "verified_at": _text(one.verified_at),
        "size": one.size,
        "state": one.state,
        "reason": one.reason,
        "file": str(one.data) if one.file else None,
        "trigger": one.trigger,
        "engine": one.engine_version,
        "schema_version": one.schema_version,
        "rows": one.row_count,
        "sha256": one.sha256,
        "duration_ms": one.duration_ms,
        "project_id": one.project,
    }


# -- verify ------------------------------------------------------------------------------------------


@command.command()
@click.argument("name", required=False)
@with_own_project
@with_app
@with_json
def verify(
    name: str | None, project: str | None, database: str | None, config: str | None, as_json: bool
) -> int:
    """Prove that a backup restores; by default the newest.

    It is restored into a scratch database, and all of it compared with what was there when it was made.
    NAME is as `backup list` shows it, or the path of its file. The database need not be there.

    Exit codes: 1 it is damaged, or could not be tried; 3 there is no such backup.
    """
    if name == "":
        raise click.UsageError("NAME is empty", click.get_current_context())
    app = load(database, config)
    done = _verified(app, name, databases_of(app, project))
    for one in done if not as_json else ():
        if one.state == "good":
            compared = f"{output.count(one.tables, 'table')}, {output.count(one.rows, 'row')}"
            digests = output.count(one.digests, "digest")
            took = f"{one.duration_ms / 1000:.1f} s"
            output.say(f"{_called(one)} restores: {compared} and {digests} compared in {took}")
    poor = [f"{_called(one)} {_outcome(one)}: {one.message}" for one in done if one.state != "good"]
    if poor:
        raise StorysyncError("; ".join(poor), hint=_hint(done))
    if as_json:
        import msgspec

        told = [msgspec.to_builtins(one, enc_hook=str) for one in done]
        plain = [{"project_id": one.pop("project"), **one} for one in told]
        output.show_document("backup-verify", plain if app.databases.per_project else plain[0], None)
    return 0


def _verified(app: App, name: str | None, databases: Mapping[str, Database]) -> list[VerifiedBackup]:
    """The newest of each database, or those of that name: several may have been made in one second."""
    from storysync.jobs.backup_verify import verify as prove

    done: list[VerifiedBackup] = []
    missing: NotFound | None = None
    for project, database in databases.items():
        try:
            done.append(prove(database, app.settings.backup, name=name, project=project))
        except NotFound as error:
            missing = missing or error
            continue
        if name is not None and Path(name).name != name:
            return done  # a path names one
    if missing is not None and (name is None or not done):
        raise missing
    return done


def _called(one: VerifiedBackup) -> str:
    return f"{one.project}: {one.name}" if one.project else one.name


def _outcome(one: VerifiedBackup) -> str:
    return "is damaged" if one.state == "damaged" else "could not be verified"


def _hint(done: Iterable[VerifiedBackup]) -> str:
    if any(one.state == "damaged" for one in done):
        return "make a new one with `storysync backup create`, and see `storysync backup list` for others"
    return "mend that and try again; nothing is known to be wrong with the backup"


# -- prune -------------------------------------------------------------------------------------------


@command.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@with_own_project
@with_app
@with_json
def prune(dry_run: bool, project: str | None, database: str | None, config: str | None, as_json: bool) -> int:
    """Remove the backups that the settings do not keep.

    Each backup that is made does so as well. The newest verified one always stays, and nothing is removed
    without a newer one that is verified.
    """
    from storysync.jobs import backup_prune

    app = load(database, config)
    work = backup_prune.prunable if dry_run else backup_prune.prune
    removed = [
        {"project_id": own, "name": name}
        for own, one in databases_of(app, project).items()
        for name in work(one, app.settings.backup, project=own)
    ]
    if as_json:
        output.show_document("backup-prune", {"dry_run": dry_run, "removed": removed}, None)
        return 0
    verb = "would remove" if dry_run else "removed"
    output.say("\n".join(f"{verb} {one['name']}" for one in removed) or "nothing to remove")
    return 0


# -- shared ------------------------------------------------------------------------------------------


def _freshness(app: App) -> dict[str, Any] | None:
    """None where the database does not open: its backups are listed all the same."""
    from storysync.queries.freshness import freshness

    try:
        daemon = ask_daemon(app, (), None, wanted=True)
        with app.reader() as reader:
            return freshness(reader, daemon)
    except StorysyncError:
        return None


def _text(at: Any) -> str | None:
    return instants.to_text(at) if at is not None else None


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{size / 1000:.0f} kB"
