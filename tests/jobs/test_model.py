"""Random changes of a tree, seen in random parts: at the end the database equals a rebuild.

Events are hints. Here some are lost, doubled or late: each batch tells `sync` about a random part of what
changed, and only the last full scan is sure to see everything.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings, SqliteSettings
from storysync.store.store import Store

DELETIONS = DeletionSettings(hold_s=0)
IDS = ["A-1", "A-2", "a_02", "B-1", "B-2", "C-1"]
FOLDERS = ["", "one", "two", "one/deep"]
NAMES = ["a.md", "A-1-first.md", "b.md", "c.md", "README.md"]
STATUSES = ["todo", "done", "ready", "draft", "strange"]


def story(story_id: str, status: str, needs: list[str], blocks: list[str]) -> str:
    return (
        f"---\nid: {story_id}\ntitle: Story {story_id}\nstatus: {status}\n"
        f"dependencies: [{', '.join(needs)}]\nblocks: [{', '.join(blocks)}]\nlabels: [x, {status}]\n---\n"
        f"# {story_id}: Story\n\n## Acceptance Criteria\n\n- [ ] first\n- [x] {status}\n"
    )


PLACES = st.builds(lambda f, n: f"{f}/{n}" if f else n, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
TARGETS = st.lists(st.sampled_from([*IDS, "Z-9", "beta:B-1", "alpha/A-1"]), max_size=2)
TEXTS = st.one_of(
    st.builds(story, st.sampled_from(IDS), st.sampled_from(STATUSES), TARGETS, TARGETS),
    st.sampled_from(
        ["", "# Notes\n\nno story\n", "---\nid: A-1\nstatus: todo\n", "---\nid: [\n---\n# A-1: x\n"]
    ),
)
ROOTS = st.sampled_from(["alpha", "beta"])
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), ROOTS, PLACES, TEXTS),
    st.tuples(st.just("rename"), ROOTS, PLACES, PLACES),
    st.tuples(st.just("swap"), ROOTS, PLACES, PLACES),
    st.tuples(st.just("copy"), ROOTS, PLACES, PLACES),
    st.tuples(st.just("delete"), ROOTS, PLACES, st.none()),
    st.tuples(st.just("break"), ROOTS, PLACES, st.none()),
    st.tuples(st.just("mend"), ROOTS, PLACES, st.sampled_from(IDS)),
    st.tuples(
        st.just("move folder"), ROOTS, st.sampled_from(FOLDERS[1:]), st.sampled_from(["new", "two/in"])
    ),
)
BATCHES = st.lists(
    st.tuples(
        st.lists(OPERATIONS, min_size=1, max_size=6), st.sampled_from(["part", "some", "full", "none"])
    ),
    min_size=1,
    max_size=6,
)


def perform(root: Path, kind: str, one: str, other: str | None) -> set[str]:
    """Do one operation; returns the paths that an event could name."""
    path = root / one
    if kind == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(other or "")
        return {one}
    if not path.exists():
        return set()
    if kind == "delete":
        path.unlink()
        return {one}
    if kind == "break":
        path.write_bytes(path.read_bytes()[:20] + b"\xff\xfe\x00")
        return {one}
    if kind == "mend":
        path.write_text(story(other or "A-1", "ready", [], []))
        return {one}
    assert other is not None
    target = root / other
    if target == path or (kind == "move folder" and (target.exists() or path in target.parents)):
        return set()
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "copy":
        shutil.copy(path, target)
    elif kind == "swap" and target.exists():
        mine, theirs = path.read_bytes(), target.read_bytes()
        path.write_bytes(theirs)
        target.write_bytes(mine)
    else:
        path.rename(target)
    return {one, other}


def run_sequence(
    folder: Path, database: Path, batches: list, draw_part: Callable[[set[str]], set[str]]
) -> None:
    url = f"sqlite:///{database}"
    projects = {}
    for name in ("alpha", "beta"):
        (folder / name).mkdir()
        (folder / name / "start.md").write_text(story("S-1", "todo", [], []))
        projects[name] = resolve_project(ProjectSettings(path=str(folder / name)))
    with Store.open(url, SqliteSettings()) as store:
        for project in projects.values():
            sync(store, project, trigger="test", deletions=DELETIONS)
        for operations, look in batches:
            touched: dict[str, set[str]] = {"alpha": set(), "beta": set()}
            for kind, root, one, other in operations:
                touched[root] |= perform(folder / root, kind, one, other)
            for name, project in projects.items():
                if look == "full":
                    sync(store, project, trigger="test", deletions=DELETIONS)
                elif look != "none" and touched[name]:
                    part = touched[name] if look == "part" else draw_part(touched[name])
                    sync(store, project, trigger="test", deletions=DELETIONS, paths=frozenset(part))
        for project in projects.values():
            sync(store, project, trigger="test", deletions=DELETIONS, confirm_deletions=True)
    report = verify(url, SqliteSettings(), list(projects.values()), DELETIONS)
    assert report.equal, report.differences
    assert not report.held


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)
@given(batches=BATCHES, data=st.data())
def test_any_changes_seen_in_any_parts_end_equal_to_a_rebuild(
    empty_database: Path, batches: list, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "live.db"
        shutil.copy(empty_database, database)

        def draw_part(paths: set[str]) -> set[str]:
            return set(data.draw(st.lists(st.sampled_from(sorted(paths)), min_size=1, max_size=3)))

        run_sequence(folder, database, batches, draw_part)
