"""Modes of what is made: the owner's alone, or the group's to read, whatever the umask is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storysync.store import private

OWNER, GROUP = 50001, 50002
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    former = os.umask(request.param)
    yield
    os.umask(former)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("group", "folder", "file"), [(False, 0o700, 0o600), (True, 0o750, 0o640)])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, *, group: bool, folder: int, file: int) -> None:
    deep = tmp_path / "a" / "b"
    private.make_folder(deep, group=group)
    os.close(private.open_file(deep / "f", os.O_RDWR, group=group))
    assert (mode(deep.parent), mode(deep), mode(deep / "f")) == (folder, folder, file)


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir(0o755)
    (folder / "f").touch(0o644)
    private.make_folder(folder, group=True)
    os.close(private.open_file(folder / "f", os.O_RDWR))
    assert (mode(folder), mode(folder / "f")) == (0o755, 0o644)


def test_sharing_opens_only_what_was_the_owners_alone(tmp_path: Path) -> None:
    closed, open_to_all = tmp_path / "closed", tmp_path / "open"
    closed.touch(0o600)
    open_to_all.touch()
    open_to_all.chmod(0o644)
    for file in (closed, open_to_all, tmp_path / "absent"):
        private.share(file)
    assert (mode(closed), mode(open_to_all)) == (0o640, 0o644)


@needs_root
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, OWNER, GROUP)
    private.make_folder(tmp_path / "a" / "b", group=True)
    os.close(private.open_file(tmp_path / "a" / "b" / "f", os.O_RDWR, group=True))
    for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "f"):
        assert (path.stat().st_uid, path.stat().st_gid) == (OWNER, GROUP)


@needs_root
def test_a_folder_of_everybody_gives_nothing_away(tmp_path: Path) -> None:
    os.chown(tmp_path, OWNER, GROUP)
    tmp_path.chmod(0o1777)
    os.close(private.open_file(tmp_path / "f", os.O_RDWR))
    assert (tmp_path / "f").stat().st_uid == 0
