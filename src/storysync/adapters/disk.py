"""Looking at a folder tree: which files of the wanted names there are, and their bytes.

Never follows a symbolic link, never blocks on a FIFO or device, never writes. Paths are relative to the
root, POSIX, in Unicode normal form C; the raw bytes of a name are kept where they differ.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from storysync import faults
from storysync.core.file_names import MOST_PATH_BYTES, is_too_long
from storysync.core.plan import Signature
from storysync.core.story import Broken, Problem

_SIGNED_LIMIT = 1 << 63
_SHALLOW = (MOST_PATH_BYTES - 3 * 255) // 4
"""Characters of a folder's path below which no name in it can make a path too long."""
_READ_TRIES = 3
_LINKED_WORKTREE = re.compile(rb"/worktrees/[^/\n]+/?\s*$")  # a submodule in one goes on with /modules/

Prune = Callable[[str, str], bool]
"""(name, path of a folder or file) -> whether it is not looked at."""


@dataclass
class Scan:
    """One look at a tree, or at a part of it."""

    files: dict[str, Signature] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    problems: dict[str, list[Problem]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)  # folders that could not be listed

    def note(self, path: str, code: str, message: str, hint: str = "") -> None:
        self.problems.setdefault(path, []).append(Problem(code, message, hint=hint))


class RootIdentity(msgspec.Struct, frozen=True):
    device: int
    inode: int


def root_identity(root: Path) -> RootIdentity:
    """Which folder this is, whatever its name. Raises OSError when there is none."""
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
    return RootIdentity(_signed(status.st_dev), _signed(status.st_ino))


def scan(root: Path, is_wanted: Callable[[str], bool], prune: Prune, below: str = "") -> Scan:
    """Every file of a wanted name below a folder of the root, by (relative path -> change key).

    Folders that cannot be listed are in `unreadable`; raises OSError when that is the root itself.
    """
    return _Walk(root, is_wanted, prune).run(below)


class _Walk:
    """One walk through the folders of a root. `pending` holds (place on disk, relative path)."""

    def __init__(self, root: Path, is_wanted: Callable[[str], bool], prune: Prune) -> None:
        self.root = os.fspath(root)
        self.is_wanted = is_wanted
        self.prune = prune
        self.found = Scan()
        self.pending: list[tuple[str, str]] = []

    def run(self, below: str) -> Scan:
        self.pending.append((os.path.join(self.root, below) if below else self.root, below))
        self._walk()
        return self.found

    def look(self, path: str) -> bool:
        """Take in a file, or everything below a folder; False when no such thing is there."""
        there = False
        try:
            for place in self._places(path):
                status = _lstat(self.root, place)
                if stat.S_ISDIR(status.st_mode):
                    self.pending.append((place, path))
                    self._walk()
                    there = True
                elif self.is_wanted(path.rpartition("/")[2]):
                    self._file(place, path, status)
                    there |= path in self.found.files
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self.found.unreadable.add(path)
        return there

    def _places(self, path: str) -> list[str]:
        """Where a path may be on disk: names of other Unicode forms, or not UTF-8, are found by listing."""
        if path.isascii():
            return [os.path.join(self.root, path)]
        places = [self.root]
        for name in path.split("/"):
            if name.isascii():
                places = [os.path.join(place, name) for place in places]
            else:
                places = [found for place in places for found in _spelled(place, name)]
        return places

    def _walk(self) -> None:
        while self.pending:
            place, path = self.pending.pop()
            try:
                self._folder(place, path)
            except OSError as error:
                if not path:
                    raise
                if error.errno != errno.ENOENT:
                    self._unreadable(path, error)

    def _unreadable(self, path: str, error: OSError) -> None:
        self.found.unreadable.add(path)
        message = f"the folder cannot be read: {error.strerror}"
        self.found.note(path, "unreadable-folder", message, "give storysync the right to read and enter it")

    def _folder(self, place: str, path: str) -> None:
        prefix = path + "/" if path else ""
        deep = len(prefix) > _SHALLOW
        inside = os.path.join(place, "")
        flags = os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if path else 0)
        descriptor = os.open(place, flags)
        try:
            with os.scandir(descriptor) as entries:
                listed = list(entries)
            if path and any(entry.name == ".git" for entry in listed) and is_linked_worktree(place):
                return
            for entry in listed:
                name = entry.name
                if deep and is_too_long(child := prefix + stored_name(name)):
                    self._leave_out(entry, child, path)
                elif entry.is_dir(follow_symlinks=False):
                    child = prefix + (text := stored_name(name))
                    if not self.prune(text, child):
                        self.pending.append((inside + name, child))
                elif self.is_wanted(name) and not self.prune(text := stored_name(name), prefix + text):
                    try:
                        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    self._file(inside + name, prefix + text, status)
        finally:
            os.close(descriptor)

    def _leave_out(self, entry: os.DirEntry[str], path: str, folder: str) -> None:
        """Say once of a folder that something in it has a path that is too long."""
        looked_at = entry.is_dir(follow_symlinks=False) or self.is_wanted(entry.name)
        if not looked_at or self.prune(stored_name(entry.name), path):
            return
        if not any(one.code == "path-too-long" for one in self.found.problems.get(folder, ())):
            message = f"a path in this folder has more than {MOST_PATH_BYTES} bytes"
            self.found.note(folder, "path-too-long", message, "shorten the names of its folders")

    def _file(self, place: str, path: str, status: os.stat_result) -> None:
        """Note what a wanted name stands for."""
        found = self.found
        if stat.S_ISREG(status.st_mode):
            if path.isascii() or self._keeps(path, place):
                found.files[path] = signature(status)
        elif stat.S_ISLNK(status.st_mode):
            message, hint = "a symbolic link is not followed", "link to the file in the text"
            found.note(path, "not-a-regular-file", message, hint)
        else:
            message = f"a {_kind(status.st_mode)} is not read"
            found.note(path, "not-a-regular-file", message, "rename or remove it")

    def _keeps(self, path: str, place: str) -> bool:
        """Keep the bytes of a name that the path does not say; False for the loser of two that clash."""
        found = self.found
        raw = os.fsencode(place)[len(os.fsencode(os.path.join(self.root, ""))) :]
        if path in found.files:
            message = "two files have this name in different Unicode forms"
            found.note(path, "path-clash", message, "rename one")
            if raw > found.raw.get(path, path.encode()):
                return False
        if raw != path.encode():
            found.raw[path] = raw
        else:
            found.raw.pop(path, None)
        return True


def look(
    root: Path, is_wanted: Callable[[str], bool], prune: Prune, paths: Iterable[str]
) -> tuple[Scan, set[str]]:
    """Look at some paths only: (what is there, those where nothing is).

    A folder means everything below it. A path below a pruned folder or behind a link is nothing.
    """
    walk = _Walk(root, is_wanted, prune)
    missing: set[str] = set()
    wanted = frozenset(paths)
    for path in wanted:
        steps = _steps(path)
        if is_too_long(path):
            steps = [step for step in steps if not is_too_long(step[1])]
            path = steps[-1][1]  # the folder that it is told of
        covered = any(folder in wanted for _, folder in steps[:-1])
        if any(prune(*step) for step in steps) or not (covered or walk.look(path)):
            missing.add(path)
    return walk.found, missing


def read(root: Path, path: str, raw: bytes | None, limit: int) -> tuple[Signature, bytes] | Broken | None:
    """The bytes of a regular file of at most `limit` bytes, with the change key that belongs to them.

    None when there is no such file any more, or when it changed under every reading: look again later.
    """
    name = os.path.join(os.fsencode(root), raw) if raw is not None else os.path.join(root, path)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return _unreadable(error)
    try:
        faults.point("read.file")
        for _ in range(_READ_TRIES):
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return None
            if before.st_size > limit:
                size = f"more than {limit // 1024} KiB"
                hint = "split it, raise `reading.max_file_kb`, or exclude it"
                return Broken((Problem("file-too-large", f"the file has {size}", hint=hint),))
            data = os.pread(descriptor, before.st_size + 1, 0)
            if len(data) == before.st_size and signature(os.fstat(descriptor)) == signature(before):
                return signature(before), data
        return None
    except OSError as error:
        return _unreadable(error)
    finally:
        os.close(descriptor)


def _unreadable(error: OSError) -> Broken | None:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return None
    hint = "give storysync the right to read it"
    return Broken((Problem("unreadable-file", f"the file cannot be read: {error.strerror}", hint=hint),))


def blob_id(data: bytes) -> str:
    """The id that git gives a file of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def signature(status: os.stat_result) -> Signature:
    device, inode = status.st_dev, status.st_ino
    if device >= _SIGNED_LIMIT or inode >= _SIGNED_LIMIT:
        device, inode = _signed(device), _signed(inode)
    return Signature(device, inode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _signed(number: int) -> int:
    """SQL integers have a sign; some file systems use all 64 bits."""
    return number if number < _SIGNED_LIMIT else number - 2 * _SIGNED_LIMIT


def stored_name(name: str) -> str:
    """A name or path as text that every database takes: normal form C, undecodable bytes replaced."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _kind(mode: int) -> str:
    for test, word in (
        (stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISDIR, "folder"), (stat.S_ISREG, "file"),
    ):  # fmt: skip
        if test(mode):
            return word
    return "device"


def _spelled(folder: str, name: str) -> list[str]:
    """What in a folder has a name that is stored as this one; nothing in what is no folder."""
    try:
        return [os.path.join(folder, one) for one in os.listdir(folder) if stored_name(one) == name]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _steps(path: str) -> list[tuple[str, str]]:
    """(name, path) of every folder on the way, and of the path itself."""
    parts = path.split("/")
    return [(part, "/".join(parts[: index + 1])) for index, part in enumerate(parts)]


def _lstat(root: str, place: str) -> os.stat_result:
    """lstat that passes neither through links nor into linked worktrees below the root."""
    top = os.path.join(root, "")
    for _, folder in _steps(place[len(top) :])[:-1]:
        if stat.S_ISLNK(os.lstat(top + folder).st_mode) or is_linked_worktree(top + folder):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.lstat(place)


def is_linked_worktree(folder: str) -> bool:
    """A checkout of the same repository inside another: its stories would all be contested."""
    try:
        with open(os.path.join(folder, ".git"), "rb") as pointer:
            return _LINKED_WORKTREE.search(pointer.read(4096)) is not None
    except OSError:
        return False
