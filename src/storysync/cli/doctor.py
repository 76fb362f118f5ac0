"""`storysync doctor`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from storysync.app import App
from storysync.cli import output
from storysync.cli.options import load, with_app, with_json
from storysync.errors import StorysyncError, UsageError, WaitTimeout
from storysync.state import redacted

if TYPE_CHECKING:
    from storysync.jobs.doctor import Finding
    from storysync.store.database import Database

FAILED = 1


@click.command()
@click.option("--acknowledge", is_flag=True, help="The incidents that are shown are known; warn no longer.")
@with_app
@with_json
def command(acknowledge: bool, database: str | None, config: str | None, as_json: bool) -> int:
    """Explain the state of everything, and print the next command for what is not well.

    It works when the database does not open, and changes nothing but with --acknowledge.

    Exit codes: 0 nothing failed, 1 something did.
    """
    found, app = _settings(database, config)
    if app is not None:
        found += _looked(app, database)
        if acknowledge:
            done = _with_options(_acknowledged(app), database)
            if done.state == "ok":  # what was asked for is no next command
                found = [
                    msgspec.structs.replace(one, next="") if "incidents" in one.name else one for one in found
                ]
            found.append(done)
    if as_json:
        output.show_document("doctor", msgspec.to_builtins(found), None)
    else:
        output.say("\n".join(line for one in found for line in _lines(one)))
    return FAILED if any(one.state == "fail" for one in found) else 0


def _settings(database: str | None, config: str | None) -> tuple[list[Finding], App | None]:
    from storysync.jobs.doctor import Finding, with_hint

    try:
        app = load(database, config)
    except StorysyncError as error:
        if error.hint.startswith("pip install "):
            return [Finding("database", "fail", str(error), error.hint)], None
        return [Finding("settings", "fail", with_hint(error))], None  # no command runs with them
    layers = [*app.loaded.base, *([app.loaded.project_file] if app.loaded.project_file else [])]
    told = ", ".join(one.origin for one in layers) or "no file: defaults, the environment and options"
    return [Finding("settings", "ok", f"from {told}")], app


def _looked(app: App, database: str | None) -> list[Finding]:
    from storysync.jobs import doctor

    found: list[Finding] = []
    try:
        named = app.databases.known() if app.databases.per_project else {"": app.database}
    except StorysyncError as error:
        named = {}
        found.append(doctor.Finding("database", "fail", doctor.with_hint(error)))
    if not named and not found:
        told = f"there is no database at {app.databases.place} yet"
        found.append(doctor.Finding("database", "warn", told, "storysync sync PATH"))
    for name, wanted in named.items():
        found += doctor.look_at(wanted, app.settings.backup, app.settings.health, project=name)
    seen = {one.name for one in found}
    found += [one for one in _configured_roots(app) if one.name not in seen]
    found += [_daemon(app), *_service(), doctor.git_found()]
    return [_with_options(one, database) for one in found]


def _with_options(finding: Finding, database: str | None) -> Finding:
    """The next command for the database that was asked for."""
    if (
        database is None
        or not finding.next.startswith("storysync ")
        or finding.next.startswith("storysync -")
    ):
        return finding
    option = f"--database {shlex.quote(redacted(database))}"
    return msgspec.structs.replace(finding, next=f"{finding.next} {option}")


def _configured_roots(app: App) -> Iterator[Finding]:
    from storysync.jobs.doctor import root_found

    for project in app.settings.projects:
        yield root_found(project.id or Path(project.path).name, Path(project.path))


def _daemon(app: App) -> Finding:
    from storysync import daemon_record
    from storysync.cli.remote import daemon_status
    from storysync.jobs.doctor import Finding, lock_holder
    from storysync.store.lock import lock_path

    record = daemon_record.read(app.databases.base)
    last = f"; its last error: {record.last_error}" if record is not None and record.last_error else ""
    try:
        status = daemon_status(app.databases.base)
    except WaitTimeout as error:
        pid = record.pid if record is not None else "PID"
        return Finding(
            "daemon", "fail", f"`storysync run` is there, and gives {error}{last}", f"kill -ABRT {pid}"
        )
    except StorysyncError as error:
        return Finding("daemon", "fail", f"`storysync run` does not answer as it should: {error}{last}")
    if status is not None:
        waits = status.get("waits_for_database")
        told = f"`storysync run` serves it (process {status['pid']}, {status['state']})"
        if waits:
            return Finding("daemon", "warn", f"{told}, and waits for the database", "storysync status")
        return Finding("daemon", "ok", told)
    holder = lock_holder(lock_path(app.databases.base))
    if holder:
        told = (
            f"process {holder} holds the lock and listens to nobody: it starts, it is a command, or it hangs"
        )
        return Finding("daemon", "warn", told, f"ps -fp {holder}")
    if record is not None and record.state in ("failed", "running", "starting"):
        told = f"`storysync run` ended without being stopped (process {record.pid}, {record.at}){last}"
        return Finding("daemon", "warn", told, "storysync run")
    return Finding("daemon", "ok", "no `storysync run` serves it; nothing follows the files")


def _service() -> Iterator[Finding]:
    """Units of systemd, as files: a service manager need not run."""
    from storysync.jobs.doctor import Finding
    from storysync.jobs.service import SYSTEM, user_place

    try:
        places = [SYSTEM, user_place(os.environ, Path.home())]
    except RuntimeError:  # a user without a home
        places = [SYSTEM]
    for place in places:
        if place.unit.exists():
            look = " ".join(place.systemctl("status", place.unit.name))
            yield Finding("service", "ok", f"installed as {place.unit}; `{look}` tells how it is")


def _acknowledged(app: App) -> Finding:
    from storysync.jobs.doctor import Finding

    count, failed = 0, []
    databases = app.databases.chosen()
    for name, database in databases.items():
        try:
            count += _acknowledge(app, name, database)
        except StorysyncError as error:
            failed.append(f"{database.place}: {error}")
    if failed:
        return Finding("acknowledged", "fail", "; ".join(failed), "storysync doctor --acknowledge")
    return Finding("acknowledged", "ok", output.count(count, "incident"))


def _acknowledge(app: App, name: str, database: Database) -> int:
    """By the daemon where one serves the database, since it is the one that may write."""
    from storysync.cli.remote import STATUS_TIMEOUT_S, ask, daemon_socket
    from storysync.store import incidents
    from storysync.store.stores import locked

    socket = daemon_socket(app.databases.base)
    if socket is not None:
        return int(ask(socket, STATUS_TIMEOUT_S, command="acknowledge", database=name)["acknowledged"])
    if not database.exists():
        raise UsageError("there is no database")
    with locked(database), database.open(auto_migrate=False) as store, store.writing() as tx:
        return incidents.acknowledge(tx, datetime.now(UTC))


def _lines(finding: Finding) -> Iterator[str]:
    style = {"ok": "32", "warn": "33", "fail": "31"}[finding.state]
    label = output.painted(f"{finding.state:<4}", style)
    yield f"{label}  {finding.name}: {output.clean(finding.reason)}"
    if finding.next:
        yield f"      next: {finding.next}"
