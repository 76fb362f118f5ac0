"""Another content in the place of a SQLite database, without a moment in which there is none.

At every step what lies at the path, with the log beside it, is either all of the old database or all of the
new one: SQLite merges the old log first, then the old file gets a second name, and the new one, whole and
flushed, is renamed over it. A log that cannot be merged belongs to a database that is damaged; it goes aside
with it, since SQLite would replay it into whatever lies there.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from storysync import faults
from storysync.errors import StoreError, UsageError
from storysync.store import private
from storysync.store.archive import Finish
from storysync.store.database import Engines, database_at
from storysync.store.durable import flush_folder
from storysync.store.engines import sqlite

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite looks for beside a database, by the end of the name."""

FRESH = ".fresh"
"""The end of the name of what is being restored; whatever has it is litter once nobody restores."""

Fill = Callable[[Path], None]
"""Makes a file that is a whole database without a log, flushed. Raises StoreError, OSError."""

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def replace(database: Path, fill: Fill, stamp: str, engines: Engines, finish: Finish | None = None) -> str:
    """Put what `fill` writes in the place of the database, and return where the old one lies now.

    That is `DATABASE.aside-STAMP` (`DATABASE.STAMP` when the stamp begins with a word), with its log under
    the name that SQLite looks for; '' when there was none.
    The caller holds the lock and has closed every connection of this process. Raises StoreError, OSError;
    then everything is as it was.
    """
    path = database.resolve()
    fresh = path.with_name(path.name + FRESH)
    aside: Path | None = None
    try:
        _fill(fresh, fill, engines)
        _merge(path, engines)
        aside = _free_name(path, stamp) if path.exists() else None
        if finish is not None:
            finish(database_at(sqlite.url_of(fresh), engines), str(aside or ""))
            _settle(fresh)
        faults.point("restore.before-aside")
        if aside is not None:
            _keep(path, aside)
        faults.point("restore.after-aside")
        for suffix in COMPANIONS:
            _beside(path, suffix).unlink(missing_ok=True)
        flush_folder(path.parent)
        faults.point("restore.before-swap")
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            if aside is not None and fresh.exists():
                _take_back(path, aside)
            _clear(fresh)
        raise
    flush_folder(path.parent)
    if engines.group_readable:
        sqlite.leave_readable(path)
    faults.point("restore.after-swap")
    return str(aside or "")


def extract(target: Path, fill: Fill, engines: Engines) -> str:
    """Restore into a new file, which has its name once it is whole. Returns its URL.

    Raises UsageError when something is there, StoreError, OSError; then nothing is left.
    """
    for file in (target, *(_beside(target, suffix) for suffix in COMPANIONS)):
        if file.exists() or file.is_symlink():
            raise UsageError(f"{file} is there already", hint="name a file that is not there yet")
    fresh = target.with_name(target.name + FRESH)
    try:
        _fill(fresh, fill, engines)
        fresh.rename(target)
    except BaseException:
        with suppress(OSError):
            _clear(fresh)
        raise
    flush_folder(target.parent)
    return sqlite.url_of(target)


def start_anew(database: Path, stamp: str, engines: Engines, finish: Finish | None = None) -> str:
    """As `replace`, with a database that has the newest schema and no rows."""

    def fill(fresh: Path) -> None:
        os.close(private.open_file(fresh, os.O_RDWR | os.O_EXCL, group=engines.group_readable))
        try:
            with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
                sqlite.create_schema(connection)
        except sqlite3.Error as error:
            raise sqlite.translated(error, fresh) from error

    return replace(database, fill, stamp, engines, finish)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _clear(fresh: Path) -> None:
    for file in (fresh, *(_beside(fresh, suffix) for suffix in COMPANIONS)):
        file.unlink(missing_ok=True)


def _fill(fresh: Path, fill: Fill, engines: Engines) -> None:
    private.make_folder(fresh.parent, group=engines.group_readable)
    _clear(fresh)
    fill(fresh)


def _settle(fresh: Path) -> None:
    """Nothing is left beside it, and all of it is on the disk."""
    log = _beside(fresh, "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(f"another program is using {fresh}; nothing was changed", hint="try again")
    for suffix in COMPANIONS:
        _beside(fresh, suffix).unlink(missing_ok=True)
    with fresh.open("rb") as stream:
        os.fsync(stream.fileno())


def _merge(path: Path, engines: Engines) -> None:
    """Let the file hold all that its log says, unless it is damaged. Raises StoreError when it is in use."""
    if not path.exists():
        return
    try:
        with closing(
            sqlite3.connect(path, timeout=engines.sqlite.timeout, isolation_level=None)
        ) as connection:
            row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            busy = bool(row and row[0])
    except sqlite3.Error as error:
        if not sqlite.is_damage(error):
            raise sqlite.translated(error, path) from error
        return
    if busy:
        raise StoreError(
            f"another program is using the database {path}; nothing was changed",
            hint="end it and try again",
        )


def _free_name(path: Path, stamp: str) -> Path:
    name = f"{path.name}.{'aside-' if stamp[:1].isdigit() else ''}{stamp}"
    aside, number = path.with_name(name), 1
    while any(_beside(aside, suffix).exists() for suffix in ("", *COMPANIONS)):
        number += 1
        aside = path.with_name(f"{name}-{number}")
    return aside


def _keep(path: Path, aside: Path) -> None:
    """A second name for the database and for what lies beside it; the database last, which shows it whole."""
    for suffix in (*COMPANIONS, ""):
        file = _beside(path, suffix)
        if file.exists():
            _link(file, _beside(aside, suffix))
    flush_folder(path.parent)


def _link(file: Path, name: Path) -> None:
    try:
        name.hardlink_to(file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(file, name)
        with name.open("rb") as copied:
            os.fsync(copied.fileno())


def _take_back(path: Path, aside: Path) -> None:
    """As it was before `_keep`; what was removed beside the database comes back."""
    for suffix in COMPANIONS:
        file, kept = _beside(path, suffix), _beside(aside, suffix)
        if kept.exists() and not file.exists():
            kept.rename(file)
        kept.unlink(missing_ok=True)
    aside.unlink(missing_ok=True)
