"""Writes the pages of `docs/` that follow from the code: `python tests/support/pages.py`.

And the script of the schema, `sqlite.SCHEMA_FILE`, from what the migrations make.

`docs/schema.md` gets its tables, columns, types and views from the real schema; the words that explain them
are kept from the page as it stands, and a new column gets `MISSING` instead. `docs/problems.md` comes wholly
from `core.problems`. `tests/test_docs.py` fails when a page is not what this would write.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from storysync.core.problem_examples import EXAMPLES, Example
from storysync.core.problems import CODES
from storysync.jobs.check import check
from storysync.jobs.findings import Finding
from storysync.jobs.project import resolve_project
from storysync.settings import ProjectSettings, ReadingSettings, SqliteSettings
from storysync.store.database import database_at
from storysync.store.engines import sqlite
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


@contextmanager
def migrated() -> Iterator[sqlite3.Connection]:
    """A database that the migrations made, at the newest revision."""
    from storysync.store import migrate

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "schema.db"
        migrate.upgrade(database_at(f"sqlite:///{file}"))
        with closing(sqlite3.connect(file)) as database:
            yield database


def view_columns() -> dict[str, list[str]]:
    """Views of a database at the newest revision, in the order in which they are made."""
    with migrated() as database:
        views = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
        return {view: [row[1] for row in database.execute(f"PRAGMA table_info({view})")] for view in views}


def schema_script() -> str:
    """What `sqlite.SCHEMA_FILE` shall hold."""
    with migrated() as database:
        return sqlite.dump_schema(database)


def problems_page() -> str:
    lines = [
        "# Problems",
        "",
        "Every finding about a file has one of these codes; they do not change between versions.",
        "An *error* means that something of the file is missing from the database, a *warning* that",
        "something was judged and may be meant otherwise, an *info* that it is good to know.",
        "`storysync check` prints them as `path:line:col`, the view `v_problems` holds them.",
        "Lines and columns count from 1, in characters; `0:0` means the file as a whole.",
        "This page is written by `make docs`; a test runs each example.",
        "",
        "| code | severity | what it means |",
        "|---|---|---|",
    ]
    lines += [f"| [`{name}`](#{name}) | {code.severity} | {code.summary} |" for name, code in CODES.items()]
    for name, code in CODES.items():
        remedy = f"{code.remedy[0].upper()}{code.remedy[1:]}."
        lines += ["", f"## `{name}`", "", f"{code.summary} ({code.severity})", "", f"What to do: {remedy}"]
        lines += ["", *example_of(name)]
    return "\n".join(lines) + "\n"


def example_of(code: str) -> list[str]:
    """The lines of the page that show a code: what is in the files, and what is found there."""
    example = EXAMPLES[code]
    lines = [f"Example: {example.words}"] if example.words else []
    files = {} if example.words else dict(example.files)
    if example.reading:
        files["storysync.toml"] = f"[reading]\n{example.reading}\n"
    for path, text in files.items():
        lines += [*([""] if lines else []), f"`{path}`", "", *("    " + line for line in text.splitlines())]
    found = [one for one in findings_of(example) if one.code == code]
    told = [f"    {one.path}:{one.line}:{one.col}: {one.severity} {code} {one.message}" for one in found]
    if told:
        lines += [*([""] if lines else []), "is reported as", "", *told]
    return [line.rstrip() for line in lines]


def findings_of(example: Example) -> list[Finding]:
    """What a check of the files of an example finds."""
    if not example.files:
        return []
    with tempfile.TemporaryDirectory() as folder:
        for path, text in example.files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode())
        reading = msgspec.convert(tomllib.loads(example.reading), ReadingSettings)
        project = resolve_project(ProjectSettings(path=folder, id="example", reading=reading))
        return list(check([project], SqliteSettings()).findings)


def main() -> int:
    sqlite.SCHEMA_FILE.write_text(schema_script(), encoding="utf-8")
    schema = DOCS / "schema.md"
    text = schema_page(schema.read_text() if schema.exists() else "")
    schema.write_text(text)
    (DOCS / "problems.md").write_text(problems_page())
    missing = text.count(MISSING)
    print(f"docs/schema.md, docs/problems.md; {missing} explanations are missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
