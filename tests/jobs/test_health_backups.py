"""The checks of backups and of the room for them, in each of their states."""

from __future__ import annotations

from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync.jobs import health_backups
from storysync.jobs.backup_files import Manifest
from storysync.jobs.health_look import Tried
from storysync.settings import BackupSettings, HealthSettings
from support.health import NOON, seen

Usage = namedtuple("Usage", "total used free")


def made(hours: float, **given: Any) -> Manifest:
    """A backup that was made and verified so many hours ago."""
    at = NOON - timedelta(hours=hours)
    return Manifest(**{"name": f"b{hours:g}", "created_at": at, "verified_at": at, **given})


def backup(*there: Manifest, **of_database: Any) -> tuple[str, str]:
    return health_backups.backup(there, seen(**of_database), HealthSettings(), NOON)


def restore(*there: Manifest) -> tuple[str, str]:
    return health_backups.restore(there, BackupSettings(), NOON)


def failed(hours: float) -> Tried:
    return Tried("failed", "no room", NOON - timedelta(hours=hours))


# disk


def test_free_space_of_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {tmp_path: 900 << 20, tmp_path / "far": 100 << 20}
    (tmp_path / "far").mkdir()
    monkeypatch.setattr(health_backups.shutil, "disk_usage", lambda path: Usage(0, 0, free[path]))
    places = {"beside the database": tmp_path / "not" / "yet", "for backups": tmp_path / "far"}
    told = "900 MB free beside the database, 100 MB free for backups"
    assert health_backups.disk(places, 100) == ("ok", told)
    state, reason = health_backups.disk(places, 101)
    assert (state, reason) == ("fail", f"{told}: less than 101 MB; make room, or lower health.min_free_mb")


# backup


def test_the_age_of_the_newest_good_backup() -> None:
    assert backup(made(3), made(9)) == ("ok", "the last good backup is 3 h old")
    assert backup(made(26))[0] == "ok"
    assert backup(made(27)) == ("fail", "the last good backup is 27 h old; run `storysync backup create`")


def test_the_age_counts_from_a_good_one() -> None:
    assert backup(made(1, state="damaged"), made(30))[0] == "fail"
    assert backup(made(1, state="damaged"), made(3)) == ("ok", "the last good backup is 3 h old")


def test_an_attempt_that_failed_since_is_a_warning() -> None:
    found = backup(made(3), tried=failed(1))
    assert found == ("warn", "the last good backup is 3 h old; the last attempt failed: no room")
    assert backup(made(3), tried=failed(4))[0] == "ok"
    assert backup(made(30), tried=failed(1))[1].endswith("the last attempt failed: no room")


@pytest.mark.parametrize(
    ("there", "of_database", "expected"),
    [
        ((), {}, ("warn", "there is no backup yet; run `storysync backup create`")),
        (
            (),
            {"tried": failed(1)},
            ("fail", "no backup has succeeded yet; the last attempt failed: no room"),
        ),
        (
            (),
            {"backed_up_at": NOON},
            ("fail", "the backups on record are gone; is the right `backup.directory` set and mounted?"),
        ),
        (
            (made(1, state="damaged"), made(2, state="missing")),
            {},
            ("fail", "none of 2 backups is good; run `storysync backup create`"),
        ),
    ],
)
def test_no_good_backup(
    there: tuple[Manifest, ...], of_database: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert backup(*there, **of_database) == expected


def test_backups_are_judged_when_the_database_cannot_be_asked() -> None:
    assert health_backups.backup([made(3)], None, HealthSettings(), NOON)[0] == "ok"
    assert health_backups.backup([], None, HealthSettings(), NOON)[0] == "warn"


# restore


def test_the_age_of_the_last_proof_that_a_backup_restores() -> None:
    assert restore(made(5), made(9)) == ("ok", "that a backup restores was proved 5 h ago")
    again = made(99, verified_at=NOON - timedelta(minutes=10))
    assert restore(made(70), again) == ("ok", "that a backup restores was proved 10 min ago")
    assert restore(made(48))[0] == "ok"
    told = "that a backup restores was proved 2 d ago; run `storysync backup verify`"
    assert restore(made(49)) == ("warn", told)
    assert restore(made(24 * 7))[0] == "warn"
    assert restore(made(24 * 7 + 1))[0] == "fail"


def test_damaged_backups_are_named() -> None:
    found = restore(made(1), made(2, state="damaged"), made(3, state="missing"))
    told = "that a backup restores was proved 60 min ago; damaged: b2, b3; see `storysync backup list`"
    assert found == ("warn", told)
    assert restore(made(2, state="damaged")) == (
        "fail",
        "no backup is known to restore; damaged: b2",
    )


def test_nothing_to_restore_yet() -> None:
    assert restore() == ("warn", "there is no backup that could be restored yet")
