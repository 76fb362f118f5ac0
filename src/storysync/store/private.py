"""Folders and files that others may not look into, whatever the umask is.

Alone for their owner, or with `group=True` also for the members of the group that owns them: these may read,
and write nothing. What root makes in a folder of another user belongs to that user, as with SQLite's own
files: the daemon must be able to write what was made for it by hand.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_MODE, SHARED_FOLDER_MODE = 0o700, 0o750
FILE_MODE, SHARED_FILE_MODE = 0o600, 0o640


def make_folder(folder: Path, *, group: bool = False) -> None:
    """Make a folder and those above it that are missing; one that is there keeps its mode. Raises OSError."""
    if folder.is_dir():
        return
    if not folder.parent.exists():
        make_folder(folder.parent, group=group)
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return  # another process was first
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _give_to_owner_of(folder.parent, descriptor)
        os.fchmod(descriptor, SHARED_FOLDER_MODE if group else FOLDER_MODE)
    finally:
        os.close(descriptor)


def open_file(file: Path, flags: int, *, group: bool = False) -> int:
    """The descriptor of a file, which is made when there is none. Raises OSError."""
    flags |= os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(file, flags | os.O_CREAT, FILE_MODE)
    try:
        _give_to_owner_of(file.parent, descriptor)
        os.fchmod(descriptor, SHARED_FILE_MODE if group else FILE_MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def share(file: Path) -> None:
    """Let the group read a file that is there and was its owner's alone; others' files are left as they are.

    By name: to open a database would drop the locks that this process has on it. Raises OSError.
    """
    try:
        status = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    if status.st_mode & 0o777 == FILE_MODE and os.geteuid() in (0, status.st_uid):
        file.chmod(SHARED_FILE_MODE)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0 and not owner.st_mode & 0o1000:  # nobody's, as in /tmp
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
