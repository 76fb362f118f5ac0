"""Look at what changed and judge each file: from the disk to `Seen`, before any transaction begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from storysync import faults
from storysync.adapters import disk
from storysync.core.file_names import is_looked_at
from storysync.core.ignoring import pruner
from storysync.core.plan import KnownFile, Seen, Signature
from storysync.core.story import Broken, Excluded, Found, Gone, Problem
from storysync.settings import ReadingSettings

RACY_NS = 2_000_000_000
"""A file changed so shortly before it was last looked at may have changed again within one clock tick."""


_UNREADABLE = frozenset({"unreadable-file", "unreadable-folder"})


@dataclass
class Looked:
    """What one look found: `seen` differs from what is known (or must be judged again)."""

    seen: list[Seen] = field(default_factory=list)
    touched: dict[str, Signature] = field(default_factory=dict)  # same bytes, another change key
    later: set[str] = field(default_factory=set)  # changed under every reading
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)  # that names alone tell
    there: set[str] = field(default_factory=set)  # files that are there, in a look at a part
    read: int = 0

    def add(self, other: Looked) -> None:
        """Take in what another look found, at other paths."""
        mine = {one.path for one in self.seen}
        self.seen += [one for one in other.seen if one.path not in mine]
        self.touched.update(other.touched)
        self.later |= other.later
        self.there |= other.there
        self.problems = {**other.problems, **self.problems}
        self.read += other.read

    @property
    def unreadable(self) -> frozenset[str]:
        """Files and folders that could not be read."""
        broken = {one.path: one.found.problems for one in self.seen if isinstance(one.found, Broken)}
        noted = [*broken.items(), *self.problems.items()]
        return frozenset(path for path, found in noted if any(one.code in _UNREADABLE for one in found))


@dataclass(frozen=True)
class Todo:
    """Files to read, and what is already decided without reading."""

    read: list[str]
    raw: Mapping[str, bytes]
    gone: list[str]
    unreadable: list[str]  # known files below folders that cannot be listed
    there: frozenset[str]  # files, whether they are to be read or not
    problems: dict[str, tuple[Problem, ...]]

    @property
    def files(self) -> int:
        """How many there are."""
        return len(self.there)


def racy_after_ns(last_full_scan_at: str | None) -> int:
    """Files that changed later than this may have changed again unseen since that scan."""
    if last_full_scan_at is None:
        return 0
    return int(datetime.fromisoformat(last_full_scan_at).timestamp() * 1e9) - RACY_NS


def whole(
    root: Path,
    settings: ReadingSettings,
    known: Mapping[str, KnownFile],
    *,
    force: bool,
    racy_after_ns: int,
) -> Todo:
    """Compare the whole tree with what is known. `force`: everything is read again.

    `racy_after_ns`: files that changed later are read even if their change key is the same.
    Raises OSError when the root cannot be listed.
    """
    faults.point("scan.begin")
    found = disk.scan(root, is_looked_at, pruner(settings.ignore))
    changed = list(found.files) if force else _changed(found.files, known, racy_after_ns)
    return _todo(found, changed, known.keys() - found.files.keys())


def part(
    root: Path,
    settings: ReadingSettings,
    known: Mapping[str, KnownFile],
    paths: Set[str],
    *,
    racy_after_ns: int = 0,
) -> Todo:
    """Look at these files, which are read, and below these folders, where only what changed is.

    `known` holds what is known at and below them; `racy_after_ns` is as in `whole`, 0 for all of them.
    """
    found, missing = disk.look(root, is_looked_at, pruner(settings.ignore), paths)
    vanished = known.keys() - found.files.keys()
    missing &= known.keys()
    changed = {*(paths & found.files.keys()), *_changed(found.files, known, racy_after_ns)}
    return _todo(found, changed, vanished | missing)


def _changed(files: Mapping[str, Signature], known: Mapping[str, KnownFile], racy_after_ns: int) -> list[str]:
    """Paths whose change key is another than the known one, or too young to tell."""
    return [
        path
        for path, signature in files.items()
        if (was := known.get(path)) is None
        or was.signature != signature
        or signature.mtime_ns > racy_after_ns
        or signature.ctime_ns > racy_after_ns  # programs set mtime back; nobody sets ctime
    ]


def _todo(found: disk.Scan, changed: Iterable[str], vanished: Iterable[str]) -> Todo:
    hidden = tuple(folder + "/" for folder in found.unreadable)
    gone: list[str] = []
    unreadable: list[str] = []
    for path in vanished:
        below = path in found.unreadable or (bool(hidden) and path.startswith(hidden))
        (unreadable if below else gone).append(path)
    problems = {path: tuple(noted) for path, noted in found.problems.items()}
    return Todo(
        sorted(changed), found.raw, sorted(gone), sorted(unreadable), frozenset(found.files), problems
    )


def other_bytes(
    root: Path, settings: ReadingSettings, known: Mapping[str, KnownFile], todo: Todo, paths: Iterable[str]
) -> list[str]:
    """Those of the paths whose bytes are not the known ones, or that cannot be read."""
    limit = settings.max_file_kb * 1024
    found: list[str] = []
    for path in paths:
        answer, was = disk.read(root, path, todo.raw.get(path), limit), known.get(path)
        same = isinstance(answer, tuple) and was is not None and was.content_hash == disk.blob_id(answer[1])
        found += [] if same else [path]
    return found


def judge(
    root: Path, settings: ReadingSettings, known: Mapping[str, KnownFile], todo: Todo, paths: Iterable[str],
    *, force: bool, lean: bool = False,
) -> Looked:  # fmt: skip
    """Read and parse these of the paths to read; `lean` without criteria and user stories."""
    looked = Looked()
    limit = settings.max_file_kb * 1024
    for path in paths:
        looked.read += 1
        _judge_one(root, settings, known.get(path), path, todo.raw.get(path), limit, force, lean, looked)
    return looked


def _judge_one(
    root: Path, settings: ReadingSettings, was: KnownFile | None, path: str, raw: bytes | None, limit: int,
    force: bool, lean: bool, looked: Looked,
) -> None:  # fmt: skip
    answer = disk.read(root, path, raw, limit)
    if answer is None:
        looked.later.add(path)
        return
    if isinstance(answer, Broken):
        looked.seen.append(Seen(path, None, None, answer, raw))  # why it is so may have changed
        return
    signature, data = answer
    content_hash = disk.blob_id(data)
    if not force and was is not None and (was.content_hash, was.path_raw) == (content_hash, raw):
        if was.signature != signature:
            looked.touched[path] = signature
        return
    looked.seen.append(Seen(path, signature, content_hash, _read(path, data, settings, lean), raw))


def _read(path: str, data: bytes, settings: ReadingSettings, lean: bool) -> Found:
    from storysync.core import reading  # takes 60 ms to load: not for a look at what did not change

    if reading.is_excluded(path, settings):
        return Excluded()
    return reading.read(path, data, settings, lean=lean)


def settled(todo: Todo) -> list[Seen]:
    """What needs no reading: files that are gone, and those that a closed folder hides."""
    hint = "give storysync the right to read and enter it"
    hidden = Broken((Problem("unreadable-file", "its folder cannot be read", hint=hint),))
    return [
        *(Seen(path, None, None, Gone()) for path in todo.gone),
        *(Seen(path, None, None, hidden) for path in todo.unreadable),
    ]
