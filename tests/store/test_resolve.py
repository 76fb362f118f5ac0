"""The short way of a first load comes to the same as judging every reference."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, ProjectSettings, ReadingSettings
from storysync.store import resolve
from storysync.store.database import Database
from support.forms import Form

NOW = "2026-03-01T12:00:00.000000Z"
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


def text(story_id: str, needs: list[str], blocks: list[str]) -> str:
    listed = [", ".join(f'"{one}"' for one in targets) for targets in (needs, blocks)]
    head = f"id: {story_id}\nstatus: todo\ndependencies: [{listed[0]}]\nblocks: [{listed[1]}]\n"
    return f"---\n{head}---\n# {story_id}: T\n\n## References\n\n- [doc](docs/x.md)\n- [one](one/s0.md)\n"


_EXAMPLES = {"sqlite": 60, "sqlite-per-project": 10, "postgresql": 20}


def test_settling_plain_references_agrees_with_judging_them(form: Form) -> None:
    @settings(max_examples=_EXAMPLES[form.name], deadline=None)
    @given(alpha=STORIES, beta=STORIES, scope=st.sampled_from(["project", "folder"]))
    def one(alpha, beta, scope: str) -> None:  # type: ignore[no-untyped-def]
        with tempfile.TemporaryDirectory() as name, form.lent(Path(name)) as database:
            agree(database, Path(name), {"alpha": alpha, "beta": beta}, scope)

    one()


def agree(database: Database, folder: Path, projects: dict[str, list], scope: str) -> None:
    with database.open() as store:
        for project, stories in projects.items():
            for number, (place, story_id, needs, blocks) in enumerate(stories):
                path = folder / project / place / f"s{number}.md"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(story_id, needs, blocks))
            reading = ReadingSettings(id_scope=scope)
            root = ProjectSettings(path=str(folder / project), reading=reading)
            sync(store, resolve_project(root), trigger="test", deletions=DeletionSettings())
        with store.writing() as tx:
            settled = tx.rows(_STATES)
            for project in projects:
                resolve.judge(tx, resolve.owners_of(tx, project), {}, NOW)
            assert tx.rows(_STATES) == settled
