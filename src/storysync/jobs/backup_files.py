"""The files of backups: their names, their manifests, and which there are.

A backup is a data file and a manifest beside it, which gets its name last and loses it first: a data file
whose manifest is only `.partial` is what an attempt left that was killed. So the directory says what backups
there are, also when the database does not open.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from storysync.errors import Locked, NotFound, StoreError
from storysync.settings import BackupSettings
from storysync.store import private
from storysync.store.archive import Facts
from storysync.store.database import Database
from storysync.store.durable import flush_folder
from storysync.store.lock import InstanceLock

LOCK = ".lock"
LOCK_WAIT_S = 600.0
"""For another backup of the same directory, or a trial; whoever holds it has a deadline."""
_MB = 1 << 20
_STAMP = r"storysync-(\d{8}T\d{6}Z)(?:-(\d+))?"
_USER = re.compile("://[^/@ ]*@")
"""In a place: who asks."""
_NAME = re.compile(_STAMP, re.ASCII)
_PARTIAL = ".partial"
_SUFFIXES = (".db.zst", ".dump")
_DATA = re.compile(rf"({_STAMP})(?:\.db\.zst|\.dump)", re.ASCII)
_LITTER = re.compile(
    rf"{_STAMP}(?:\.db\.zst|\.dump|\.json)(?:\.partial)?(?:\.partial|\.scratch|\.raw)(?:-\w+)?", re.ASCII
)
_LOCK_POLL_S = 0.1

State = Literal["good", "damaged", "missing"]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was written about one backup. Sizes are in bytes; `directory` is where it was found."""

    directory: Path = Path()
    name: str
    number: int = 0
    """One more than any in the directory had: which is newest, also where a clock was wrong for a while."""
    created_at: datetime
    verified_at: datetime | None = None
    """When it was last restored on trial and found equal."""
    trigger: str = ""
    engine: str = ""
    engine_version: str = ""
    storysync: str = ""
    """The version of the program that made it."""
    schema_version: str = ""
    file: str = ""
    size: int = 0
    sha256: str = ""
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    database: str = ""
    """The place of the database, without a password."""
    project: str = ""
    """Whose own database it is, '' for the one of all projects."""
    duration_ms: int = 0
    state: State = "good"
    reason: str = ""
    """Why it is not good."""
    beside: bool = False
    """Whether it was made in `backups` beside its database, so that both can be moved together."""

    @property
    def data(self) -> Path:
        return self.directory / self.file

    @property
    def path(self) -> Path:
        """Of the manifest itself."""
        return self.directory / f"{self.name}.json"

    @property
    def facts(self) -> Facts:
        return Facts(self.schema_version, self.rows, self.digests)

    @property
    def row_count(self) -> int:
        return sum(self.rows.values())


def utc_now() -> datetime:
    return datetime.now(UTC)


def backup_directory(database: Database, settings: BackupSettings, project: str = "") -> Path:
    """The setting, else `backups` beside the database; below it one for the project that has its own."""
    beside = database.base.parent
    directory = Path(settings.directory) if settings.directory else beside / "backups"
    own = not settings.directory and beside.name == project
    return directory if own else directory / project


def backups_in(directory: Path, place: str | None = None) -> list[Manifest]:
    """Every backup, newest first; `place`: those of one database, as `Database.place` names it.

    A manifest that is damaged is one of a damaged backup; of which database it was, it may not tell.
    Raises OSError for a directory that cannot be read; one that is not there has none.
    """
    try:
        names = [name.removesuffix(".json") for name in os.listdir(directory) if name.endswith(".json")]
    except FileNotFoundError:
        return []
    found = [_found(directory, name) for name in names if _NAME.fullmatch(name)]
    own = [one for one in found if place is None or is_of(one, place)]
    known = [one for one in own if one.number]

    def age(one: Manifest) -> tuple[int, datetime, int]:
        # What does not tell its number was made right after those that are older by their dates.
        before = (other.number for other in known if other.created_at <= one.created_at)
        return one.number or max(before, default=0), *_age(one)

    return sorted(own, key=age, reverse=True)


def is_of(manifest: Manifest, place: str) -> bool:
    """Whether it is a backup of this database, or of one of its name in a folder that was moved here."""
    if manifest.database in ("", place):
        return True
    if "://" in place:  # whoever asks: the owner restores what the writer has backed up
        return _USER.sub("://", manifest.database) == _USER.sub("://", place)
    here, there = Path(place), Path(manifest.database)
    return manifest.beside and here.name == there.name and lies_beside(manifest.directory, here)


def lies_beside(directory: Path, database: Path) -> bool:
    """Whether the directory is where backups of this file lie unless the settings say otherwise."""
    return directory == database.parent / "backups"


def require_reachable(manifest: Manifest) -> None:
    """Raise OSError when a file of it is there and cannot be read now, which says nothing of what it holds.

    What `backups_in` then calls damaged or missing may be good.
    """
    for file in (manifest.path, *([manifest.data] if manifest.file else [])):
        with suppress(FileNotFoundError), file.open("rb") as stream:
            stream.read(1)


def find(directory: Path, name: str) -> Manifest:
    """The backup of a name, of the name of one of its files, or at a path. Raises NotFound, OSError."""
    given = Path(name)
    folder = given.parent if given.name != name else directory
    plain = given.name
    for suffix in (".json", *_SUFFIXES):
        plain = plain.removesuffix(suffix)
    if _NAME.fullmatch(plain) and (folder / f"{plain}.json").is_file():
        return _found(folder, plain)
    raise NotFound(f"there is no backup {name!r} in {folder}", hint="see `storysync backup list`")


def newest_verified(
    directory: Path, place: str | None = None, *, at: datetime | None = None
) -> Manifest | None:
    """The newest one that is good, made at that time or before. Raises OSError."""
    for one in backups_in(directory, place):
        if one.state == "good" and one.verified_at is not None and (at is None or one.created_at <= at):
            return one
    return None


def free_name(directory: Path, at: datetime) -> str:
    """A name that no file in the directory begins with."""
    stamp = f"storysync-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    taken = {name.partition(".")[0] for name in os.listdir(directory)}
    name, number = stamp, 1
    while name in taken:
        number += 1
        name = f"{stamp}-{number}"
    return name


def next_number(directory: Path) -> int:
    """The number of the backup that is made next. Raises OSError."""
    return 1 + max((one.number for one in backups_in(directory)), default=0)


def written(manifest: Manifest) -> bytes:
    """The manifest as a file holds it."""
    told = msgspec.to_builtins(manifest, enc_hook=str)
    del told["directory"]
    return _sealed(told)


def rewrite(manifest: Manifest, **changed: Any) -> Manifest:
    """Change fields of a manifest, in its file as well, at once. Raises OSError."""
    told = json.loads(manifest.path.read_bytes())
    new = msgspec.structs.replace(manifest, **changed)
    told |= {name: msgspec.to_builtins(value) for name, value in changed.items()}
    put(manifest.directory, f"{manifest.name}.json", _sealed(told), like=manifest.path)
    return new


def put(directory: Path, name: str, content: bytes, *, group: bool = False, like: Path | None = None) -> None:
    """Write a file whole or not at all, in the place of one of that name. Raises OSError.

    `group`: readable for its group; `like`: with the mode of another file instead.
    """
    partial = directory / (name + _PARTIAL)
    write_partial(partial, content, group=group)
    if like is not None:
        partial.chmod(like.stat().st_mode & 0o777)
    partial.rename(directory / name)
    flush_folder(directory)


def write_partial(partial: Path, content: bytes, *, group: bool) -> None:
    """A new file, flushed to the disk; one that was left there goes. Raises OSError."""
    partial.unlink(missing_ok=True)
    descriptor = private.open_file(partial, os.O_WRONLY | os.O_EXCL, group=group)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def remove(manifest: Manifest) -> None:
    """Remove a backup; one that is killed in the middle has left no backup, and litter. Raises OSError."""
    partial = manifest.path.with_name(manifest.path.name + _PARTIAL)
    manifest.path.replace(partial)
    flush_folder(manifest.directory)
    if manifest.file:
        manifest.data.unlink(missing_ok=True)
    partial.unlink()


def clean(directory: Path) -> None:
    """Remove what killed attempts left: of our names only. The lock must be held. Raises OSError."""
    names = set(os.listdir(directory))
    for name in names:
        data = _DATA.fullmatch(name)
        half = data and f"{data[1]}.json" not in names and f"{data[1]}.json{_PARTIAL}" in names
        if half:
            (directory / name).unlink(missing_ok=True)
    for name in filter(_LITTER.fullmatch, names):
        (directory / name).unlink(missing_ok=True)


@contextmanager
def locked(directory: Path, wait_s: float, *, group: bool = False) -> Iterator[None]:
    """One process at a time makes, tries or removes backups here. Raises Locked, StoreError."""
    lock = InstanceLock(directory / LOCK, group=group)
    until = time.monotonic() + wait_s
    while True:
        try:
            lock.acquire()
            break
        except Locked:
            if time.monotonic() > until:
                raise
            time.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        lock.release()


def _age(manifest: Manifest) -> tuple[datetime, int]:
    match = _NAME.fullmatch(manifest.name)
    return manifest.created_at, int(match[2] or 1) if match else 0


def _found(directory: Path, name: str) -> Manifest:
    """What is there under this name, as it is now."""
    try:
        content = (directory / f"{name}.json").read_bytes()
    except OSError as error:
        return _unknown(directory, name, f"its manifest cannot be read: {error.strerror}", {})
    told = _told(content)
    seal = told.pop("seal", None)
    if seal != _seal(told) or told.get("name") != name:
        return _unknown(directory, name, "its manifest is damaged", told)
    try:
        manifest = msgspec.convert({**told, "directory": directory}, Manifest, dec_hook=as_path)
    except msgspec.ValidationError as error:
        return _unknown(directory, name, f"its manifest cannot be understood: {error}", told)
    if manifest.file not in [name + one for one in _SUFFIXES]:
        return _unknown(directory, name, "its manifest names a file of another backup", told)
    return _looked_at(manifest)


def _looked_at(manifest: Manifest) -> Manifest:
    try:
        size = manifest.data.stat().st_size
    except FileNotFoundError:
        return msgspec.structs.replace(manifest, state="missing", reason=f"{manifest.file} is not there")
    except OSError as error:
        reason = f"{manifest.file} cannot be reached: {error.strerror}"
        return msgspec.structs.replace(manifest, state="missing", reason=reason)
    if size != manifest.size:
        reason = f"{manifest.file} has {size} bytes instead of {manifest.size}"
        return msgspec.structs.replace(manifest, state="damaged", reason=reason)
    return manifest


def _unknown(directory: Path, name: str, reason: str, told: Mapping[str, Any]) -> Manifest:
    """A backup whose manifest does not hold: only names are believed."""
    match = _NAME.fullmatch(name)
    assert match is not None
    file = next((name + one for one in _SUFFIXES if (directory / (name + one)).exists()), "")
    database = told.get("database")
    return Manifest(
        directory=directory, name=name, state="damaged", reason=reason, file=file,
        created_at=_moment(match[1]), size=(directory / file).stat().st_size if file else 0,
        database=database if isinstance(database, str) else "",
        beside=told.get("beside") is not False,
    )  # fmt: skip


def _moment(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _told(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _sealed(told: dict[str, Any]) -> bytes:
    plain = {name: value for name, value in told.items() if name != "seal"}
    return json.dumps({**plain, "seal": _seal(plain)}, ensure_ascii=False, indent=1).encode() + b"\n"


def _seal(told: Mapping[str, Any]) -> str:
    """SHA-256 of the other fields in one form."""
    canonical = json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def as_path(kind: type, value: Any) -> Any:
    """A path from its text, for msgspec."""
    return kind(value)


def flushed_digest(file: Path) -> tuple[int, str]:
    """Flush a file and return its size and SHA-256, read from the disk where that can be. Raises OSError."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return os.fstat(stream.fileno()).st_size, digest


def reason(error: Exception, directory: Path) -> str:
    """What a person is told of what went wrong at work in the directory."""
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return f"the disk of {directory} is full"
        return f"{error.filename or directory}: {error.strerror or error}"
    return str(error)


def require_space(directory: Path, needed: int) -> None:
    """Raise StoreError that tells both numbers when so many bytes are not free."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise StoreError(
            f"{free / _MB:.1f} MB are free in {directory}, and {needed / _MB:.1f} MB are needed",
            hint="free some space, or set `backup.directory` to a larger disk",
        )
