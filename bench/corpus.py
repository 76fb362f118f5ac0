"""What is read of folders of real story files, as a Markdown table: one row a folder.

    python bench/corpus.py FOLDER...

Syncs each folder as a project of its own into a fresh database in a temporary folder.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from storysync.jobs.project import Project, slug
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import database_at

_EDGES = (
    "SELECT d.state || CASE d.confidence WHEN 'prose' THEN ' in prose' ELSE '' END, COUNT(*)"
    " FROM story_dependencies d JOIN stories s ON s.uid = d.story_uid"
)
COLUMNS = {
    "files": "SELECT state, COUNT(*) FROM files WHERE project_id LIKE ? GROUP BY 1 ORDER BY 2 DESC",
    "stories": "SELECT dialect, COUNT(*) FROM stories WHERE project_id LIKE ? GROUP BY 1 ORDER BY 2 DESC",
    "ids from": "SELECT id_source, COUNT(*) FROM stories WHERE project_id LIKE ? GROUP BY 1 ORDER BY 2 DESC",
    "statuses": (
        "SELECT CASE WHEN status IS NULL THEN 'none' WHEN status <> 'unknown' THEN 'mapped' ELSE status END,"
        " COUNT(*) FROM stories WHERE project_id LIKE ? GROUP BY 1 ORDER BY 2 DESC"
    ),
    "references": f"{_EDGES} WHERE s.project_id LIKE ? GROUP BY 1 ORDER BY 2 DESC",
    "problems": "SELECT code, COUNT(*) FROM problems WHERE project_id LIKE ? GROUP BY 1 ORDER BY 2 DESC",
}  # fmt: skip


def main(folders: list[str]) -> int:
    if not folders:
        print(__doc__)
        return 2
    print("| folder | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    with tempfile.TemporaryDirectory(prefix="storysync-corpus-") as work:
        path = Path(work) / "corpus.db"
        began = time.process_time()
        with database_at(f"sqlite:///{path}").open() as store:
            for folder in map(Path, folders):
                project = Project(slug(folder.name), folder.resolve(), ProjectSettings(path=str(folder)))
                sync(store, project, trigger="bench", deletions=DeletionSettings())
        cpu = time.process_time() - began
        connection = sqlite3.connect(path)
        for folder in map(Path, folders):
            print(f"| {folder.name} | " + " | ".join(_cells(connection, slug(folder.name))) + " |")
        print("| all | " + " | ".join(_cells(connection, "%")) + " |")
        untitled = connection.execute("SELECT COUNT(*) FROM stories WHERE title = ''").fetchone()[0]
    print(f"\n{untitled} stories without a title; {cpu:.2f} s of CPU")
    return 0


def _cells(connection: sqlite3.Connection, project_id: str) -> list[str]:
    return [
        ", ".join(f"{count} {word}" for word, count in connection.execute(sql, (project_id,)))
        for sql in COLUMNS.values()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
