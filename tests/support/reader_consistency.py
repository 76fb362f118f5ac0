"""A reader that polls while the daemon follows a checkout must see only what whole batches left."""

from __future__ import annotations

import json
import threading
from itertools import groupby
from pathlib import Path

from storysync.store.database import Database
from support.faulty import git
from support.following import Following, put

State = frozenset[tuple[str, str]]
"""Path and status of every story."""


class Poller(threading.Thread):
    """Asks again and again, each time one snapshot: the last change, and all stories."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self.seen: dict[tuple[int, State], int] = {}  # what was seen -> how often
        self._database = database
        self._failed: Exception | None = None
        self._over = threading.Event()

    def run(self) -> None:
        try:
            with self._database.reader() as reader:
                while not self._over.is_set():
                    with reader.snapshot() as at_once:
                        told = at_once.rows("SELECT COALESCE(MAX(seq), 0) AS seq FROM changes")
                        stories = at_once.rows("SELECT path, status FROM stories")
                    one = (told[0]["seq"], frozenset((row["path"], row["status"]) for row in stories))
                    self.seen[one] = self.seen.get(one, 0) + 1
        except Exception as error:  # noqa: BLE001 - `stop` raises it
            self._failed = error

    def stop(self) -> None:
        self._over.set()
        self.join()
        if self._failed is not None:
            raise self._failed


def follow_checkouts(root: Path, state: Path, *, files: int, checkouts: int) -> dict[str, int]:
    """Check out two branches in turn under a daemon and a reader; returns counts of what was seen.

    The branches differ in the status of every file; of every fourth, one branch has it in another folder,
    and of every seventh, only one has it at all.
    """
    branches = _branches(root, files)
    daemon = Following([root], f"sqlite:///{state / 's.db'}", state).start()
    try:
        poller = Poller(daemon.database)
        poller.start()
        for number in range(checkouts):
            wanted = ("two", "one")[number % 2]
            git(root, "checkout", "-q", wanted)
            daemon.converges_to(dict(branches[wanted]))
        poller.stop()
        legal = _states_of_batches(daemon, branches)
        for (last, found), times in poller.seen.items():
            assert last in legal, f"seen {times} times: the end of no batch ({last})"
            assert found == legal[last], f"seen {times} times, at {last}: {sorted(found ^ legal[last])[:5]}"
        assert daemon.stop() == 0
    finally:
        daemon.end()
    return {"batches": len(legal) - 1, "states seen": len(poller.seen), "polls": sum(poller.seen.values())}


def _branches(root: Path, files: int) -> dict[str, State]:
    """Make both branches, end on `one`; returns what each holds."""
    root.mkdir()
    git(root, "init", "-q", "-b", "one")
    found = {}
    for branch, status in (("one", "todo"), ("two", "done")):
        if branch == "two":
            git(root, "checkout", "-qb", "two")
            git(root, "rm", "-rq", ".")
        for number in range(files):
            if number % 7 == 3 and branch == "two":
                continue
            folder = f"{number % 20}-moved" if number % 4 == 2 and branch == "two" else str(number % 20)
            put(root, f"{folder}/A-{number}.md", status)
        git(root, "add", "-A")
        git(root, "commit", "-qm", branch)
        paths = git(root, "ls-files").splitlines()
        found[branch] = frozenset((path, status) for path in paths)
    git(root, "checkout", "-q", "one")
    return found


def _states_of_batches(daemon: Following, branches: dict[str, State]) -> dict[int, State]:
    """Number of the last change of each batch -> what there was then, from the changes alone.

    A creation does not tell its values; the stories that one branch alone has are all in the first one.
    """
    created = {path.rpartition("/")[2]: (path, status) for path, status in branches["one"]}
    rows = daemon.rows("SELECT seq, sync_id, identity, story_id, operation, after FROM changes ORDER BY seq")
    stories: dict[int, tuple[str, str]] = {}
    legal: dict[int, State] = {0: frozenset()}
    for _, batch in groupby(rows, key=lambda row: row["sync_id"]):
        last = 0
        for row in batch:
            last, uid = row["seq"], row["identity"]
            if row["operation"] == "create":
                stories[uid] = created[f"{row['story_id']}.md"]
            elif row["operation"] == "remove":
                del stories[uid]
            else:
                after = json.loads(row["after"])
                path, status = stories[uid]
                stories[uid] = (after.get("path", path), after.get("status", status))
        legal[last] = frozenset(stories.values())
    return legal
