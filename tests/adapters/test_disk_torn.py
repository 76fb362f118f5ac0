"""Files that change while they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storysync.adapters import disk

OLD, NEW = b"---\nid: A-1\n---\nold\n", b"---\nid: A-1\n---\nnew\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.md"
    path.write_bytes(OLD)
    return path


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """`act(number)` happens between the bytes of each reading, counted from 0, and the look after it."""
    real, count = os.pread, 0

    def pread(*arguments: int) -> bytes:
        nonlocal count
        data = real(*arguments)
        act(count)
        count += 1
        return data

    monkeypatch.setattr(disk.os, "pread", pread)


def test_what_changed_meanwhile_is_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda number: (file.write_bytes(NEW), None)[1] if number == 0 else None)
    found = disk.read(file.parent, "a.md", None, 1000)
    assert isinstance(found, tuple)
    assert found == (disk.signature(file.stat()), NEW)


@pytest.mark.parametrize("size", [len(OLD), len(OLD) + 1], ids=["same size", "longer"])
def test_what_changes_under_every_reading_is_left_for_later(
    file: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    def write(number: int) -> None:
        file.write_bytes(OLD.ljust(size, b"x"))
        os.utime(file, ns=(number, number))

    meanwhile(monkeypatch, write)
    assert disk.read(file.parent, "a.md", None, 1000) is None
