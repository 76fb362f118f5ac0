"""A database that is destroyed while the daemon runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.damage import root_page
from support.following import Following, put


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Following]:
    root = tmp_path / "demo"
    for number in range(300):
        put(root, f"F-{number}.md", text="Much text. " * 50)
    daemon = Following([root], f"sqlite:///{tmp_path / 'state' / 's.db'}", tmp_path / "state")
    yield daemon.start()
    daemon.end()


def test_damage_that_shows_in_a_sync_is_recovered_at_once(daemon: Following, tmp_path: Path) -> None:
    """Row 28 of the fault matrix: not only the daily look finds it."""
    file = tmp_path / "state" / "s.db"
    daemon.settles()
    assert daemon.ask("run_job", name="backup")["state"] == "good"
    daemon.ask("run_job", name="integrity")  # not due again today
    daemon.ask("run_job", name="maintain")  # merges the log, in which the pages would still be found
    daemon.ask("run_job", name="health")  # gives back the pages that the writer has in memory
    with file.open("r+b") as stream:
        for name in ("stories", "ix_changes_identity", "changes"):
            stream.seek((root_page(file, name) - 1) * 4096)
            stream.write(b"\xff" * 4096)
    for number in range(300):
        put(daemon.roots[0], f"F-{number}.md", "done")
    daemon.wait(lambda: daemon.logged("database.recovered"))
    assert daemon.logged("sync.failed", "is damaged") >= 1
    daemon.is_equal()
    assert daemon.statuses() == {f"F-{number}.md": "done" for number in range(300)}
    assert daemon.rows("SELECT kind FROM incidents") == [{"kind": "recovered"}]
    assert len(list(file.parent.glob("s.db.damaged-*Z"))) == 1
    assert daemon.stop() == 0
