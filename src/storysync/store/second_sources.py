"""What second sources say about stories: kept as it stands, matched with the stories, compared.

Which story a claim means, and what is found of it, follows from the stored claims and stories alone, so it is
judged again as a whole whenever either may have changed; only what differs is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from storysync.core.file_names import is_second_source
from storysync.core.plan import Seen
from storysync.core.sprint_status import Claimed, Named, findings, meant_by, names_of
from storysync.core.story import Broken, Problem, SecondSource, StatusClaim
from storysync.store import problems
from storysync.store.tx import Insert, Row, Tx

_PRESENT = (
    "SELECT name, key, raw, status, line, col, stale FROM status_claims WHERE project_id = ? AND path = ?"
)
_INSERT = Insert("status_claims", ("project_id", "path", "name", "key", "raw", "status", "line", "col"))
_CLAIMS = (
    "SELECT path, name, key, raw, status, line, col, story_uid FROM status_claims WHERE project_id = ?"
    " ORDER BY path, line, col, name"
)
_NAMED = (
    "SELECT n.name, s.uid, s.path, s.anchor, s.kind, s.key, s.status, s.status_raw, s.status_line"
    " FROM story_names n JOIN stories s ON s.uid = n.story_uid"
    " WHERE n.project_id = ? AND n.name IN ({marks})"
)


def write(tx: Tx, project_id: str, seen: Iterable[Seen]) -> bool:
    """Make the claims of these files equal to what they say now; whether there was anything to do.

    A file that cannot be read keeps those of before, flagged stale.
    """
    changed = False
    for one in seen:
        if not is_second_source(one.path):
            continue
        changed = True
        if isinstance(one.found, SecondSource):
            _put(tx, project_id, one.path, one.found.claims)
        elif isinstance(one.found, Broken):
            sql = "UPDATE status_claims SET stale = ? WHERE project_id = ? AND path = ? AND NOT stale"
            tx.execute(sql, (True, project_id, one.path))
        else:
            tx.execute("DELETE FROM status_claims WHERE project_id = ? AND path = ?", (project_id, one.path))
    return changed


def _put(tx: Tx, project_id: str, path: str, claims: Sequence[StatusClaim]) -> None:
    present = {row[0]: row for row in tx.rows(_PRESENT, (project_id, path))}
    wanted = {claim.name: (*claim, False) for claim in claims}
    drop = [name for name, row in present.items() if wanted.get(name) != row]
    put = [row[:-1] for name, row in wanted.items() if present.get(name) != row]
    tx.executemany(
        "DELETE FROM status_claims WHERE project_id = ? AND path = ? AND name = ?",
        [(project_id, path, name) for name in drop],
    )
    tx.insert_all(_INSERT, [(project_id, path, *row) for row in put])


def judge(tx: Tx, project_id: str, now: str) -> None:
    """Match every claim of a project with its story, and report what differs."""
    rows = tx.rows(_CLAIMS, (project_id,))
    wanted: dict[str, list[Problem]] = {path: [] for path in _reported(tx, project_id)}
    if not rows and not wanted:
        return
    known = _named(tx, project_id, rows)
    by_path: dict[str, list[Claimed]] = defaultdict(list)
    updates: list[Row] = []
    for row in rows:
        claim = Claimed(*row[:7])
        claim = claim._replace(meant=meant_by(claim, known))
        by_path[claim.path].append(claim)
        uid = claim.meant[0].uid if len(claim.meant) == 1 else None
        if uid != row[7]:
            updates.append((uid, project_id, claim.path, claim.name))
    tx.executemany(
        "UPDATE status_claims SET story_uid = ? WHERE project_id = ? AND path = ? AND name = ?", updates
    )
    wanted.update({path: findings(claims) for path, claims in by_path.items()})
    problems.replace(tx, project_id, wanted, problems.SECOND_CODES, now)


def _reported(tx: Tx, project_id: str) -> list[str]:
    """Files that have a finding of ours now."""
    codes = ", ".join(f"'{code}'" for code in sorted(problems.SECOND_CODES))
    sql = f"SELECT DISTINCT path FROM problems WHERE project_id = ? AND code IN ({codes})"
    return [row[0] for row in tx.rows(sql, (project_id,))]


def _named(tx: Tx, project_id: str, rows: Iterable[Row]) -> dict[str, list[Named]]:
    """Name -> the stories known by it."""
    names = {name for row in rows for name in names_of(row[1], row[2])}
    found: dict[str, list[Named]] = defaultdict(list)
    for name, *story in tx.rows_in(_NAMED, sorted(names), (project_id,)):
        found[name].append(Named(*story))
    return found
