"""The real daemon on a real PostgreSQL that goes away, refuses and comes back."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from storysync.store.engines.postgres import writing_key
from support import postgres
from support.following import PATIENCE_S, Following, Storm, put, wait

Launch = Callable[..., Following]
THREE = {"A-1.md": "todo", "A-2.md": "todo", "A-3.md": "todo"}
OUTAGE_S = 3.0


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[postgres.Cluster]:
    """A server that these tests may kill."""
    cluster = postgres.Cluster(postgres.newest_programs())
    yield cluster
    cluster.close()


@pytest.fixture
def server(mortal_server: postgres.Cluster) -> postgres.Cluster:
    if not mortal_server.running:
        mortal_server.start()
    return mortal_server


@pytest.fixture
def url(server: postgres.Cluster) -> Iterator[str]:
    made = server.create_database()
    yield made
    if not server.running:
        server.start()
    server.drop_database(made)


@pytest.fixture
def follow(url: str, tmp_path: Path) -> Iterator[Launch]:
    """Makes daemons over roots, each with a state folder of its own, and ends them."""
    made: list[Following] = []

    def make(*roots: Path, **environ: str) -> Following:
        made.append(Following(roots, url, tmp_path / f"state-{len(made)}", **environ))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def daemon(stories: Path, follow: Launch) -> Following:
    """Runs over three stories."""
    for number in (1, 2, 3):
        put(stories, f"A-{number}.md")
    return follow(stories).start()


def test_edits_show_in_postgresql(daemon: Following) -> None:
    root = daemon.roots[0]
    daemon.converges_to(THREE)
    put(root, "A-1.md", "done")
    put(root, "sprint/A-4.md", needs=["A-1"])
    (root / "A-2.md").rename(root / "B-2.md")
    (root / "A-3.md").unlink()
    daemon.converges_to({"A-1.md": "done", "B-2.md": "todo", "sprint/A-4.md": "todo"})
    daemon.settles()
    status = daemon.ask("status")
    assert (status["waits_for_database"], status["state"]) == (None, "running")
    assert "password" not in json.dumps(status)
    assert daemon.verified().equal
    assert daemon.stop() == 0
    assert not daemon.logged("sync.failed") and not daemon.logged("request.failed")


def test_server_killed_in_a_storm_of_edits(daemon: Following, server: postgres.Cluster) -> None:
    """Without synchronous commits, as here, a crash also takes back what was committed last."""
    storm, pid = Storm(daemon.roots[0], seed=4), daemon.pid
    storm.start()
    wait(lambda: storm.edits > 30)
    server.kill()
    edits = storm.edits
    daemon.wait(lambda: daemon.ask("status")["waits_for_database"])
    wait(lambda: storm.edits > edits + OUTAGE_S / 0.02 / 2)
    away = daemon.ask("status")
    assert away["state"] == "running" and not away["settled"] and away["health"] == "fail"
    assert away["projects"][0]["dirty"] > 0
    assert "cannot connect" in away["waits_for_database"]["error"]
    server.start()
    daemon.wait(lambda: not daemon.ask("status")["waits_for_database"])
    edits = storm.edits
    wait(lambda: storm.edits > edits + 20)
    storm.calm()
    daemon.is_equal()
    assert daemon.pid == pid and not daemon.exited()
    assert daemon.logged("database.returned") == 1
    # What broke first decides: the connection in use, or an attempt to make a new one.
    assert 1 <= daemon.logged("database.away") <= 2, daemon.told()
    assert not daemon.logged("sync.failed"), daemon.told()
    assert "Traceback" not in daemon.told()


def test_outage_is_told_to_people_and_to_systemd(
    stories: Path, follow: Launch, server: postgres.Cluster
) -> None:
    put(stories, "A-1.md")
    address = f"@storysync-test-{os.getpid()}-{id(stories)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:])
        manager.settimeout(PATIENCE_S)
        daemon = follow(stories, NOTIFY_SOCKET=address, WATCHDOG_USEC="300000").start()
        told: list[str] = []
        threading.Thread(target=_listen, args=(manager, told), daemon=True).start()

        def hear(message: str, times: int = 1) -> None:
            """Something that is told after what was heard before."""
            daemon.wait(lambda: sum(message in one for one in told) >= times)
            told.clear()

        hear("READY=1")
        server.kill()
        hear("STATUS=waiting for the database: ")  # an idle one notices too
        hear("WATCHDOG=1", times=5)
        put(stories, "A-2.md")
        daemon.wait(lambda: daemon.ask("status")["projects"][0]["dirty"])
        asked = daemon.storysync("status")
        assert (asked.returncode, asked.stdout) == (5, "")
        assert f"running (process {daemon.pid}, waiting for the database since 20" in asked.stderr
        assert "demo: 1 path to look at" in asked.stderr
        assert "error: cannot connect to postgresql://postgres@" in asked.stderr
        health = daemon.storysync("health")
        assert health.returncode == 5 and "fail" in health.stdout and "cannot connect" in health.stdout
        refused = daemon.storysync("sync")
        assert refused.returncode in (2, 5) and "Traceback" not in refused.stderr
        server.start()
        hear("STATUS=following 1 project")
    daemon.converges_to({"A-1.md": "todo", "A-2.md": "todo"})


def test_job_that_meets_an_absent_server_is_no_crash(daemon: Following, server: postgres.Cluster) -> None:
    server.kill()
    for name in ("health", "reconcile"):
        with pytest.raises(Exception, match=r"cannot connect|is lost|died|terminat"):
            daemon.ask("run_job", name=name)
    assert not daemon.exited()
    server.start()
    daemon.wait(lambda: not daemon.ask("status")["waits_for_database"])
    assert daemon.ask("run_job", name="health")["state"] in ("ok", "warn")
    assert "Traceback" not in daemon.told()


def test_restart_between_two_edits_is_no_event(daemon: Following, server: postgres.Cluster) -> None:
    daemon.converges_to(THREE)
    for status in ("done", "review", "in_progress"):
        server.stop()
        server.start()
        put(daemon.roots[0], "A-1.md", status)
        daemon.converges_to({**THREE, "A-1.md": status})
    daemon.is_equal()
    assert not daemon.logged("sync.failed")


def test_terminated_connection_is_made_anew_with_its_claims(
    daemon: Following, follow: Launch, server: postgres.Cluster
) -> None:
    """In the middle of a transaction: it waits there for the lock of the writers."""
    root = daemon.roots[0]
    daemon.converges_to(THREE)
    with other_writer(daemon.url) as others:
        put(root, "A-1.md", "done")
        daemon.wait(lambda: waiting_writers(others))
        pid = waiting_writers(others)[0]
        others.execute("SELECT pg_terminate_backend(%s)", (pid,))
        daemon.wait(lambda: daemon.logged("database.away", "terminating connection"))
    daemon.converges_to({**THREE, "A-1.md": "done"})
    assert daemon.logged("database.returned") == 1
    rival = follow(root).launch()
    assert rival.process is not None and rival.process.wait(PATIENCE_S) == 6
    assert "another storysync (server process" in rival.told() and "writes project demo" in rival.told()


@pytest.mark.parametrize(
    ("limit", "told"), [("LOCK_TIMEOUT_S", "took longer than"), ("STATEMENT_TIMEOUT_S", "took longer than")]
)
def test_writer_that_is_kept_waiting_says_so_in_one_line_and_tries_again(
    stories: Path, follow: Launch, limit: str, told: str
) -> None:
    put(stories, "A-1.md")
    daemon = follow(stories, **{f"STORYSYNC_POSTGRES__{limit}": "0.3"}).start()
    with other_writer(daemon.url):
        put(stories, "A-1.md", "done")
        daemon.wait(lambda: daemon.logged("sync.failed", limit.lower()) > 1)
        assert told in daemon.ask("status")["projects"][0]["error"]
    daemon.converges_to({"A-1.md": "done"})
    assert "Traceback" not in daemon.told() and not daemon.logged("database.away")


def test_full_disk_of_the_server_is_waited_for(daemon: Following) -> None:
    daemon.converges_to(THREE)
    with psycopg.connect(daemon.url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
            " 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER full_disk BEFORE UPDATE ON storysync.stories EXECUTE FUNCTION full()"
        )
        put(daemon.roots[0], "A-1.md", "done")
        daemon.wait(lambda: daemon.logged("sync.failed", "No space left on device"))
        connection.execute("DROP TRIGGER full_disk ON storysync.stories")
    daemon.converges_to({**THREE, "A-1.md": "done"})
    assert "Traceback" not in daemon.told()


def test_standby_is_read_and_written_when_it_is_promoted(daemon: Following, server: postgres.Cluster) -> None:
    daemon.converges_to(THREE)
    server.stop()
    signal_file = server.home / "data" / "standby.signal"
    signal_file.touch()
    os.chown(signal_file, server.user.pw_uid, server.user.pw_gid)
    server.start()
    put(daemon.roots[0], "A-1.md", "done")
    daemon.wait(lambda: daemon.logged("sync.failed", "takes no writes now"))
    assert daemon.statuses() == THREE
    health = daemon.storysync("health")
    assert health.returncode == 1 and "standby" in health.stdout
    assert server.psql("SELECT pg_promote()") == "t"
    daemon.converges_to({**THREE, "A-1.md": "done"})
    assert "Traceback" not in daemon.told()


def test_daemon_waits_for_a_server_that_starts_later(
    stories: Path, follow: Launch, server: postgres.Cluster
) -> None:
    put(stories, "A-1.md")
    server.stop()
    daemon = follow(stories).launch()
    daemon.wait(lambda: daemon.logged("database.awaited"))
    assert not daemon.exited()
    server.start()
    daemon.wait(lambda: daemon.logged("daemon.started"))
    daemon.converges_to({"A-1.md": "todo"})
    assert daemon.logged("database.awaited") == 1


def test_server_that_lets_nobody_in_is_not_waited_for(stories: Path, url: str, tmp_path: Path) -> None:
    put(stories, "A-1.md")
    daemon = Following([stories], url.replace("postgres@", "stranger:geheim@"), tmp_path / "state").launch()
    assert daemon.process is not None and daemon.process.wait(PATIENCE_S) == 5
    assert 'role "stranger" does not exist' in daemon.told()
    assert "geheim" not in daemon.told() and "Traceback" not in daemon.told()


def test_two_daemons_with_stories_that_depend_on_each_other(tmp_path: Path, follow: Launch) -> None:
    follow_each_other(tmp_path, follow, seconds=8.0)


def follow_each_other(tmp_path: Path, follow: Launch, *, seconds: float) -> None:
    """Edits on both sides for some time; then `verify` says equal on each, and edges lead across."""
    roots = [tmp_path / name for name in ("east", "west")]
    for root, other in (roots, roots[::-1]):
        for number in range(20):
            put(root, f"{root.name[0].upper()}-{number}.md", needs=[f"{other.name}/{other.name[0]}-{number}"])
    daemons = [follow(root).start() for root in roots]
    storms = [
        Storm(
            root, seed, pause_s=0.05, needs=[f"{other.name}/{other.name[0].upper()}-{n}" for n in range(20)]
        )
        for seed, (root, other) in enumerate((roots, roots[::-1]))
    ]
    for storm in storms:
        storm.start()
    threading.Event().wait(seconds)
    for storm in storms:
        storm.calm()
    for one in daemons:
        one.is_equal()
    for one in daemons:
        assert one.verified().equal
        assert not one.logged("sync.failed"), one.told()
    crossing = "SELECT from_project_id AS f, to_project_id AS t FROM project_dependencies"
    found = {(row["f"], row["t"]) for row in daemons[0].rows(crossing)}
    assert found == {("east", "west"), ("west", "east")}


def test_second_daemon_of_a_project_is_refused_until_the_first_ends(
    daemon: Following, follow: Launch
) -> None:
    rival = follow(*daemon.roots).launch()
    assert rival.process is not None and rival.process.wait(PATIENCE_S) == 6
    assert "another storysync (server process" in rival.told() and "writes project demo" in rival.told()
    assert daemon.stop() == 0
    rival.start()
    put(daemon.roots[0], "A-1.md", "done")
    rival.converges_to({**THREE, "A-1.md": "done"})


@pytest.mark.parametrize("form", ["sqlite", "postgresql"])
def test_four_processes_at_once_on_an_empty_database(form: str, url: str, tmp_path: Path) -> None:
    """One makes the tables, all go on."""
    place = url if form == "postgresql" else f"sqlite:///{tmp_path / 'new' / 's.db'}"
    roots = [tmp_path / f"p{number}" for number in range(4)]
    for root in roots:
        put(root, "A-1.md")
    environ = {**os.environ, "STORYSYNC_STATE_DIR": str(tmp_path / "state")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "storysync", "sync", str(root), "--database", place],
            env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for root in roots
    ]  # fmt: skip
    for process in processes:
        told, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and "1 created" in told, told
    following = Following(roots, place, tmp_path / "state")
    found = following.rows("SELECT project_id FROM stories ORDER BY project_id")
    assert [row["project_id"] for row in found] == ["p0", "p1", "p2", "p3"]
    assert following.verified().equal


def test_daemon_on_sqlite_waits_for_nobody(stories: Path, tmp_path: Path) -> None:
    put(stories, "A-1.md")
    path = tmp_path / "s.db"
    daemon = Following(
        [stories], f"sqlite:///{path}", tmp_path / "state", STORYSYNC_SQLITE__TIMEOUT="0.2"
    ).start()
    try:
        assert daemon.ask("status")["waits_for_database"] is None
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            put(stories, "A-1.md", "done")
            daemon.wait(lambda: daemon.logged("sync.failed"))
            assert daemon.ask("status")["waits_for_database"] is None
            other.execute("ROLLBACK")
        daemon.converges_to({"A-1.md": "done"})
    finally:
        daemon.end()


def _listen(manager: socket.socket, told: list[str]) -> None:
    with suppress(OSError):
        while True:
            told.append(manager.recv(4096).decode())


@contextmanager
def other_writer(url: str) -> Iterator[psycopg.Connection]:
    """Another process in the middle of writing; it holds the lock of the writers."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (writing_key("storysync"),))
        yield connection


def waiting_writers(connection: psycopg.Connection) -> list[int]:
    """Server processes that wait for that lock."""
    found = connection.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return [row[0] for row in found]
