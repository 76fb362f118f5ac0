"""The yardstick: what one writes in an afternoon, with python-frontmatter and sqlite3.

    python bench/by_hand.py DATABASE FOLDER [--incremental]

Every file is loaded and its rows replaced. With `--incremental`, files whose time and size are those of the
database are skipped. It knows no problems, no positions, no resolved dependencies, no moves, no deletions;
storysync's cost is given as a ratio to this.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import frontmatter

TABLES = """
CREATE TABLE IF NOT EXISTS story (id TEXT PRIMARY KEY, path TEXT, title TEXT, epic TEXT, status TEXT,
    priority TEXT, estimate TEXT, owner TEXT, author TEXT, created TEXT, last_updated TEXT, other TEXT,
    body TEXT, mtime_ns INTEGER, size INTEGER);
CREATE INDEX IF NOT EXISTS story_by_path ON story (path);
CREATE TABLE IF NOT EXISTS dependency (story TEXT, needs TEXT, PRIMARY KEY (story, needs));
CREATE TABLE IF NOT EXISTS label (story TEXT, label TEXT, PRIMARY KEY (story, label));
CREATE TABLE IF NOT EXISTS criterion (story TEXT, position INTEGER, done INTEGER, text TEXT,
    PRIMARY KEY (story, position));
"""
COLUMNS = ("title", "epic", "status", "priority", "estimate", "owner", "author", "created", "last_updated")
CHECK_BOX = re.compile(r"^- \[([ xX])\] (.*)$", re.MULTILINE)


def store(database: sqlite3.Connection, path: Path, mtime_ns: int, size: int) -> None:
    post = frontmatter.load(str(path))
    story_id, fields = post["id"], post.metadata
    values = [None if fields.get(name) is None else str(fields[name]) for name in COLUMNS]
    row = (story_id, str(path), *values, json.dumps(fields, default=str), post.content, mtime_ns, size)
    database.execute(f"INSERT OR REPLACE INTO story VALUES ({', '.join('?' * len(row))})", row)
    for table in ("dependency", "label", "criterion"):
        database.execute(f"DELETE FROM {table} WHERE story = ?", (story_id,))
    needs: Any = fields.get("dependencies") or []
    labels: Any = fields.get("labels") or []
    database.executemany("INSERT OR IGNORE INTO dependency VALUES (?, ?)", [(story_id, one) for one in needs])
    database.executemany("INSERT OR IGNORE INTO label VALUES (?, ?)", [(story_id, one) for one in labels])
    section = post.content.partition("## Acceptance Criteria")[2].partition("\n## ")[0]
    boxes = enumerate(CHECK_BOX.findall(section))
    database.executemany(
        "INSERT INTO criterion VALUES (?, ?, ?, ?)",
        [(story_id, position, mark != " ", text) for position, (mark, text) in boxes],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Index story files by hand.")
    parser.add_argument("database")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--incremental", action="store_true")
    asked = parser.parse_args()
    database = sqlite3.connect(asked.database)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(TABLES)
    known: dict[str, tuple[int, int]] = {}
    if asked.incremental:
        rows = database.execute("SELECT path, mtime_ns, size FROM story")
        known = {path: (mtime_ns, size) for path, mtime_ns, size in rows}
    stored = 0
    with database:
        for path in asked.folder.rglob("*.md"):
            status = path.stat()
            if known.get(str(path)) != (status.st_mtime_ns, status.st_size):
                store(database, path, status.st_mtime_ns, status.st_size)
                stored += 1
    print("stored", stored)


if __name__ == "__main__":
    main()
