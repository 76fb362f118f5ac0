"""Floor 3: a backup or its trial in a process of its own, which is killed when it takes too long.

It costs this process no time of its interpreter, gives its memory back, and ends with whoever asked for it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from storysync.errors import StorysyncError
from storysync.jobs.backup import BackupReport, make_backup
from storysync.jobs.backup_files import as_path, utc_now
from storysync.jobs.backup_verify import VerifiedBackup, verify
from storysync.jobs.integrity import IntegrityReport, check_integrity
from storysync.settings import BackupSettings, PostgresSettings, SqliteSettings
from storysync.store.database import Database, Engines, database_at

_CODE = "from storysync.jobs import elsewhere; elsewhere.work_told()"
_NICE = 10
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_TOLD_BYTES = 2_000

Answer = TypeVar("Answer", BackupReport, VerifiedBackup, IntegrityReport)


class _Told(msgspec.Struct, kw_only=True):
    work: Literal["backup", "verify", "integrity"]
    parent: int
    url: str
    sqlite: SqliteSettings
    postgres: PostgresSettings
    state_dir: str | None
    group_readable: bool
    settings: BackupSettings
    trigger: str = ""
    project: str = ""
    name: str | None = None

    def database(self) -> Database:
        state_dir = Path(self.state_dir) if self.state_dir else None
        return database_at(self.url, Engines(self.sqlite, self.postgres, state_dir, self.group_readable))


class _Failed(StorysyncError):
    """The process ended without an answer."""


def backup_elsewhere(
    database: Database, settings: BackupSettings, *, trigger: str, project: str = ""
) -> BackupReport:
    """As `make_backup`. Whatever goes wrong is a report."""
    started_at = utc_now()
    told = _told("backup", database, settings, project)
    told.trigger = trigger
    try:
        return _answer(told, BackupReport, settings.deadline_minutes)
    except StorysyncError as error:
        return BackupReport(
            state="failed", trigger=trigger, file=None, size=None, digest=None, started_at=started_at,
            finished_at=utc_now(), verified_at=None, pruned=(), message=str(error), project=project,
        )  # fmt: skip


def verify_elsewhere(
    database: Database, settings: BackupSettings, *, name: str | None = None, project: str = ""
) -> VerifiedBackup:
    """As `verify`. Whatever goes wrong is a report, also that there is no such backup."""
    told = _told("verify", database, settings, project)
    told.name = name
    try:
        return _answer(told, VerifiedBackup, settings.deadline_minutes)
    except StorysyncError as error:
        return VerifiedBackup(state="failed", name=name or "", message=str(error), project=project)


def integrity_elsewhere(database: Database, deadline_minutes: float) -> IntegrityReport:
    """As `check_integrity`. Raises StorysyncError when the database cannot be looked at, or not in time."""
    return _answer(_told("integrity", database, BackupSettings(), ""), IntegrityReport, deadline_minutes)


def work_told() -> None:
    """What that process does: its orders come through stdin, since arguments show in lists of processes."""
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=_Told)
    _die_with(told.parent)
    with suppress(OSError):  # the unit's sandbox refuses it
        os.nice(_NICE)
    report = _carried_out(told)
    sys.stdout.buffer.write(msgspec.json.encode(report, enc_hook=str))


def _carried_out(told: _Told) -> BackupReport | VerifiedBackup | IntegrityReport:
    database = told.database()
    if told.work == "integrity":
        return check_integrity(database)
    if told.work == "backup":
        return make_backup(database, told.settings, trigger=told.trigger, project=told.project)
    try:
        return verify(database, told.settings, name=told.name, project=told.project)
    except StorysyncError as error:
        return VerifiedBackup(state="failed", name=told.name or "", message=str(error), project=told.project)


def _told(
    work: Literal["backup", "verify", "integrity"], database: Database, settings: BackupSettings, project: str
) -> _Told:
    engines = database.engines
    return _Told(
        work=work, parent=os.getpid(), url=database.url, sqlite=engines.sqlite, postgres=engines.postgres,
        state_dir=str(engines.state_dir) if engines.state_dir else None,
        group_readable=engines.group_readable, settings=settings, project=project,
    )  # fmt: skip


def _answer(told: _Told, kind: type[Answer], deadline_minutes: float) -> Answer:
    """What the process says. Raises StorysyncError when it says nothing, or not in time."""
    command = [sys.executable, "-P", "-c", _CODE]  # -P: nothing of the current folder is imported
    pipe = subprocess.PIPE
    try:
        # A session of its own: what it starts ends with it.
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        raise _Failed(f"cannot start a process for it: {error.strerror or error}") from error
    with process:
        try:
            answer, complaint = process.communicate(msgspec.json.encode(told), timeout=deadline_minutes * 60)
        except subprocess.TimeoutExpired as error:
            raise _Failed(f"it was given up after {deadline_minutes:g} minutes") from error
        finally:
            _kill_all(process)
    if process.returncode != 0:
        raise _Failed(_ending(process.returncode, complaint))
    try:
        return msgspec.json.decode(answer, type=kind, dec_hook=as_path)
    except msgspec.DecodeError as error:
        raise _Failed(f"its process gave no answer: {error}") from error


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """The process and those that it has started, as far as they are still there."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _ending(code: int, complaint: bytes) -> str:
    if code < 0:
        return f"its process was ended by signal {-code}"
    last = complaint[-_TOLD_BYTES:].decode("utf-8", "replace").strip().rpartition("\n")[2]
    return f"its process ended with {code}: {last}"


def _die_with(parent: int) -> None:
    """Be killed when the process that asked ends, however it ends. Where the system cannot, it goes on."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("whoever asked for it has ended")
