"""Backups are restored on trial: what is whole is told in numbers, and what changed is refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storysync import faults
from storysync.errors import NotFound
from storysync.jobs import backup_files
from storysync.jobs.backup import BackupReport, make_backup
from storysync.jobs.backup_files import Manifest, backups_in, find, newest_verified
from storysync.jobs.backup_prune import prunable, prune
from storysync.jobs.backup_verify import VerifiedBackup, verify
from storysync.settings import BackupSettings
from storysync.store.archive import BackupDamaged, differences, facts_in
from storysync.store.compressed import compress, decompress
from storysync.store.database import Database, database_at

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SETTINGS = BackupSettings()
FLIPS = 200


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database with a few rows and one backup of it. Tests work on copies of its folder."""
    folder = tmp_path_factory.mktemp("made")
    database = database_at(f"sqlite:///{folder / 's.db'}")
    with database.open() as store, store.writing() as tx:
        for number in range(200):
            values = (f"p{number}", f"Name {number * 7919}", json.dumps({"n": number}))
            tx.execute("INSERT INTO projects (id, name, settings) VALUES (?, ?, ?)", values)
    assert make_backup(database, SETTINGS, trigger="test", now=lambda: NOON).state == "good"
    return database


@pytest.fixture
def database(made: Database, tmp_path: Path) -> Database:
    shutil.copytree(made.base.parent / "backups", tmp_path / "backups")
    shutil.copy(made.base, tmp_path / "s.db")
    return database_at(f"sqlite:///{tmp_path / 's.db'}")


@pytest.fixture
def folder(database: Database) -> Path:
    return database.base.parent / "backups"


def verified(database: Database, name: str | None = None) -> VerifiedBackup:
    return verify(database, SETTINGS, name=name, now=lambda: NOON + timedelta(days=1))


def back_up(database: Database, at: datetime) -> BackupReport:
    return make_backup(database, SETTINGS, trigger="test", now=lambda: at)


def the_one(folder: Path) -> Manifest:
    (one,) = backups_in(folder)
    return one


# -- what is whole -----------------------------------------------------------------------------------------


def test_a_whole_one_restores_and_its_manifest_says_when(database: Database, folder: Path) -> None:
    told = verified(database)
    assert (told.state, told.message) == ("good", "")
    assert told.rows == 200 and told.tables == told.digests == len(the_one(folder).rows)
    assert the_one(folder).verified_at == told.verified_at == NOON + timedelta(days=1)
    assert sorted(os.listdir(folder)) == [".lock", f"{told.name}.db.zst", f"{told.name}.json"]


def test_the_database_need_not_be_there(database: Database) -> None:
    database.base.unlink()
    assert verified(database).state == "good"
    assert not database.base.exists()


def test_it_is_found_by_its_name_its_file_and_a_path(database: Database, folder: Path) -> None:
    name = the_one(folder).name
    for given in (name, f"{name}.db.zst", f"{name}.json", str(folder / f"{name}.db.zst"), str(folder / name)):
        assert verified(database, given).name == name


@pytest.mark.parametrize("given", ["storysync-20250101T000000Z", "notes.txt", "../s.db", "/none/x.json"])
def test_one_that_is_not_there_is_not_found(database: Database, given: str) -> None:
    with pytest.raises(NotFound):
        verified(database, given)


def test_without_any_there_is_none_to_verify(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no backup of"):
        verified(database_at(f"sqlite:///{tmp_path / 'none.db'}"))


def test_a_damaged_one_that_is_mended_is_good_again(database: Database, folder: Path) -> None:
    one = the_one(folder)
    content = one.data.read_bytes()
    one.data.write_bytes(content[:-1])
    assert verified(database).state == "damaged"
    assert the_one(folder).state == "damaged"
    one.data.write_bytes(content)
    assert verified(database).state == "good"
    assert (the_one(folder).state, the_one(folder).reason) == ("good", "")


def test_one_in_a_folder_that_may_only_be_read_is_restored_elsewhere(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("storysync.jobs.backup_verify.os.access", lambda *_: False)
    monkeypatch.setattr(backup_files, "put", refuse)
    before = sorted(os.listdir(folder))
    assert verified(database).state == "good"
    assert sorted(os.listdir(folder)) == before
    assert the_one(folder).verified_at == NOON


@pytest.fixture
def without_flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of flushes take long on a busy disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


# -- what changed ------------------------------------------------------------------------------------------


def changes(content: bytes, seed: int) -> Iterator[bytes]:
    """`FLIPS` random flips of one byte and as many truncations."""
    dice = random.Random(seed)
    for _ in range(FLIPS):
        at, bit = dice.randrange(len(content)), 1 << dice.randrange(8)
        yield content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
    for _ in range(FLIPS):
        yield content[: dice.randrange(len(content))]


@pytest.mark.usefixtures("without_flushing")
def test_every_change_of_the_data_is_refused(database: Database, folder: Path) -> None:
    one = the_one(folder)
    content, manifest = one.data.read_bytes(), one.path.read_bytes()
    for changed in changes(content, seed=1):
        one.data.write_bytes(changed)
        told = verified(database)
        assert told.state == "damaged", told
        assert told.message.endswith(
            "SHA-256 differs" if len(changed) == len(content) else f"of {len(content)}"
        )
        assert the_one(folder).state == "damaged"
        one.path.write_bytes(manifest)
    one.data.write_bytes(content)
    assert verified(database).state == "good"


@pytest.mark.usefixtures("without_flushing")
def test_every_change_of_what_the_manifest_says_is_refused(database: Database, folder: Path) -> None:
    one = the_one(folder)
    content = one.path.read_bytes()
    refused = 0
    for changed in changes(content, seed=2):
        one.path.write_bytes(changed)
        try:
            told = json.loads(changed)
        except ValueError:
            told = None
        state = verified(database).state
        if told == json.loads(content):  # another blank, or none at the end
            assert state == "good"
        else:
            assert state == "damaged", changed
            assert the_one(folder).state == "damaged"
            assert newest_verified(folder) is None
            refused += 1
    assert refused > FLIPS


def test_the_checksum_inside_finds_changes_too(database: Database, folder: Path, tmp_path: Path) -> None:
    content = the_one(folder).data.read_bytes()
    changed_file, target = tmp_path / "changed", tmp_path / "unpacked"

    def unpacked(data: bytes) -> bytes:
        changed_file.write_bytes(data)
        with target.open("wb") as stream:
            decompress(changed_file, stream.fileno(), lambda done, total: None)
        return target.read_bytes()

    whole = unpacked(content)
    for changed in changes(content, seed=3):
        with suppress(BackupDamaged):
            assert unpacked(changed) == whole
    for longer in (content + b"x", content + content):
        with pytest.raises(BackupDamaged, match="more in it"):
            unpacked(longer)


def test_digests_find_what_a_check_of_the_pages_does_not(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    """Bytes of the database flipped before it is packed anew: checksums hold, and its rows must not."""
    one = the_one(folder)
    raw, packed = tmp_path / "raw", tmp_path / "packed.db.zst"
    archive = database.archive(SETTINGS)
    with raw.open("wb") as stream:
        decompress(one.data, stream.fileno(), lambda done, total: None)
    content = raw.read_bytes()
    with closing(sqlite3.connect(f"file:{raw}?immutable=1", uri=True)) as connection:
        rows = connection.execute("SELECT * FROM projects ORDER BY id").fetchall()
    found_by_digest = 0
    dice = random.Random(4)
    places = [at for at in range(len(content)) if content[at : at + 5] == b"Name "]
    for number in range(FLIPS):
        at = dice.choice(places) + 6 if number % 2 else dice.randrange(len(content))
        raw.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        packed.write_bytes(b"")
        compress(raw, packed, 1, lambda done, total: None)
        try:
            with archive.restored(packed, tmp_path) as tx:
                found = list(differences(one.facts, facts_in(tx)))
        except BackupDamaged:
            continue
        with closing(sqlite3.connect(f"file:{raw}?immutable=1", uri=True)) as connection:
            same = connection.execute("SELECT * FROM projects ORDER BY id").fetchall() == rows
        assert found or same, at
        found_by_digest += bool(found)
    assert found_by_digest > FLIPS // 4


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda file: file.write_bytes(b""), "mark"),
        (lambda file: file.write_bytes(b"not a database at all" * 100), "not a database"),
        (lambda file: os.truncate(file, file.stat().st_size // 2), "malformed|not usable"),
        (lambda file: _sql(file, "PRAGMA application_id = 1"), "mark"),
        (lambda file: _sql(file, "INSERT INTO story_labels VALUES (99, 'x')"), "missing row"),
        (lambda file: _sql(file, "DELETE FROM storysync_version"), "revision"),
    ],
)
def test_what_unpacks_to_no_whole_database_is_refused(
    database: Database, folder: Path, tmp_path: Path, damage: Callable[[Path], None], finding: str
) -> None:
    archive = database.archive(SETTINGS)
    raw, packed = tmp_path / "raw", tmp_path / "packed.db.zst"
    with raw.open("wb") as stream:
        decompress(the_one(folder).data, stream.fileno(), lambda done, total: None)
    damage(raw)
    packed.write_bytes(b"")
    compress(raw, packed, 1, lambda done, total: None)
    with pytest.raises(BackupDamaged, match=finding), archive.restored(packed, tmp_path) as tx:
        facts_in(tx)
    assert not list(tmp_path.glob("*.scratch*"))


def test_a_file_that_is_gone_is_missing(database: Database, folder: Path) -> None:
    the_one(folder).data.unlink()
    assert the_one(folder).state == "missing"
    told = verified(database)
    assert (told.state, told.message) == ("damaged", f"{told.name}.db.zst is not there")


def test_what_could_not_be_tried_stays_as_it_was(database: Database, folder: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storysync.store.compressed._write", full)
        told = verified(database)
    assert told.state == "failed" and "is full" in told.message
    assert (the_one(folder).state, the_one(folder).verified_at) == ("good", NOON.replace(microsecond=0))
    assert not list(folder.glob("*.scratch"))


# -- which there are ---------------------------------------------------------------------------------------


def test_the_newest_verified_one_before_a_time(database: Database, folder: Path) -> None:
    for hours in (2, 4):
        assert back_up(database, NOON + timedelta(hours=hours)).state == "good"
    newest, older, first = backups_in(folder, database.place)
    assert [one.created_at.hour for one in (newest, older, first)] == [16, 14, 12]
    assert newest_verified(folder, database.place) == newest
    assert newest_verified(folder, database.place, at=NOON + timedelta(hours=3)) == older
    assert newest_verified(folder, database.place, at=NOON - timedelta(hours=1)) is None
    newest.data.write_bytes(b"short")
    assert newest_verified(folder, database.place) == older
    assert newest_verified(folder, "another place") is None


def test_a_database_whose_folder_was_moved_keeps_its_backups(database: Database, made: Database) -> None:
    """The manifest names the old place; the copy of the fixture is such a database."""
    folder = database.base.parent / "backups"
    assert the_one(folder).database == made.place != database.place
    assert [one.state for one in backups_in(folder, database.place)] == ["good"]
    assert backups_in(folder, str(database.base.with_name("other.db"))) == []


def test_a_manifest_of_a_newer_program_keeps_what_this_one_does_not_know(
    database: Database, folder: Path
) -> None:
    one = the_one(folder)
    told = json.loads(one.path.read_bytes()) | {"a_new_field": [1, 2]}
    one.path.write_bytes(backup_files._sealed(told))
    assert verified(database).state == "good"
    assert json.loads(one.path.read_bytes())["a_new_field"] == [1, 2]


def test_a_manifest_that_names_another_file_is_not_followed(database: Database, folder: Path) -> None:
    one = the_one(folder)
    told = json.loads(one.path.read_bytes()) | {"file": "../s.db"}
    one.path.write_bytes(backup_files._sealed(told))
    assert the_one(folder).state == "damaged"
    backup_files.remove(the_one(folder))
    assert database.base.exists()


def test_pruning_removes_what_the_settings_do_not_keep(database: Database, folder: Path) -> None:
    name = the_one(folder).name
    settings = BackupSettings(hourly=1, daily=0, weekly=0, monthly=0)
    later = NOON + timedelta(days=3)
    assert prunable(database, settings, now=later) == prune(database, settings, now=later) == ()
    make_backup(database, settings, trigger="migration", now=lambda: later)
    assert prunable(database, settings, now=later) == (name,)
    assert find(folder, name).state == "good"
    assert prune(database, settings, now=later) == (name,)
    with pytest.raises(NotFound):
        find(folder, name)
    assert [one.trigger for one in backups_in(folder)] == ["migration"]


def test_a_removal_that_is_interrupted_leaves_no_backup_and_litter_that_goes(
    database: Database, folder: Path
) -> None:
    one = the_one(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError(5, "I/O error")))
        with pytest.raises(OSError, match="I/O"):
            backup_files.remove(one)
    assert backups_in(folder) == [] and one.data.exists()
    backup_files.clean(folder)
    assert os.listdir(folder) == [".lock"]


def test_one_backup_or_trial_at_a_time(database: Database, folder: Path) -> None:
    with backup_files.locked(folder, 0), pytest.MonkeyPatch.context() as patch:
        patch.setattr("storysync.jobs.backup_verify.LOCK_WAIT_S", 0.0)
        patch.setattr("storysync.jobs.backup.LOCK_WAIT_S", 0.0)
        told = verified(database)
        report = make_backup(database, SETTINGS, trigger="test")
    assert told.state == "failed" and f"process {os.getpid()}" in told.message
    assert report.state == "failed" and f"process {os.getpid()}" in report.message
    assert the_one(folder).state == "good"


def test_a_trial_that_fails_by_a_fault_leaves_the_lock_free(database: Database, folder: Path) -> None:
    with faults.armed("backup.before-copy=raise:StoreError"):
        make_backup(database, SETTINGS, trigger="test")
    with backup_files.locked(folder, 0):
        pass


def _sql(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()
