"""How far may the database lag behind the disk?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_PROJECTS = """
SELECT p.id AS project_id, r.state, r.host, r.last_full_scan_at, p.head_commit,
       (SELECT c.seq FROM changes c WHERE c.project_id = p.id ORDER BY c.seq DESC LIMIT 1) AS seq,
       (SELECT max(s.id) FROM syncs s WHERE s.project_id = p.id) AS last_sync,
       (SELECT count(*) FROM files f WHERE f.project_id = p.id AND f.state = 'broken') AS broken,
       (SELECT count(*) FROM problems b WHERE b.project_id = p.id AND b.code = 'deletion-held') AS held
FROM projects p LEFT JOIN roots r ON r.project_id = p.id
ORDER BY p.id
"""

_FOREIGN = """
SELECT o.project_id, f.project_id AS target, min(f.seen_at) AS seen_at
FROM foreign_stories f
JOIN story_dependencies r ON r.target_project = f.project_id AND r.target_key = f.key
JOIN stories o ON o.uid = r.story_uid
GROUP BY o.project_id, f.project_id ORDER BY 1, 2
"""

_UNKNOWN = {
    "state": "unavailable", "mode": None, "seq": None, "last_sync": None, "head_commit": None,
    "last_full_scan_at": None, "lag_s": None, "settled": None, "dirty": None, "broken": None, "held": None,
}  # fmt: skip


class Daemon(NamedTuple):
    """What the daemon of this machine has told before the database was asked.

    `answer` is None when none runs here (`absent`), or it does not answer in time (`silent`).
    """

    state: Literal["running", "absent", "silent"]
    answer: Mapping[str, Any] | None = None

    def of(self, project_id: str) -> Mapping[str, Any] | None:
        """Of a project that it follows."""
        projects = self.answer["projects"] if self.answer else ()
        return next((one for one in projects if one["id"] == project_id), None)


ABSENT = Daemon("absent")


def freshness(reader: Reader, daemon: Daemon = ABSENT) -> dict[str, Any]:
    """`seq`, the newest change; `daemon`, its state; and for each project what is known of its lag.

    From the database: `state` of the root, `seq`, `last_sync`, `head_commit`, `last_full_scan_at`, files that
    are `broken`, deletions that are `held`. From the daemon, null where none has told: `dirty` paths,
    `settled`. `lag_s` is the time in seconds since the database was last known to equal the files: 0.0 while
    a daemon is live and has settled, else since the last complete scan. `mode` is how it is followed now:
    live, degraded, lost, loading, paused, unwatched; null when that cannot be known.

    A project that refers to those of other databases has `foreign`: project -> when it was last looked at.
    With a database for each project `seq` is the sum of their newest ones, which grows with each change,
    and a project whose database cannot be read has the state `unavailable` and an `error`.
    """
    seq = sum(row["seq"] or 0 for row in reader.rows("SELECT max(seq) AS seq FROM changes"))
    projects = reader.rows(_PROJECTS)
    now = datetime.now(UTC)
    foreign: dict[str, dict[str, str]] = {}
    for row in reader.rows(_FOREIGN):
        foreign.setdefault(row["project_id"], {})[row["target"]] = row["seen_at"]
    for one in projects:
        one.update(_live(one, daemon, one.pop("host"), now))
        if one["project_id"] in foreign:
            one["foreign"] = foreign[one["project_id"]]
    projects += [
        {**_UNKNOWN, "project_id": project, "error": error} for project, error in reader.missing.items()
    ]
    return {"seq": seq, "daemon": daemon.state, "projects": sorted(projects, key=itemgetter("project_id"))}


def _live(project: Mapping[str, Any], daemon: Daemon, host: str | None, now: datetime) -> dict[str, Any]:
    scanned_at = project["last_full_scan_at"]
    lag_s = None
    if scanned_at:
        lag_s = max(0.0, round((now - datetime.fromisoformat(scanned_at)).total_seconds(), 3))
    told = daemon.of(project["project_id"])
    if told is not None and daemon.answer is not None:
        return {
            "mode": _mode(told, daemon.answer),
            "dirty": told["dirty"],
            "settled": told["settled"],
            "lag_s": lag_s if told["lag_s"] is None else told["lag_s"],
        }
    # The socket lies beside a file, so nobody follows it unseen; on a server anybody may.
    unwatched = daemon.state != "silent" and host == ""
    return {
        "mode": "unwatched" if unwatched else None,
        "dirty": None,
        "settled": None,
        "lag_s": lag_s,
    }


def _mode(told: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    if told["state"] == "live" and answer["state"] == "paused":
        return "paused"
    if told["state"] == "live" and not answer["watcher_alive"]:
        return "degraded"
    return str(told["state"])
