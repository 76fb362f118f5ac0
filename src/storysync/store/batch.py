"""Writing one batch of a project: files, stories, problems; then what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storysync import faults
from storysync.core.plan import Plan, Seen, Signature
from storysync.core.story import Broken, Excluded, Gone, Good, NotAStory, Problem, SecondSource
from storysync.settings import ProjectSettings
from storysync.store import contested, cycles, problems, projects, resolve, second_sources
from storysync.store.put import Writer, Written
from storysync.store.tx import Insert, Row, Tx

_PUT_FILE = Insert(
    "files",
    (
        "project_id", "path", "path_raw", "dev", "inode", "size", "mtime_ns", "ctime_ns", "content_hash",
        "state",
    ),
    key=("project_id", "path"),
)  # fmt: skip
_TOUCH_FILE = (
    "UPDATE files SET dev = ?, inode = ?, size = ?, mtime_ns = ?, ctime_ns = ?"
    " WHERE project_id = ? AND path = ?"
)
_STATE = {
    Good: "story", Broken: "broken", Excluded: "excluded", NotAStory: "not_a_story",
    SecondSource: "second_source",
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """What one look at a project came to."""

    plan: Plan
    seen: Sequence[Seen]
    touched: Mapping[str, Signature]
    problems: Mapping[str, Sequence[Problem]]  # that names alone tell: of folders, links, FIFOs, clashes
    below: frozenset[str] | None  # the paths looked at; None: the whole root


@dataclass(frozen=True)
class Context:
    """Where and when a batch is written. `first_load`: nothing of the project was there before."""

    project_id: str
    settings: ProjectSettings
    sync_id: int
    now: str
    first_load: bool


def write(tx: Tx, context: Context, batch: Batch) -> Written:
    """Write the difference that a batch makes; references are judged by `judge` afterwards."""
    backlogs = projects.Backlogs(tx, context.project_id, context.settings.backlogs)
    writer = Writer(
        tx,
        context.project_id,
        backlogs,
        sync_id=context.sync_id,
        now=context.now,
        first_load=context.first_load,
    )
    written = writer.write(batch.plan)
    faults.point("write.after-stories")
    _write_files(tx, context.project_id, batch)
    faults.point("write.after-files")
    _write_problems(tx, context, batch)
    faults.point("write.after-problems")
    written.second_sources = second_sources.write(tx, context.project_id, batch.seen)
    if not context.first_load:
        backlogs.drop_unused()
    return written


def _write_files(tx: Tx, project_id: str, batch: Batch) -> None:
    rows = [_file(project_id, one) for one in batch.seen if not isinstance(one.found, Gone)]
    tx.insert_all(_PUT_FILE, rows)
    tx.executemany(
        "DELETE FROM files WHERE project_id = ? AND path = ?",
        [(project_id, one.path) for one in batch.seen if isinstance(one.found, Gone)],
    )
    tx.executemany(_TOUCH_FILE, [(*_signed(sign), project_id, path) for path, sign in batch.touched.items()])


def _file(project_id: str, one: Seen) -> Row:
    signed = _signed(one.signature) if one.signature else (None,) * 5
    return (project_id, one.path, one.path_raw, *signed, one.content_hash, _STATE[type(one.found)])


def _signed(sign: Signature) -> Row:
    return (sign.dev, sign.inode, sign.size, sign.mtime_ns, sign.ctime_ns)


def _write_problems(tx: Tx, context: Context, batch: Batch) -> None:
    wanted: dict[str, list[Problem]] = {}
    storyless: dict[str, list[Problem]] = {}
    second: dict[str, list[Problem]] = {}
    gone: list[str] = []
    for one in batch.seen:
        if isinstance(one.found, Gone):
            gone.append(one.path)
        elif isinstance(one.found, Excluded | NotAStory):
            storyless[one.path] = [] if isinstance(one.found, Excluded) else list(one.found.problems)
        elif isinstance(one.found, SecondSource):
            second[one.path] = list(one.found.problems)
        else:
            wanted[one.path] = list(one.found.problems)
    named = dict(batch.problems)
    if context.first_load:
        for part in (wanted, storyless, second, named):
            problems.insert(tx, context.project_id, part, context.now)
        return
    problems.forget(tx, context.project_id, gone)
    for path in _named_badly(tx, context.project_id, batch.below):
        named.setdefault(path, ())
    problems.replace(tx, context.project_id, wanted, problems.FILE_CODES, context.now)
    problems.replace(tx, context.project_id, storyless, problems.CONTENT_CODES, context.now)
    # It may have been a story file before; what its words came to is judged with all second sources.
    problems.replace(tx, context.project_id, second, problems.FILE_CODES | problems.STORY_CODES, context.now)
    problems.replace(tx, context.project_id, named, problems.NAME_CODES, context.now)


def _named_badly(tx: Tx, project_id: str, below: frozenset[str] | None) -> list[str]:
    """Paths that have a problem by their names alone, as far as this batch looked."""
    codes = ", ".join(f"'{code}'" for code in sorted(problems.NAME_CODES))
    sql = f"SELECT DISTINCT path FROM problems WHERE project_id = ? AND code IN ({codes})"
    if below is None:
        return [row[0] for row in tx.rows(sql, (project_id,))]
    sql += " AND (path = ? OR (path > ? AND path < ?))"
    return [row[0] for path in below for row in tx.rows(sql, (project_id, path, path + "/", path + "0"))]


def judge(tx: Tx, context: Context, written: Written, *, everything: bool) -> None:
    """Contested ids, references, cycles, edges between projects and claims of second sources.

    As far as the batch may change them.
    """
    project_id, now = context.project_id, context.now
    if everything:
        contested.judge(tx, project_id, None, (), now)
        left = resolve.settle_plain if context.first_load else resolve.owners_of
        resolve.judge(tx, left(tx, project_id), written.renamed, now)
        cycles.find(tx, None, now)
        resolve.count_project_edges(tx)
        second_sources.judge(tx, project_id, now)
        return
    if written.names or written.paths or written.claims:
        contested.judge(tx, project_id, written.names | written.claims, written.paths, now)
    owners = resolve.affected_owners(tx, project_id, written.names, written.paths, written.owners)
    judged = resolve.judge(tx, owners, written.renamed, now)
    taken = cycles.reported_at(tx, project_id, written.paths)
    cycles.find(tx, written.seeds | judged.seeds | taken, now)
    if judged.crossed or written.crossed or written.removed:
        resolve.count_project_edges(tx)
    if written.changed or written.second_sources:
        second_sources.judge(tx, project_id, now)


def hold(tx: Tx, project_id: str, held: Iterable[str], now: str) -> None:
    """Note the deletions that are held, and forget those that no longer are."""
    present = [
        row[0]
        for row in tx.rows(
            "SELECT DISTINCT path FROM problems WHERE project_id = ? AND code = 'deletion-held'",
            (project_id,),
        )
    ]
    hint = "`storysync sync --confirm-deletions` removes its stories at once"
    problem = Problem("deletion-held", "the file is gone, with many others; its stories are kept", hint=hint)
    wanted: dict[str, list[Problem]] = {path: [] for path in present}
    wanted.update({path: [problem] for path in held})
    if wanted:
        problems.replace(tx, project_id, wanted, problems.HELD_CODES, now)


def release(tx: Tx, project_id: str, there: Iterable[str]) -> None:
    """Hold the deletion of these files no more: they are there."""
    rows = [(project_id, path) for path in there]
    tx.executemany("DELETE FROM problems WHERE project_id = ? AND path = ? AND code = 'deletion-held'", rows)


def forget_contents(tx: Tx, project_id: str, paths: Iterable[str]) -> None:
    """Of files that are gone, whose stories are elsewhere already, keep the row alone.

    If this sync is cut off and the very same file comes back, it must be read again.
    """
    sql = "UPDATE files SET inode = NULL, content_hash = NULL WHERE project_id = ? AND path = ?"
    tx.executemany(sql, [(project_id, path) for path in paths])


def held_since(tx: Tx, project_id: str) -> dict[str, str]:
    """Path -> when its deletion was first held."""
    return dict(
        tx.rows(
            "SELECT path, MIN(first_seen_at) FROM problems WHERE project_id = ? AND code = 'deletion-held'"
            " GROUP BY path",
            (project_id,),
        )
    )
