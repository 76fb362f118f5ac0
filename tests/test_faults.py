"""Faults on purpose: they happen where and when a test asks for them, and in no other process."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from storysync import faults
from storysync.errors import StoreError, UsageError
from storysync.jobs.backup_files import backups_in
from support.faults_model import run_daemon, run_in_process, seeds
from support.faulty import KILLED, Pair, environ, git, run
from support.following import Following, put
from support.forms import Form
from support.reader_consistency import follow_checkouts

SOURCE = Path(__file__).resolve().parents[1]
FILES = 30
WRITES = [name for name in faults.POINTS if name.startswith("write.")]


# -- the points and the rules ----------------------------------------------------------------------------


def test_every_point_is_listed_and_every_listed_point_is_passed() -> None:
    files = [*(SOURCE / "src" / "storysync").rglob("*.py"), SOURCE / "alembic" / "env.py"]
    asked = {
        name
        for file in files
        for name in re.findall(r'faults\.(?:point|deliveries)\(\s*"?([\w.-]+)"?', file.read_text())
        if "." in name
    }
    assert asked | {"watch.event"} == set(faults.POINTS)
    assert "faults.deliveries(" in (SOURCE / "src/storysync/adapters/watch_marks.py").read_text()


def test_a_point_does_nothing_in_normal_use() -> None:
    assert faults.point is faults._nothing
    assert faults.deliveries("one") == ("one",)


def test_a_rule_is_due_at_its_passage_once() -> None:
    with faults.armed("plan.made=raise:StoreError:2"):
        faults.point("plan.made")
        faults.point("scan.begin")
        with pytest.raises(StoreError, match=r"injected at plan\.made"):
            faults.point("plan.made")
        faults.point("plan.made")
    faults.point("plan.made")


def test_a_pattern_counts_all_that_it_matches() -> None:
    with faults.armed("write.*=enospc:3"):
        faults.point("write.before-begin")
        faults.point("plan.made")
        faults.point("write.after-begin")
        with pytest.raises(OSError, match="No space left") as found:
            faults.point("write.before-commit")
    assert found.value.filename == "write.before-commit"


def test_a_share_is_drawn_from_the_seed() -> None:
    def passages(seed: int) -> list[bool]:
        failed = []
        with faults.armed(f"read.file=raise:OSError@0.3,seed={seed}"):
            for _ in range(200):
                with suppress(OSError):
                    faults.point("read.file")
                    failed.append(False)
                    continue
                failed.append(True)
        return failed

    assert passages(1) == passages(1) != passages(2)
    assert 30 < sum(passages(1)) < 90


def test_events_are_lost_doubled_and_late() -> None:
    with faults.armed("watch.event=lose:1,watch.event=double:2,watch.event=late:3"):
        told = [faults.deliveries(number) for number in range(1, 6)]
    assert told == [(), (2, 2), (), (4, 3), (5,)]


@pytest.mark.parametrize(
    "text",
    [
        "no.point=kill", "plan.made=explode", "plan.made", "plan.made=raise", "plan.made=raise:Nothing",
        "plan.made=raise:dict", "plan.made=kill:now", "plan.made=kill:1:2", "plan.made=lose",
        "plan.made=hang:long", "seed=x", "plan.made=kill@often",
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(text)):
        faults.parsed(text)


def test_without_the_second_variable_nothing_fails(tmp_path: Path) -> None:
    put(tmp_path / "demo", "A-1.md")
    done = run(
        "",
        "sync",
        tmp_path / "demo",
        "--database",
        f"sqlite:///{tmp_path / 's.db'}",
        STORYSYNC_FAULTS="*=kill",
    )
    assert done.returncode == 0
    assert "STORYSYNC_FAULTS is ignored" in done.stderr


def test_a_wrong_rule_ends_the_process_in_words(tmp_path: Path) -> None:
    done = run("plan.made=explode", "--version")
    assert done.returncode in (0, 2)  # a quick answer may need no module that has points
    done = run("plan.made=explode", "sync", tmp_path)
    assert done.returncode == 2
    assert "there is no action 'explode'" in done.stderr
    assert "Traceback" not in done.stderr


# -- kill -9 at every point --------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    root = tmp_path / "demo"
    for number in range(FILES):
        put(root, f"{number % 3}/A-{number}.md", needs=[f"A-{number - 1}"] if number else ())
    return Pair(root, tmp_path / "state" / "s.db")


@pytest.mark.parametrize(
    "rule",
    [
        "create.before-commit=kill", "create.after-commit=kill", "scan.begin=kill", "read.file=kill:9",
        "plan.made=kill", *(f"{name}=kill:{number}" for name in WRITES for number in (1, 2)),
    ],
)  # fmt: skip
def test_a_first_load_that_is_killed_is_finished_by_the_next_sync(pair: Pair, rule: str) -> None:
    done = pair.faulty(rule)
    if rule.endswith(":2") and done.returncode == 0:
        assert not rule.startswith(("write.before-begin", "write.after-begin", "write.before-commit"))
    else:
        assert done.returncode == KILLED, done.stderr
    pair.must_heal()


def test_an_edit_that_is_killed_at_any_point_is_made_by_the_next_sync(pair: Pair) -> None:
    pair.sync()
    for round_, name in enumerate(["scan.begin", "read.file", "plan.made", *WRITES]):
        put(pair.root, f"0/A-{3 * round_ % FILES}.md", "done", needs=["A-1", "NEW-0"], text=str(round_))
        put(pair.root, f"NEW-{round_}.md")
        moved, *_, gone = sorted(pair.root.rglob("*.md"), key=lambda file: (file.name, file))
        moved.rename(pair.root / str(round_ % 3) / f"moved-{round_}.md")
        gone.unlink()
        assert pair.faulty(f"{name}=kill").returncode == KILLED, name
        report = pair.must_heal()
        assert report.changed == (name != "write.after-commit"), name


def test_a_checkout_whose_sync_is_killed_at_any_point_is_caught_up(pair: Pair) -> None:
    git(pair.root, "init", "-q", "-b", "main")
    git(pair.root, "add", "-A")
    git(pair.root, "commit", "-qm", "one")
    git(pair.root, "checkout", "-qb", "other")
    for number in range(0, FILES, 2):
        put(pair.root, f"{number % 3}/A-{number}.md", "done")
    (pair.root / "0").rename(pair.root / "moved")
    git(pair.root, "add", "-A")
    git(pair.root, "commit", "-qm", "two")
    pair.sync()
    before = uids(pair)
    for round_, name in enumerate(["read.file", "plan.made", *WRITES]):
        git(pair.root, "checkout", "-q", ("main", "other")[round_ % 2])
        assert pair.faulty(f"{name}=kill").returncode == KILLED, name
        assert not pair.must_heal().held, name
        assert uids(pair) == before, name


def test_a_held_deletion_whose_sync_is_killed_is_held_and_confirmed_all_the_same(pair: Pair) -> None:
    pair.sync()
    for name in WRITES:
        kept = {file: file.read_bytes() for file in pair.root.rglob("*.md")}
        for file in list(kept)[: FILES - 4]:
            file.unlink()
        assert pair.faulty(f"{name}=kill").returncode == KILLED, name
        assert len(pair.must_heal().held) == FILES - 4, name
        command = ("sync", pair.root, "--confirm-deletions")
        assert pair.faulty(f"{name}=kill", *command).returncode == KILLED, name
        assert not pair.must_heal(confirm=True).held, name
        assert len(uids(pair)) == 4, name
        for file, data in kept.items():
            file.write_bytes(data)
        assert len(uids(pair)) == 4
        pair.must_heal()
        assert len(uids(pair)) == FILES, name


@pytest.mark.parametrize("name", [name for name in faults.POINTS if name.startswith("migrate.")])
def test_a_migration_that_is_killed_is_made_by_the_next_command(pair: Pair, name: str) -> None:
    pair.sync()
    assert pair.faulty("", "db", "downgrade", "base", "--yes").returncode == 0
    assert pair.faulty(f"{name}=kill", "db", "upgrade").returncode == KILLED
    pair.must_heal()
    assert len(uids(pair)) == FILES


@pytest.mark.parametrize("name", [name for name in faults.POINTS if name.startswith("backup.")])
def test_a_backup_that_is_killed_leaves_the_older_ones_and_no_litter(pair: Pair, name: str) -> None:
    pair.sync()
    folder = pair.file.parent / "backups"
    assert pair.faulty("", "backup", "create").returncode == 0
    (older,) = backups_in(folder)
    data, manifest = older.data.read_bytes(), older.path.read_bytes()
    assert pair.faulty(f"{name}=kill", "backup", "create").returncode == KILLED
    pair.must_be_whole()
    assert older.data.read_bytes() == data and older.path.read_bytes() == manifest
    assert pair.faulty("", "backup", "verify", older.name).returncode == 0
    listed = backups_in(folder)
    assert [one.state for one in listed] == ["good"] * (2 if name == "backup.after-rename" else 1)
    assert pair.faulty("", "backup", "create").returncode == 0
    left = [one.name for one in folder.iterdir() if one.name != ".lock"]
    assert len(left) == 2 * (len(listed) + 1) and not any("partial" in one for one in left)


def uids(pair: Pair) -> dict[str, int]:
    """Id of every story -> its uid."""
    with pair.database.reader() as reader:
        return {row["id"]: row["uid"] for row in reader.rows("SELECT id, uid FROM stories")}


@pytest.fixture
def following(pair: Pair, tmp_path: Path) -> Iterator[list[Following]]:
    """Daemons over the folder; those of the list are ended."""
    made: list[Following] = []
    yield made
    for one in made:
        one.end()


KILLED_INSIDE_A_STATEMENT = """
import os, signal, sqlite3, sys, threading

def kill():
    while os.path.getsize(sys.argv[1]) == 0:
        pass
    os.kill(os.getpid(), signal.SIGKILL)

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT count(*) FROM sqlite_master")
threading.Thread(target=kill).start()
connection.execute("PRAGMA journal_mode = WAL")
threading.Event().wait()
"""
"""It dies while the first page is written: with luck of the scheduler its journal is still there."""


@pytest.mark.parametrize("command", ["sync", "run", "list"])
def test_a_database_killed_while_it_was_made_is_opened_by_every_command(
    pair: Pair, tmp_path: Path, following: list[Following], command: str
) -> None:
    """Its journal must be rolled back first, which a connection that only reads cannot do."""
    journal = pair.file.with_name(pair.file.name + "-journal")
    pair.file.parent.mkdir(mode=0o700)
    for _ in range(100):
        journal.unlink(missing_ok=True)
        pair.file.write_bytes(b"")
        subprocess.run([sys.executable, "-c", KILLED_INSIDE_A_STATEMENT, pair.file])
        if journal.exists():
            break
    assert journal.exists() and pair.file.stat().st_size
    if command == "run":
        following.append(Following([pair.root], pair.url, tmp_path / "state").start())
        following[0].is_equal()
    elif command == "sync":
        assert pair.faulty("").returncode == 0
    else:
        done = pair.faulty("", "list")
        assert "schema none" in done.stderr, done.stderr
    assert not journal.exists()


# -- the daemon ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "watch.follow=kill", "watch.event=kill:3", "batch.taken=kill:2", "write.after-stories=kill:3",
        "write.before-commit=kill:3", "write.after-commit=kill:4",
    ],
)  # fmt: skip
def test_a_daemon_that_is_killed_at_work_catches_up(
    pair: Pair, tmp_path: Path, following: list[Following], rule: str
) -> None:
    doomed = Following([pair.root], pair.url, tmp_path / "state", **environ(rule)).launch()
    following.append(doomed)
    edits = 0

    def dies() -> bool:
        nonlocal edits
        edits += 1
        put(pair.root, f"{edits % 3}/A-{edits % FILES}.md", ("done", "todo")[edits % 2], text=str(edits))
        return doomed.exited()

    doomed.wait(dies)
    assert doomed.process is not None and doomed.process.returncode == KILLED, doomed.told()
    pair.must_be_whole()
    again = Following([pair.root], pair.url, tmp_path / "state").start()
    following.append(again)
    again.is_equal()
    assert again.stop() == 0


@pytest.mark.parametrize(
    "rule",
    [
        "write.before-commit=enospc:3", "write.after-files=raise:RuntimeError:2",
        "write.after-commit=raise:OSError:3", "batch.taken=raise:MemoryError:2",
        "plan.made=raise:StoreError:2", "watch.event=raise:RuntimeError", "scan.begin=raise:OSError",
    ],
)  # fmt: skip
def test_a_daemon_survives_what_goes_wrong_once_and_converges(
    pair: Pair, tmp_path: Path, following: list[Following], rule: str
) -> None:
    """Most go wrong while the one edit is written: nothing comes after it that would mend it by chance."""
    one = Following([pair.root], pair.url, tmp_path / "state", **environ(rule)).start()
    following.append(one)
    put(pair.root, "0/A-3.md", "done")
    one.wait(lambda: Counter(one.statuses().values())["done"] == 1)
    assert not one.exited()
    one.is_equal()
    assert one.stop() == 0


def test_a_file_that_could_not_be_read_once_is_read_with_the_next_batch(
    pair: Pair, tmp_path: Path, following: list[Following]
) -> None:
    fault = environ(f"read.file=raise:OSError:{FILES + 1}")
    one = Following([pair.root], pair.url, tmp_path / "state", **fault).start()
    following.append(one)
    put(pair.root, "0/A-3.md", "done")
    one.wait(lambda: one.rows("SELECT * FROM problems WHERE code = 'unreadable-file'"))
    assert one.statuses()["0/A-3.md"] == "todo"  # the last good row
    put(pair.root, "0/A-6.md", "done")
    one.wait(lambda: Counter(one.statuses().values())["done"] == 2)
    assert one.rows("SELECT * FROM problems WHERE code = 'unreadable-file'") == []
    one.is_equal()


# -- all of it at random -------------------------------------------------------------------------------------


def test_random_edits_git_and_faults_end_equal(form: Form) -> None:
    """A short run of `make test-model`."""
    seed = random.randrange(1 << 30)
    for number, own in enumerate(seeds(40 if form.name == "sqlite" else 15, seed)):
        with TemporaryDirectory() as name, form.lent(Path(name)) as database:
            try:
                if form.name == "sqlite" and number % 10 == 0:
                    run_daemon(Path(name) / "own", own, killed=number % 20 == 0)
                else:
                    run_in_process(Path(name), database, own)
            except Exception as error:
                raise AssertionError(f"sequence {number} of seed {seed}: seed {own}") from error


def test_a_reader_sees_only_what_a_whole_batch_left(tmp_path: Path) -> None:
    """400 files; 5,000 in the long tests."""
    seen = follow_checkouts(tmp_path / "demo", tmp_path / "own", files=400, checkouts=4)
    assert seen["batches"] > 4
    assert seen["states seen"] > 2
