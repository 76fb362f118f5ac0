"""What the database believes: read into the values that `core.plan` compares with the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from storysync.core.plan import Indexed, KnownFile, KnownStory, Seen, Signature, Tombstone
from storysync.core.story import Broken, Gone, Good
from storysync.store.tx import Row, Tx

_FILE = (
    "SELECT path, dev, inode, size, mtime_ns, ctime_ns, content_hash, state, path_raw FROM files"
    " WHERE project_id = ?"
)
_STORY = """
    SELECT s.uid, s.path, s.anchor, s.key, s.id, s.content_hash, s.scope, s.parse_state = 'stale', s.title
    FROM stories s WHERE s.project_id = ? AND """
_TOMBSTONE = """
    SELECT uid, path, anchor, key, content_hash FROM identities
    WHERE project_id = ? AND gone_at IS NOT NULL AND """


def files(tx: Tx, project_id: str) -> dict[str, KnownFile]:
    """Every file of a project, by path."""
    return dict(map(_file, tx.rows(_FILE, (project_id,))))


def files_at(tx: Tx, project_id: str, paths: Iterable[str]) -> dict[str, KnownFile]:
    """The files at these paths and below them."""
    found: dict[str, KnownFile] = {}
    for path in paths:
        if not path:
            return files(tx, project_id)
        sql = f"{_FILE} AND (path = ? OR (path > ? AND path < ?))"
        found.update(map(_file, tx.rows(sql, (project_id, path, path + "/", path + "0"))))
    return found


def troubled_paths(tx: Tx, project_id: str) -> frozenset[str]:
    """What could not be read: a later batch looks again, since no event may tell of a chmod."""
    codes = "'unreadable-file', 'unreadable-folder'"
    sql = f"SELECT path FROM problems WHERE project_id = ? AND code IN ({codes})"
    return frozenset(row[0] for row in tx.rows(sql, (project_id,)))


def believed(tx: Tx, project_id: str, seen: Sequence[Seen], known_files: dict[str, KnownFile]) -> Indexed:
    """The stories at the paths of a batch and those, alive or gone, that its keys and bytes may be."""
    stories = [story for one in seen if isinstance(one.found, Good) for story in one.found.stories]
    keys = sorted({story.key for story in stories if story.key is not None})
    hashes = sorted(
        {one.content_hash for one in seen if one.content_hash and isinstance(one.found, Good | Broken)}
    )
    paths = [one.path for one in seen]
    arrived = {one.content_hash for one in seen if one.path not in known_files} - {None}
    places = {*paths, *_holders(tx, project_id, arrived)}
    at_paths = tx.rows_in(_STORY + "s.path IN ({marks})", sorted(places), (project_id,))
    gone = {one.path for one in seen if isinstance(one.found, Gone)}
    keys = sorted({*keys, *(row[3] for row in at_paths if row[1] in gone and row[3] is not None)})
    with_keys = tx.rows_in(
        "SELECT s.uid, s.path, s.anchor, s.key, s.id, s.content_hash, s.scope, s.parse_state = 'stale',"
        " s.title FROM story_names n JOIN stories s ON s.uid = n.story_uid"
        " WHERE n.project_id = ? AND n.source = 'id' AND n.name IN ({marks})",
        keys,
        (project_id,),
    )
    known = {row[0]: _story(row) for row in (*at_paths, *with_keys)}
    return Indexed(known_files, tuple(known.values()), _tombstones(tx, project_id, keys, hashes, paths))


def _holders(tx: Tx, project_id: str, hashes: Iterable[str | None]) -> set[str]:
    """Paths of files with these bytes: a file that arrives with them may be one of these, renamed."""
    sql = "SELECT path FROM files WHERE project_id = ? AND content_hash IN ({marks})"
    return {row[0] for row in tx.rows_in(sql, sorted(filter(None, hashes)), (project_id,))}


def _tombstones(
    tx: Tx, project_id: str, keys: list[str], hashes: list[str], paths: list[str]
) -> tuple[Tombstone, ...]:
    if tx.row(_TOMBSTONE + "1 = 1 LIMIT 1", (project_id,)) is None:
        return ()
    rows = tx.rows_in(_TOMBSTONE + "key IN ({marks})", keys, (project_id,))
    rows += tx.rows_in(_TOMBSTONE + "path IN ({marks})", paths, (project_id,))
    rows += tx.rows_in(_TOMBSTONE + "key IS NULL AND content_hash IN ({marks})", hashes, (project_id,))
    return tuple({row[0]: Tombstone(*row) for row in rows}.values())


def _file(row: Row) -> tuple[str, KnownFile]:
    path, dev, inode, size, mtime_ns, ctime_ns, content_hash, state, raw = row
    signature = None if inode is None else Signature(dev, inode, size, mtime_ns, ctime_ns)
    return path, KnownFile(signature, content_hash, state, raw)


def _story(row: Row) -> KnownStory:
    uid, path, anchor, key, story_id, content_hash, scope, stale, title = row
    return KnownStory(uid, path, anchor, key, story_id, content_hash, scope, bool(stale), title)
