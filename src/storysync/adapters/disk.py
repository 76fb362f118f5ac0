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
    found = Scan()
    top = os.path.join(root, below) if below else os.fspath(root)
    pending = [(top, below)]
    while pending:
        folder, path = pending.pop()
        try:
            _scan_folder(folder, path, is_markdown, prune, found, pending)
        except FileNotFoundError:
            if not path:
                raise
        except OSError as error:
            if not path:
                raise
            found.unreadable.add(path)
            found.note(
                path,
                "unreadable-folder",
                f"the folder cannot be read: {error.strerror}",
                "give storysync the right to read and enter it",
            )
    return found


def _scan_folder(
    folder: str,
    path: str,
    is_markdown: Callable[[str], bool],
    prune: Prune,
    found: Scan,
    pending: list[tuple[str, str]],
) -> None:
    prefix = path + "/" if path else ""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW if path else os.O_RDONLY)
    try:
        with os.scandir(descriptor) as entries:
            listed = list(entries)
        if path and any(entry.name == ".git" for entry in listed) and _is_linked_worktree(folder):
            return
        for entry in listed:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                child = prefix + _text(name)
                if not prune(name, child):
                    pending.append((os.path.join(folder, name), child))
            elif is_markdown(name):
                _note_file(descriptor, name, prefix, entry.is_symlink(), prune, found)
    finally:
        os.close(descriptor)


def _note_file(descriptor: int, name: str, prefix: str, link: bool, prune: Prune, found: Scan) -> None:
    path = prefix + _text(name)
    if prune(name, path):
        return
    if link:
        found.note(
            path, "not-a-regular-file", "a symbolic link is not followed", "link to the file in the text"
        )
        return
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        found.note(
            path, "not-a-regular-file", f"a {_kind(status.st_mode)} is not read", "rename or remove it"
        )
        return
    raw = os.fsencode(prefix + name)
    if path in found.files:
        found.note(path, "path-clash", "two files have this name in different Unicode forms", "rename one")
        if raw > found.raw.get(path, os.fsencode(path)):
            return
    if raw != path.encode():
        found.raw[path] = raw
    else:
        found.raw.pop(path, None)
    found.files[path] = signature(status)


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
    """A path whose name on disk is in another Unicode form, or not UTF-8: found by listing its folder."""
    try:
        part = scan(root, is_markdown, prune, below=path.rpartition("/")[0])
    except OSError:
        return False
    if path not in part.files:
        return False
    found.files[path] = part.files[path]
    if path in part.raw:
        found.raw[path] = part.raw[path]
    return True


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
