"""Floor 3: how a database and what belongs to it are, and the next command for what is not well.

Nothing here needs the database to open, and nothing is changed.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from storysync.errors import (
    Damaged,
    DatabaseAway,
    ForeignDatabase,
    NoDatabase,
    SchemaAhead,
    SchemaBehind,
    StorysyncError,
)
from storysync.jobs.backup_files import Manifest, backup_directory, backups_in
from storysync.jobs.health_backups import free_bytes
from storysync.jobs.health_bounds import NoAnswer, within
from storysync.jobs.health_report import amount, spell
from storysync.settings import BackupSettings, HealthSettings
from storysync.store import incidents
from storysync.store.database import Database
from storysync.store.lock import lock_path

State = Literal["ok", "warn", "fail"]
_WRITE_WAIT_S = 2.0
_COMPANIONS = ("-wal", "-shm", "-journal")
_LEFT = (".aside-", ".damaged-", ".fresh")
"""What follows the name of a database in those of files that restores and recoveries leave beside it."""
ACKNOWLEDGE = "storysync doctor --acknowledge"


class Finding(msgspec.Struct, frozen=True):
    name: str
    """What was looked at; `database:PROJECT` and so on where each project has its own."""
    state: State
    reason: str
    """In one line, also when it is ok."""
    next: str = ""
    """The exact next command, '' when there is none."""


def look_at(
    database: Database, backups: BackupSettings, health: HealthSettings, *, project: str = "",
    now: datetime | None = None,
) -> list[Finding]:  # fmt: skip
    """Everything about one database, whatever its state. `project`: whose own it is, '' for that of all."""
    at = now or datetime.now(UTC)
    option = f" --project {project}" if project else ""
    listed, backup = _backups(database, backups, health, project, at, option)
    good = any(one.state == "good" for one in listed)
    found = _database(database, option, restorable=good)
    if found.state != "ok":
        backup = msgspec.structs.replace(backup, next="")  # first things first
    told = [found, *_lock(database)]
    if found.state != "fail":
        told += [*_contents(database)]
    told += [backup, *_disk(database, backup_directory(database, backups, project), health), *_left(database)]
    if not project:
        return told
    plain = [
        msgspec.structs.replace(one, name=f"{one.name}:{project}") for one in told if ":" not in one.name
    ]
    return plain + [one for one in told if ":" in one.name]


def with_hint(error: StorysyncError) -> str:
    """What happened and what to do, in one line."""
    return f"{error}; {error.hint}" if error.hint else str(error)


def git_found() -> Finding:
    program = shutil.which("git")
    if program is None:
        return Finding("git", "warn", "the program git is not found; commits and work trees are not known")
    return Finding("git", "ok", f"found at {program}")


def root_found(project_id: str, root: Path) -> Finding:
    """Whether the folder of a project can be read."""
    name = f"folder:{project_id}"
    try:
        within(name, lambda: os.scandir(root).close())
    except NoAnswer as error:
        return Finding(name, "fail", f"{root}: {error}", f"ls {root}")
    except FileNotFoundError:
        return Finding(
            name, "fail", f"{root} is not there; its rows are kept. Mount it, or tell where it is now",
            f"storysync sync NEW_FOLDER --project {project_id} --moved",
        )  # fmt: skip
    except OSError as error:
        return Finding(name, "fail", f"{root} cannot be read: {error.strerror}", f"ls -ld {root}")
    return Finding(name, "ok", f"{root} can be read")


def _database(database: Database, option: str, *, restorable: bool) -> Finding:
    place = database.place
    restore = f"storysync backup restore{option}"
    try:
        if not database.exists():
            if restorable:
                reason = f"there is no database at {place}, but there are backups of one"
                return Finding("database", "fail", reason, restore)
            return Finding("database", "warn", f"there is no database at {place} yet", "storysync sync PATH")
        damage = database.findings(thorough=False).damage
        if damage:
            return _damaged(place, damage[0], restore, restorable=restorable)
        database.reader().close()
        serious, obstacle = database.write_obstacle(_WRITE_WAIT_S)
    except (Damaged, NoDatabase) as error:
        if isinstance(error, NoDatabase) and not restorable:
            if database.file is not None and _size(database.file) == 0:
                return Finding("database", "warn", str(error), "storysync sync PATH")
            told = f"{error}; move it away, or choose another place with --database"
            return Finding("database", "fail", told, f"ls -l {shlex.quote(place)}")
        return _damaged(place, str(error.__cause__ or error), restore, restorable=restorable)
    except SchemaBehind as error:
        return Finding("database", "warn", str(error), f"storysync db upgrade{option}")
    except SchemaAhead as error:
        return Finding("database", "fail", with_hint(error), "storysync --version")
    except ForeignDatabase as error:
        return Finding("database", "fail", with_hint(error), "storysync config show --origin")
    except DatabaseAway as error:
        return Finding("database", "fail", with_hint(error), "storysync health")
    except StorysyncError as error:
        return Finding("database", "fail", with_hint(error), f"ls -l {shlex.quote(place)}")
    if obstacle:
        told = f"{place} is sound, but cannot be written: {obstacle}"
        return Finding("database", "fail" if serious else "warn", told, "storysync health" if serious else "")
    return Finding("database", "ok", f"{place} is sound, and can be written")


def _damaged(place: str, why: str, restore: str, *, restorable: bool) -> Finding:
    if restorable:
        told = f"{place} is damaged: {why}; `storysync run` restores the newest backup when it starts"
        return Finding("database", "fail", told, restore)
    told = (
        f"{place} is damaged ({why}), and there is no good backup; `storysync run` moves it aside"
        " when it starts, begins an empty one and reads all files"
    )
    return Finding("database", "fail", told, "storysync run PATH")


def _contents(database: Database) -> Iterator[Finding]:
    """What only the database knows; nothing when it cannot be asked, which was said already."""
    try:
        if not database.exists():
            return
        with database.reader() as reader:
            noted = incidents.open_incidents(reader)
            roots = reader.rows("SELECT project_id, real_path FROM roots WHERE host = ?", (reader.host,))
    except StorysyncError:
        return
    if noted:
        last = noted[-1]
        told = f"{amount(len(noted), 'incident')} not acknowledged; the last, {last.at:%Y-%m-%d %H:%M} UTC: "
        yield Finding("incidents", "warn", told + last.message, ACKNOWLEDGE)
    else:
        yield Finding("incidents", "ok", "none that is not acknowledged")
    for root in roots:
        yield root_found(root["project_id"], Path(root["real_path"]))


def _lock(database: Database) -> Iterator[Finding]:
    holder = lock_holder(lock_path(database.base))
    if holder:
        yield Finding("lock", "ok", f"process {holder} has the right to write")
    elif database.file is not None:
        yield Finding("lock", "ok", "no process has the right to write")


def lock_holder(path: Path) -> int:
    """The process that holds an instance lock, 0 for none, or where the system does not tell.

    It is not tried: that would stand in the way of a daemon which starts at this moment.
    """
    try:
        inode, locks = path.stat().st_ino, Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return 0
    for line in locks.splitlines():
        words = line.split()
        # 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF; one that waits has `->` before FLOCK
        if len(words) >= 6 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode):
            return int(words[4])
    return 0


def _backups(
    database: Database,
    settings: BackupSettings,
    health: HealthSettings,
    project: str,
    at: datetime,
    option: str,
) -> tuple[list[Manifest], Finding]:
    directory = backup_directory(database, settings, project)
    try:
        listed = within(f"backups:{project}", lambda: backups_in(directory, database.place))
    except (OSError, StorysyncError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return [], Finding("backups", "fail", f"{directory} cannot be read: {why}", f"ls -ld {directory}")
    good = [one for one in listed if one.state == "good"]
    bad = ", ".join(f"{one.name} is {one.state} ({one.reason})" for one in listed if one.state != "good")
    create = f"storysync backup create{option}"
    if not good:
        told = f"no good one in {directory}{'; ' + bad if bad else ''}"
        return listed, Finding("backups", "fail" if bad else "warn", told, create)
    age = at - good[0].created_at
    told = f"{amount(len(good), 'good one')} in {directory}; the newest, {good[0].name}, is {spell(age)} old"
    if bad:
        return listed, Finding("backups", "warn", f"{told}; {bad}", f"storysync backup list{option}")
    if age > timedelta(hours=health.max_backup_age_hours):
        return listed, Finding("backups", "warn", told, create)
    return listed, Finding("backups", "ok", told)


def _disk(database: Database, directory: Path, health: HealthSettings) -> Iterator[Finding]:
    places: Mapping[str, Path] = {"beside the database": database.base.parent, "for backups": directory}
    told: list[str] = []
    state: State = "ok"
    for where, folder in places.items():
        try:
            free_mb = free_bytes(folder) // (1 << 20)
        except OSError as error:
            yield Finding("disk", "fail", f"{folder} cannot be reached: {error.strerror}", f"ls -ld {folder}")
            return
        told.append(f"{free_mb} MB free {where}")
        state = "fail" if free_mb < health.min_free_mb else state
    want = f"; less than {health.min_free_mb} MB (health.min_free_mb)" if state == "fail" else ""
    yield Finding("disk", state, ", ".join(told) + want, f"df -h {database.base.parent}" if want else "")


def _left(database: Database) -> Iterator[Finding]:
    """What restores and recoveries have left beside the database, which nothing of ours removes."""
    file = database.file
    if file is None:
        return
    try:
        real = file.resolve()
        names = sorted(os.listdir(real.parent))
    except OSError:
        return  # said of the database
    for name in names:
        if not name.startswith(tuple(real.name + word for word in _LEFT)) or name.endswith(_COMPANIONS):
            continue
        path = real.with_name(name)
        files = [file for end in ("", *_COMPANIONS) if (file := path.with_name(name + end)).exists()]
        what = "the rest of a restore that was cut off" if name.endswith(".fresh") else "a former database"
        size = sum(map(_size, files)) / 1e6
        told = f"{path}: {what}, {size:.1f} MB; remove it when it is no longer needed"
        yield Finding("left", "warn", told, f"rm {' '.join(shlex.quote(str(one)) for one in files)}")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
