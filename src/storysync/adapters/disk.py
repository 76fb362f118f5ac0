"""Looking at a folder tree: which Markdown files there are, and their bytes.

Never follows a symbolic link, never blocks on a FIFO or device, never writes. Paths are relative to the
root, POSIX, in Unicode normal form C; the raw bytes of a name are kept where they differ.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from storysync.core.plan import Signature
from storysync.core.story import Broken, Problem

_SIGNED_LIMIT = 1 << 63
_READ_TRIES = 3

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


def scan(root: Path, is_markdown: Callable[[str], bool], prune: Prune, below: str = "") -> Scan:
    """Every Markdown file below a folder of the root, by (relative path -> change key).

    Folders that cannot be listed are in `unreadable`; raises OSError when that is the root itself.
    """
    return _Walk(root, is_markdown, prune).run(below)


class _Walk:
    """One walk through the folders of a root. `pending` holds (place on disk, relative path)."""

    def __init__(self, root: Path, is_markdown: Callable[[str], bool], prune: Prune) -> None:
        self.root = os.fspath(root)
        self.is_markdown = is_markdown
        self.prune = prune
        self.found = Scan()
        self.pending: list[tuple[str, str]] = []

    def run(self, below: str) -> Scan:
        self.pending.append((os.path.join(self.root, below) if below else self.root, below))
        while self.pending:
            place, path = self.pending.pop()
            try:
                self._folder(place, path)
            except OSError as error:
                if not path:
                    raise
                if error.errno != errno.ENOENT:
                    self._unreadable(path, error)
        return self.found

    def _unreadable(self, path: str, error: OSError) -> None:
        self.found.unreadable.add(path)
        message = f"the folder cannot be read: {error.strerror}"
        self.found.note(path, "unreadable-folder", message, "give storysync the right to read and enter it")

    def _folder(self, place: str, path: str) -> None:
        prefix = path + "/" if path else ""
        flags = os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if path else 0)
        descriptor = os.open(place, flags)
        try:
            with os.scandir(descriptor) as entries:
                listed = list(entries)
            if path and any(entry.name == ".git" for entry in listed) and _is_linked_worktree(place):
                return
            for entry in listed:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    child = prefix + _text(name)
                    if not self.prune(name, child):
                        self.pending.append((os.path.join(place, name), child))
                elif self.is_markdown(name) and not self.prune(name, relative := prefix + _text(name)):
                    self._file(descriptor, entry, place, relative)
        finally:
            os.close(descriptor)

    def _file(self, descriptor: int, entry: os.DirEntry[str], place: str, path: str) -> None:
        found = self.found
        if entry.is_symlink():
            message, hint = "a symbolic link is not followed", "link to the file in the text"
            found.note(path, "not-a-regular-file", message, hint)
            return
        try:
            status = os.stat(entry.name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(status.st_mode):
            message = f"a {_kind(status.st_mode)} is not read"
            found.note(path, "not-a-regular-file", message, "rename or remove it")
            return
        if not path.isascii() and not self._spelled(path, os.path.join(place, entry.name)):
            return
        found.files[path] = signature(status)

    def _spelled(self, path: str, place: str) -> bool:
        """Keep the bytes of a name that the path does not say; False for the loser of two that clash."""
        found = self.found
        raw = os.fsencode(place)[len(os.fsencode(self.root)) + 1 :]
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
    root: Path, is_markdown: Callable[[str], bool], prune: Prune, paths: Iterable[str]
) -> tuple[Scan, set[str]]:
    """Look at some paths only: (what is there, those where nothing is).

    A folder means everything below it. A path below a pruned folder or behind a link is nothing.
    """
    found = Scan()
    missing: set[str] = set()
    for path in paths:
        if any(prune(*step) for step in _steps(path)):
            missing.add(path)
            continue
        try:
            status = _lstat(root, path)
        except OSError as error:
            if not path.isascii() and _find_spelling(root, is_markdown, prune, path, found):
                continue
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                found.unreadable.add(path)
                found.note(path, "unreadable-file", f"the file cannot be read: {error.strerror}")
            missing.add(path)
            continue
        if stat.S_ISDIR(status.st_mode):
            part = scan(root, is_markdown, prune, below=path)
            found.files.update(part.files)
            found.raw.update(part.raw)
            found.problems.update(part.problems)
            found.unreadable |= part.unreadable
        elif stat.S_ISREG(status.st_mode) and is_markdown(path.rpartition("/")[2]):
            found.files[path] = signature(status)
        else:
            missing.add(path)
            if is_markdown(path.rpartition("/")[2]):
                found.note(path, "not-a-regular-file", f"a {_kind(status.st_mode)} is not read")
    return found, missing


def _find_spelling(
    root: Path, is_markdown: Callable[[str], bool], prune: Prune, path: str, found: Scan
) -> bool:
    """A path whose name on disk is in another Unicode form, or not UTF-8: found by listing folders."""
    above = path.rpartition("/")[0]
    while not above.isascii():
        above = above.rpartition("/")[0]
    try:
        part = scan(root, is_markdown, prune, below=above)
    except OSError:
        return False
    names = [one for one in part.files if one == path or one.startswith(path + "/")]
    found.files.update((one, part.files[one]) for one in names)
    found.raw.update((one, part.raw[one]) for one in names if one in part.raw)
    return bool(names)


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
        for _ in range(_READ_TRIES):
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return None
            if before.st_size > limit:
                size = f"{before.st_size / 1024:.0f} KiB, more than {limit // 1024}"
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
    return Signature(
        _signed(status.st_dev), _signed(status.st_ino), status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _signed(number: int) -> int:
    """SQL integers have a sign; some file systems use all 64 bits."""
    return number if number < _SIGNED_LIMIT else number - 2 * _SIGNED_LIMIT


def _text(name: str) -> str:
    """A name as text that every database takes: normal form C, undecodable bytes replaced."""
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


def _steps(path: str) -> list[tuple[str, str]]:
    """(name, path) of every folder on the way, and of the path itself."""
    parts = path.split("/")
    return [(part, "/".join(parts[: index + 1])) for index, part in enumerate(parts)]


def _lstat(root: Path, path: str) -> os.stat_result:
    """lstat that passes neither through links nor into linked worktrees below the root."""
    for _, folder in _steps(path)[:-1]:
        place = os.path.join(root, folder)
        if stat.S_ISLNK(os.lstat(place).st_mode) or _is_linked_worktree(place):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.lstat(os.path.join(root, path))


def _is_linked_worktree(folder: str) -> bool:
    """A checkout of the same repository inside another: its stories would all be contested."""
    try:
        with open(os.path.join(folder, ".git"), "rb") as pointer:
            return b"/worktrees/" in pointer.read(4096)
    except OSError:
        return False
