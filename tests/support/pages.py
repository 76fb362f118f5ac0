"""Writes the pages of `docs/` that follow from the code: `python tests/support/pages.py`.

`docs/schema.md` gets its tables, columns, types and views from the real schema; the words that explain them
are kept from the page as it stands, and a new column gets `MISSING` instead. `docs/problems.md` comes wholly
from `core.problems`. `tests/test_docs.py` fails when a page is not what this would write.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storysync.core.problems import CODES
from storysync.store.engines.types import UtcTime
from storysync.store.tables import KEPT, KEPT_TABLES, METADATA

DOCS = Path(__file__).resolve().parents[2] / "docs"
MISSING = "(say what this is)"
TYPES: list[tuple[type[sa.types.TypeEngine[Any]], str]] = [
    (UtcTime, "time"), (sa.JSON, "JSON"), (sa.Boolean, "boolean"), (sa.Date, "date"), (sa.Float, "number"),
    (sa.Integer, "integer"), (sa.LargeBinary, "bytes"), (sa.String, "text"),
]  # fmt: skip


def schema_page(current: str) -> str:
    """The page of tables and views, with the explanations of `current`."""
    head, _, _ = current.partition("\n## ")
    intros = {
        name: text.strip() for name, text in re.findall(r"^## \w+ `(\w+)`\n\n(.*?)\n\n", current, re.M | re.S)
    }
    meanings = column_meanings(current)
    parts = [head.strip() or MISSING]
    for table in METADATA.tables.values():
        rows = [
            f"| `{column.name}` | {type_word(column)} | {origin(column)} "
            f"| {meanings.get((table.name, column.name), MISSING)} |"
            for column in table.columns
        ]
        header = "| column | type | | meaning |\n|---|---|---|---|"
        parts.append(
            f"## Table `{table.name}`\n\n{intros.get(table.name, MISSING)}\n\n" + "\n".join([header, *rows])
        )
    for view, columns in view_columns().items():
        listed = ", ".join(f"`{column}`" for column in columns)
        parts.append(f"## View `{view}`\n\n{intros.get(view, MISSING)}\n\n{listed}")
    return "\n\n".join(parts) + "\n"


def column_meanings(page: str) -> dict[tuple[str, str], str]:
    """(table, column) -> the last cell of its row."""
    found = {}
    for section in page.split("\n## ")[1:]:
        table = section.partition("`")[2].partition("`")[0]
        for column, meaning in re.findall(r"^\| `(\w+)` \|.*?\|.*?\| (.*) \|$", section, re.M):
            found[table, column] = meaning
    return found


def type_word(column: sa.Column[Any]) -> str:
    word = next(word for kind, word in TYPES if isinstance(column.type, kind))
    notes = ["key"] if column.primary_key else [] if column.nullable else ["not null"]
    notes += [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
    return ", ".join([word, *notes])


def origin(column: sa.Column[Any]) -> str:
    table = column.table.name
    return "kept" if table in KEPT_TABLES or column.name in KEPT.get(table, ()) else "derived"


def view_columns() -> dict[str, list[str]]:
    """Views of a database at the newest revision, in the order in which they are made."""
    from storysync.store import migrate

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "schema.db"
        migrate.upgrade(f"sqlite:///{file}")
        with closing(sqlite3.connect(file)) as database:
            views = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
            ]
            return {
                view: [row[1] for row in database.execute(f"PRAGMA table_info({view})")] for view in views
            }


def problems_page() -> str:
    lines = [
        "# Problems",
        "",
        "Every finding about a file has one of these codes; they do not change between versions.",
        "An *error* means that something of the file is missing from the database, a *warning* that",
        "something was judged and may be meant otherwise, an *info* that it is good to know.",
        "`storysync check` prints them as `path:line:col`, the view `v_problems` holds them.",
        "This page is written by `make docs`.",
        "",
        "| code | severity | what it means | what to do |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {code.severity} | {code.summary} | {code.remedy[0].upper()}{code.remedy[1:]}. |"
        for name, code in CODES.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    schema = DOCS / "schema.md"
    text = schema_page(schema.read_text() if schema.exists() else "")
    schema.write_text(text)
    (DOCS / "problems.md").write_text(problems_page())
    missing = text.count(MISSING)
    print(f"docs/schema.md, docs/problems.md; {missing} explanations are missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
