"""Projects, their roots, backlogs and members."""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec

from storysync.settings import BacklogSettings, ProjectSettings
from storysync.store.tx import Tx

TOP = "."
"""The backlog of the stories that lie in the root folder itself."""

_ARCHIVES = frozenset({"archive", "archived", "archives", "completed", "closed", "done"})


@dataclass(frozen=True)
class KnownRoot:
    real_path: str
    st_dev: int | None
    st_ino: int | None
    state: str
    last_full_scan_at: str | None
    head_commit: str | None
    settings: str


def known_root(tx: Tx, project_id: str) -> KnownRoot | None:
    row = tx.row(
        "SELECT r.real_path, r.st_dev, r.st_ino, r.state, r.last_full_scan_at, p.head_commit, p.settings"
        " FROM roots r JOIN projects p ON p.id = r.project_id WHERE r.project_id = ?",
        (project_id,),
    )
    return KnownRoot(*row) if row else None


def project_at(tx: Tx, real_path: str, host: str) -> str | None:
    """The project whose root is this folder of this machine."""
    row = tx.row("SELECT project_id FROM roots WHERE real_path = ? AND host = ?", (real_path, host))
    return row[0] if row else None


def is_new(tx: Tx, project_id: str) -> bool:
    """Whether nothing was ever read of the project: neither a complete scan nor a part of its first load."""
    scanned = "SELECT 1 FROM roots WHERE project_id = ? AND last_full_scan_at IS NOT NULL"
    loaded = "SELECT 1 FROM identities WHERE project_id = ? LIMIT 1"
    return tx.row(scanned, (project_id,)) is None and tx.row(loaded, (project_id,)) is None


def enter(tx: Tx, project_id: str, settings: ProjectSettings, real_path: str, host: str) -> None:
    """Make the rows of a project equal to its settings."""
    enter_bare(tx, project_id, real_path, host)
    values = (
        settings.name or project_id, settings.description, settings.repository_url, settings.status,
        settings.owner, settings.created_on,
    )  # fmt: skip
    tx.execute(
        "UPDATE projects SET name = ?, description = ?, repository_url = ?, status = ?, owner = ?,"
        " created_on = ? WHERE id = ? AND (name, description, repository_url, status, owner, created_on)"
        " IS DISTINCT FROM (?, ?, ?, ?, ?, ?)",
        (*values, project_id, *values),
    )
    tx.execute(
        "UPDATE roots SET real_path = ?, host = ? WHERE project_id = ? AND (real_path <> ? OR host <> ?)",
        (real_path, host, project_id, real_path, host),
    )
    _members(tx, project_id, settings)


def enter_bare(tx: Tx, project_id: str, real_path: str, host: str) -> None:
    """Make the rows of a project and its root, if there are none; nothing was loaded yet."""
    tx.execute(
        "INSERT INTO projects (id, name) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (project_id, project_id)
    )
    tx.execute(
        "INSERT INTO roots (project_id, host, real_path, state) VALUES (?, ?, ?, 'loading')"
        " ON CONFLICT (project_id) DO NOTHING",
        (project_id, host, real_path),
    )


def set_state(tx: Tx, project_id: str, state: str) -> None:
    tx.execute("UPDATE roots SET state = ? WHERE project_id = ? AND state <> ?", (state, project_id, state))


def scanned(tx: Tx, project_id: str, at: str) -> None:
    """Note a complete scan."""
    tx.execute("UPDATE roots SET last_full_scan_at = ? WHERE project_id = ?", (at, project_id))


def set_identity(tx: Tx, project_id: str, device: int, inode: int) -> None:
    """Note which folder the root is."""
    tx.execute(
        "UPDATE roots SET st_dev = ?, st_ino = ?"
        " WHERE project_id = ? AND (st_dev, st_ino) IS DISTINCT FROM (?, ?)",
        (device, inode, project_id, device, inode),
    )


def set_reader(tx: Tx, project_id: str, reader: str) -> None:
    """Note by which rules all files were read; see `reader_settings`."""
    tx.execute(
        "UPDATE projects SET settings = ? WHERE id = ? AND settings IS DISTINCT FROM ?",
        (reader, project_id, reader),
    )


def set_head(tx: Tx, project_id: str, commit: str | None) -> None:
    tx.execute(
        "UPDATE projects SET head_commit = ? WHERE id = ? AND head_commit IS DISTINCT FROM ?",
        (commit, project_id, commit),
    )


def _members(tx: Tx, project_id: str, settings: ProjectSettings) -> None:
    wanted = {(one.member_id, one.member_type, one.role, one.joined_on) for one in settings.members}
    present = set(
        tx.rows(
            "SELECT member_id, member_type, role, joined_on FROM project_members WHERE project_id = ?",
            (project_id,),
        )
    )
    if wanted == present:
        return
    tx.execute("DELETE FROM project_members WHERE project_id = ?", (project_id,))
    tx.executemany(
        "INSERT INTO project_members (project_id, member_id, member_type, role, joined_on)"
        " VALUES (?, ?, ?, ?, ?)",
        [(project_id, *member) for member in sorted(wanted, key=str)],
    )


class Backlogs:
    """Gives every path its backlog, and makes the rows that are needed."""

    def __init__(self, tx: Tx, project_id: str, configured: tuple[BacklogSettings, ...]) -> None:
        self._tx = tx
        self._project_id = project_id
        self._configured = sorted(configured, key=lambda one: -len(one.path_prefix))
        self._by_folder: dict[str, str] = {}
        for one in self._configured:
            self._put(one.id, one.name or one.id, one.type, one.status, _folder(one.path_prefix), one.owner)

    def of(self, path: str) -> str:
        """The id of the backlog that the file at this path belongs to."""
        folder = path.rpartition("/")[0]
        known = self._by_folder.get(folder)
        if known is None:
            known = self._by_folder[folder] = self._find(folder)
        return known

    def _find(self, folder: str) -> str:
        for one in self._configured:
            prefix = _folder(one.path_prefix)
            if not prefix or folder == prefix or folder.startswith(prefix + "/"):
                return one.id
        first = folder.partition("/")[0]
        kind = "archive" if first.casefold() in _ARCHIVES else "standard"
        kind = "sprint" if first.casefold().startswith("sprint") else kind
        if all(one.id != first for one in self._configured):
            self._put(first or TOP, first or "top level", kind, "active", first, None)
        return first or TOP

    def _put(
        self, backlog_id: str, name: str, kind: str, status: str, prefix: str, owner: str | None
    ) -> None:
        self._tx.execute(
            "INSERT INTO backlogs (project_id, id, name, type, status, path_prefix, owner)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project_id, id) DO UPDATE SET name = excluded.name,"
            " type = excluded.type, status = excluded.status, path_prefix = excluded.path_prefix,"
            " owner = excluded.owner WHERE (backlogs.name, backlogs.type, backlogs.status,"
            " backlogs.path_prefix, backlogs.owner) IS DISTINCT FROM (excluded.name, excluded.type,"
            " excluded.status, excluded.path_prefix, excluded.owner)",
            (self._project_id, backlog_id, name, kind, status, prefix, owner),
        )

    def drop_unused(self) -> None:
        """Remove the backlogs that hold no story and stand in no settings."""
        configured = {one.id for one in self._configured}
        unused = self._tx.rows(
            "SELECT b.id FROM backlogs b WHERE b.project_id = ? AND NOT EXISTS"
            " (SELECT 1 FROM stories s WHERE s.project_id = b.project_id AND s.backlog_id = b.id)",
            (self._project_id,),
        )
        self._tx.executemany(
            "DELETE FROM backlogs WHERE project_id = ? AND id = ?",
            [(self._project_id, row[0]) for row in unused if row[0] not in configured],
        )


def _folder(prefix: str) -> str:
    return prefix.strip("/").removeprefix("./")


def reader_settings(project: ProjectSettings, *, version: int, cancelled_satisfies: bool) -> str:
    """Canonical JSON of what decides how files are read and judged, as `projects.settings` keeps it."""
    reading = msgspec.to_builtins(project.reading)
    backlogs = msgspec.to_builtins(project.backlogs)
    return json.dumps(
        {
            "reader": version,
            "cancelled_satisfies": cancelled_satisfies,
            "reading": reading,
            "backlogs": backlogs,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
