"""The short way of a first load comes to the same as judging every reference."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, ProjectSettings, ReadingSettings, SqliteSettings
from storysync.store import migrate, resolve
from storysync.store.store import Store

IDS = ["A-1", "A-01", "a-1", "B-1", "C-1", "D-1", "TASK-1", "1", "Epic 1"]
TARGETS = st.lists(
    st.sampled_from(
        [
            *IDS,
            "A-1 to A-2",
            "Stories 1-2",
            "task-1",
            "epic-1",
            "beta:B-1",
            "alpha:A-1",
            "Z-9",
            "one/A-1",
            "[x](s0.md)",
            "s1",
        ]
    ),
    max_size=3,
)
STORIES = st.lists(
    st.tuples(st.sampled_from(["", "one/", "two/"]), st.sampled_from(IDS), TARGETS, TARGETS),
    min_size=1,
    max_size=8,
)
_STATES = (
    "SELECT s.project_id, s.path, r.ordinal, r.state, r.match, r.target_uid, r.dependent_uid,"
    " r.prerequisite_uid FROM story_dependencies r JOIN stories s ON s.uid = r.story_uid ORDER BY 1, 2, 3"
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "a.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


def text(story_id: str, needs: list[str], blocks: list[str]) -> str:
    listed = [", ".join(f'"{one}"' for one in targets) for targets in (needs, blocks)]
    head = f"id: {story_id}\nstatus: todo\ndependencies: [{listed[0]}]\nblocks: [{listed[1]}]\n"
    return f"---\n{head}---\n# {story_id}: T\n\n## References\n\n- [doc](docs/x.md)\n- [one](one/s0.md)\n"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(alpha=STORIES, beta=STORIES, scope=st.sampled_from(["project", "folder"]))
def test_settling_plain_references_agrees_with_judging_them(template: Path, alpha, beta, scope: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(template, folder / "a.db")
        with Store.open(f"sqlite:///{folder / 'a.db'}", SqliteSettings()) as store:
            for project, stories in (("alpha", alpha), ("beta", beta)):
                for number, (place, story_id, needs, blocks) in enumerate(stories):
                    path = folder / project / place / f"s{number}.md"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text(story_id, needs, blocks))
                reading = ReadingSettings(id_scope=scope)
                root = ProjectSettings(path=str(folder / project), reading=reading)
                sync(store, resolve_project(root), trigger="test", deletions=DeletionSettings())
            with store.writing() as tx:
                settled = tx.rows(_STATES)
                for project in ("alpha", "beta"):
                    resolve.judge(tx, resolve.owners_of(tx, project), {}, "now")
                assert tx.rows(_STATES) == settled
