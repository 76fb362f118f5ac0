"""The PostgreSQL of the tests is a real one: it can be killed, and comes back with what was committed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from support import postgres


def test_databases_are_apart_and_empty(postgres_server: postgres.Cluster, postgres_url: str) -> None:
    other = postgres_server.create_database()
    with psycopg.connect(postgres_url) as one, psycopg.connect(other) as two:
        one.execute("CREATE TABLE story (id text)")
        one.commit()
        assert two.execute("SELECT to_regclass('story')").fetchone() == (None,)
        locale = two.execute("SELECT datctype FROM pg_database WHERE datname = current_database()")
        assert locale.fetchone() == ("C.UTF-8",)
    postgres_server.drop_database(other)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(other)


def test_server_is_the_version_that_we_say(postgres_server: postgres.Cluster) -> None:
    assert postgres_server.version == 18


def test_older_server_is_older(older_postgres_server: postgres.Cluster) -> None:
    assert older_postgres_server.version < 18
    url = older_postgres_server.create_database("old")
    dumped = subprocess.run([older_postgres_server.programs / "pg_dump", url], capture_output=True, text=True)
    assert "PostgreSQL database dump complete" in dumped.stdout


def test_what_was_committed_outlives_a_kill(postgres_server: postgres.Cluster, postgres_url: str) -> None:
    connection = psycopg.connect(postgres_url)
    connection.execute("CREATE TABLE story AS SELECT 'A-1' AS id")
    connection.commit()
    connection.execute("CHECKPOINT")  # without fsync and synchronous commits nothing else promises it
    connection.commit()
    postgres_server.kill()
    try:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    finally:
        postgres_server.start()
    connection.close()
    with psycopg.connect(postgres_url) as again:
        assert again.execute("SELECT id FROM story").fetchone() == ("A-1",)


def test_killed_test_run_leaves_no_server_and_no_folder() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from support import postgres\n"
        "cluster = postgres.Cluster(postgres.newest_programs())\n"
        "print(cluster.home, flush=True)\n"
        "sys.stdin.read()\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdin and run.stdout
    home = Path(run.stdout.readline().strip())
    try:
        run.send_signal(signal.SIGKILL)
        run.wait()
        deadline = time.monotonic() + 10
        while (home / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(psycopg.OperationalError, match="connection to server on socket"):
            psycopg.connect(f"postgresql://postgres@/postgres?host={home}")
        postgres.Cluster(postgres.newest_programs()).close()
        assert not home.exists(), "the next run removes what a killed one left"
    finally:
        run.stdin.close()
        run.stdout.close()
        shutil.rmtree(home, ignore_errors=True)
