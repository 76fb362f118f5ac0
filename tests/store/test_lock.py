from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storysync.errors import Locked, StoreError
from storysync.store.lock import InstanceLock, lock_path

HOLDER = """
import sys
from pathlib import Path
from storysync.store.lock import InstanceLock
InstanceLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_lies_beside_the_database() -> None:
    assert lock_path(Path("/x/storysync.db")) == Path("/x/storysync.db.lock")


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "s.db.lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=f"process {holder.pid} ") as refused:
            InstanceLock(path).acquire()
        assert refused.value.exit_code == 6
        holder.kill()
        holder.wait()
    after = InstanceLock(path)
    after.acquire()  # the kernel freed it with the process
    assert path.read_text() == f"{os.getpid()}\n"
    after.release()


def test_release_frees_the_lock_and_forgets_the_process(tmp_path: Path) -> None:
    path = tmp_path / "s.db.lock"
    first = InstanceLock(path)
    first.acquire()
    with pytest.raises(Locked):
        InstanceLock(path).acquire()
    first.release()
    first.release()
    assert path.read_text() == ""
    second = InstanceLock(path)
    second.acquire()
    second.release()


def test_only_the_owner_may_read_the_lock_file(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "s.db.lock")
    lock.acquire()
    lock.release()
    assert (tmp_path / "s.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_lock_file_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open the lock file"):
        InstanceLock(tmp_path / "file" / "s.db.lock").acquire()


def test_a_link_to_a_database_is_locked_as_the_database(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "s.db", tmp_path / "link.db"
    real.parent.mkdir()
    real.touch()
    link.symlink_to(real)
    with InstanceLock(lock_path(real)), pytest.raises(Locked):
        InstanceLock(lock_path(link)).acquire()


def test_a_full_disk_takes_the_name_of_the_holder_and_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "s.db.lock"
    monkeypatch.setattr(os, "pwrite", full)
    for _ in range(2):  # nothing of the first stays held
        with InstanceLock(path), pytest.raises(Locked, match="another process"):
            InstanceLock(path).acquire()
