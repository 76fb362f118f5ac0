"""`storysync backup create|list`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from storysync.app import App
from storysync.cli import output
from storysync.cli.live import ask_daemon
from storysync.cli.options import load, with_app, with_json
from storysync.cli.remote import JOB_TIMEOUT_S, ask, daemon_socket
from storysync.errors import StorysyncError
from storysync.queries.backups import backups
from storysync.queries.freshness import freshness


@click.group()
def command() -> None:
    """Make and list backups of the database."""


@command.command()
@with_app
@with_json
def create(database: str | None, config: str | None, as_json: bool) -> int:
    """Make a verified backup now. A running `storysync run` makes it itself.

    Exit codes: 1 the backup failed; the older ones are untouched.
    """
    app = load(database, config)
    app.reader().close()
    socket = daemon_socket(app.databases.base)
    made = _asked(ask(socket, JOB_TIMEOUT_S, command="run_job", name="backup")) if socket else _made(app)
    good = {name: one for name, one in made.items() if one.get("state") != "failed"}
    failed = [f"{one.get('message')}" for one in made.values() if one.get("state") == "failed"]
    if good and not as_json:
        output.say(
            "\n".join(
                f"{output.clean(one.get('file'))} ({_size(one.get('size'))}, verified)"
                for one in good.values()
            )
        )
    if failed:
        raise StorysyncError(
            f"the backup failed: {'; '.join(failed)}",
            hint="mend that and try again; older backups are untouched",
        )
    if as_json:
        listed = [{"project_id": name, **one} for name, one in made.items()]
        daemon = ask_daemon(app, (), None, wanted=True)
        with app.reader() as reader:
            output.show_document("backup", made.get("", listed), freshness(reader, daemon))
    return 0


def _asked(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a daemon has made, by project; `''` is the database of all projects."""
    return dict(answer["backups"]) if "backups" in answer else {"": answer}


def _made(app: App) -> dict[str, dict[str, Any]]:
    """Every database in turn; one of several that fails does not stop the others."""
    from storysync.jobs.backup import backup

    made: dict[str, dict[str, Any]] = {}
    with app.stores() as stores:
        names = app.databases.chosen()
        for name in names:
            try:
                report = backup(stores.of(name), app.settings.backup, trigger="command", project=name)
                made[name] = msgspec.to_builtins(report, str_keys=True, enc_hook=str)
            except StorysyncError as error:
                if len(names) == 1:
                    raise
                made[name] = {"state": "failed", "message": f"project {name}: {error}"}
    return made


@command.command("list")
@with_app
@with_json
def list_backups(database: str | None, config: str | None, as_json: bool) -> int:
    """List the backups on record, newest first, and whether their files are still there."""
    app = load(database, config)
    daemon = ask_daemon(app, (), None, wanted=as_json)
    with app.reader() as reader:
        found = [{**one, "present": _is_there(one["file"])} for one in backups(reader)]
        if as_json:
            output.show_document("backup-list", found, freshness(reader, daemon))
            return 0
    rows = [
        (
            output.moment(one["finished_at"]),
            _state(one),
            _size(one["size"]),
            one["trigger"],
            one["file"] or one["message"],
        )
        for one in found
    ]
    output.show_table(
        ("FINISHED", "STATE", "SIZE", "TRIGGER", "FILE"), rows, empty="no backup yet", right=("SIZE",)
    )
    return 0


def _is_there(file: str | None) -> bool:
    return file is not None and Path(file).exists()


def _state(backup: dict[str, Any]) -> str:
    return "removed" if backup["state"] == "good" and not backup["present"] else str(backup["state"])


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{size / 1000:.0f} kB"
