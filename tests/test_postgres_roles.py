"""What a role that may only read the schema can do: ask everything, change nothing."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storysync.cli.main import main
from support import postgres

READER = "only_reads"


@pytest.fixture
def reader_url(
    postgres_server: postgres.Cluster,
    postgres_url: str,
    samples_root: Path,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """The sample stories, as somebody sees them who has USAGE of the schema and SELECT of its tables."""
    assert main(["sync", str(samples_root), "--database", postgres_url]) == 0
    capsys.readouterr()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(READER)))
        connection.execute(f"GRANT USAGE ON SCHEMA storysync TO {READER}")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA storysync TO {READER}")
    return postgres_url.replace("//postgres@", f"//{READER}@")


@pytest.fixture
def samples_root() -> Path:
    return Path(__file__).resolve().parents[1] / "sample_stories"


@pytest.mark.parametrize(
    "command",
    [
        ["status"], ["list"], ["list", "--json"], ["show", "VEL-104"], ["ready"], ["blocked"],
        ["sql", "SELECT id, title FROM v_ready ORDER BY 1"], ["db", "current"], ["verify"],
        ["config", "show"], ["backup", "list", "--json"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_question_is_answered(
    reader_url: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--database", reader_url]) == 0, capsys.readouterr().err
    told = capsys.readouterr()
    assert told.out and "error" not in told.err


def test_health_says_what_it_may_not(reader_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "--database", reader_url]) == 0
    assert "this user may only read it" in capsys.readouterr().out


def test_sync_is_refused_in_one_line(
    reader_url: str, samples_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(samples_root), "--database", reader_url]) == 5
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 2
    assert "this user may not do that" in told.err and "permission denied" in told.err
    assert "hint: " in told.err


@pytest.mark.parametrize(
    "statement", ["DELETE FROM stories", "WITH x AS (DELETE FROM stories RETURNING 1) TABLE x"]
)
def test_sql_changes_nothing(
    postgres_url: str, reader_url: str, statement: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for url in (reader_url, postgres_url):  # by the role, and by the connection
        assert main(["sql", statement, "--database", url]) != 0
        told = capsys.readouterr()
        assert told.out == "" and "Traceback" not in told.err
