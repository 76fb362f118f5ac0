"""Some files read again, and what they say compared with the rows that were made of them.

Only a file whose bytes are those that were read is compared: what has changed since is the watcher's concern.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from storysync.adapters import disk
from storysync.core import reading
from storysync.core.story import Broken, Good, Story
from storysync.settings import ReadingSettings
from storysync.store.rows import CHILDREN, FROM_FILE, children
from storysync.store.tx import Row, Tx

_FILES = """
SELECT f.project_id, f.path, f.path_raw, f.content_hash, r.real_path, p.settings
FROM files f JOIN roots r ON r.project_id = f.project_id JOIN projects p ON p.id = f.project_id
WHERE f.state = 'story' AND r.host = ? ORDER BY f.project_id, f.path
"""
_STORIES = (
    f"SELECT uid, {', '.join(FROM_FILE)} FROM stories"
    " WHERE project_id = ? AND path = ? AND content_hash = ? AND parse_state = 'good' ORDER BY anchor"
)


class _File(NamedTuple):
    project_id: str
    path: str
    path_raw: bytes | None
    content_hash: str
    root: str
    settings: str


def sample_differences(tx: Tx, host: str, most: int, day: date) -> tuple[tuple[str, ...], int]:
    """What up to `most` files say otherwise than their rows, and how many files were compared.

    The files are those of `host`; which ones follows from the day. A file that cannot be read now, or was
    read by another version of the reader, is left out.
    """
    files = [_File(*row) for row in tx.rows(_FILES, (host,))]
    chosen = random.Random(day.toordinal()).sample(files, min(most, len(files)))
    found: list[str] = []
    compared = 0
    for file in sorted(chosen):
        stories = _read(file)
        if stories is not None:
            compared += 1
            found += _differences(tx, file, stories)
    return tuple(found), compared


def _read(file: _File) -> Sequence[Story] | None:
    """What the file says; None when it is not the one that was read."""
    told = msgspec.json.decode(file.settings)
    if told.get("reader") != reading.READER_VERSION:
        return None
    settings = msgspec.convert(told["reading"], ReadingSettings)
    answer = disk.read(Path(file.root), file.path, file.path_raw, settings.max_file_kb * 1024)
    if answer is None or isinstance(answer, Broken) or disk.blob_id(answer[1]) != file.content_hash:
        return None
    found = reading.read(file.path, answer[1], settings)
    return found.stories if isinstance(found, Good) else ()


def _differences(tx: Tx, file: _File, stories: Sequence[Story]) -> Iterator[str]:
    place = f"{file.project_id} {file.path}"
    rows = {row[1]: row for row in tx.rows(_STORIES, (file.project_id, file.path, file.content_hash))}
    said = {story.anchor: story for story in stories}
    if rows.keys() != said.keys():
        yield f"{place}: {len(rows)} stories in the database, {len(said)} in the file"
        return
    for anchor, story in said.items():
        uid, *values = rows[anchor]
        wanted = msgspec.structs.astuple(story)[: len(FROM_FILE)]
        for column, is_there, shall in zip(FROM_FILE, values, wanted, strict=True):
            if is_there != shall:
                yield f"{place}: {column} is {_short(is_there)}, the file says {_short(shall)}"
        yield from _other_tables(tx, uid, file, story)


def _other_tables(tx: Tx, uid: int, file: _File, story: Story) -> Iterator[str]:
    wanted = defaultdict(list, children(uid, file.project_id, file.path, story))
    for table, (key, others) in CHILDREN.items():
        columns = ", ".join((*key, *others))
        there = tx.rows(f"SELECT {columns} FROM {table} WHERE story_uid = ?", (uid,))
        if sorted(map(_plain, there)) != sorted(map(_plain, wanted[table])):
            yield f"{file.project_id} {file.path}: {table} holds something else than the file"


def _plain(row: Row) -> tuple[str, ...]:
    """In a form that can be put in order, and in which true is 1."""
    return tuple(repr(float(one) if isinstance(one, bool | int | float) else one) for one in row)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
