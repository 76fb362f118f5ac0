"""Where `pg_dump` is looked for, and which one is good enough for a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from storysync.errors import StoreError
from storysync.store.engines.postgres_programs import NAMES, find


def make(folder: Path, version: str, names: tuple[str, ...] = NAMES) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version} (Debian)"\n')
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    return tmp_path / "postgresql"


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that has a shell and none of the programs."""
    folder = tmp_path / "path"
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_none_at_all_is_said_with_what_to_install(debian: Path) -> None:
    with pytest.raises(StoreError, match="there is no pg_dump with its pg_restore in PATH") as told:
        find(None, 18, debian)
    assert "postgresql-client-18" in told.value.hint and "backup.pg_bin" in told.value.hint


def test_path_comes_first(path: Path, debian: Path) -> None:
    make(path, "18.4")
    make(debian / "19" / "bin", "19.0")
    assert find(None, 18, debian).dump == path / "pg_dump"


def test_newest_of_debian_is_taken_when_that_in_path_is_too_old(path: Path, debian: Path) -> None:
    make(path, "15.18")
    for version in ("9.6", "16", "18", "19beta1"):
        make(debian / version / "bin", f"{version}.1" if version.isdecimal() else version)
    found = find(None, 17, debian)
    assert (found.dump, found.version, found.major) == (debian / "18" / "bin" / "pg_dump", "18.1", 18)


def test_all_too_old_names_both_versions(path: Path, debian: Path) -> None:
    make(path, "15.18")
    make(debian / "16" / "bin", "16.3")
    with pytest.raises(
        StoreError, match=r"16/bin/pg_dump has version 16\.3, older than the server, PostgreSQL 18"
    ):
        find(None, 18, debian)


def test_folder_of_the_setting_is_the_only_one(path: Path, debian: Path, tmp_path: Path) -> None:
    make(path, "18.4")
    own = make(tmp_path / "own", "19devel")
    assert find(str(own), 18, debian).version == "19devel"
    with pytest.raises(
        StoreError, match=r"no pg_dump with its pg_restore in .*/none, the setting `backup\.pg_bin`"
    ):
        find(str(tmp_path / "none"), 18, debian)


def test_one_without_the_other_does_not_count(path: Path, debian: Path) -> None:
    make(path, "18.4", ("pg_dump",))
    with pytest.raises(StoreError, match="there is no pg_dump with its pg_restore"):
        find(None, 18, debian)
