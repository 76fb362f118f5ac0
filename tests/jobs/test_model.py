"""Random changes of a tree, seen in random parts: at the end the database equals a rebuild.

Events are hints. Here some are lost, doubled or late: each batch tells `sync` about a random part of what
changed, and only the last full scan is sure to see everything. Some full scans are made in small parts, some
of those are cut off in the middle, and deletions are held as an accident would be.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storysync.jobs import sync as sync_module
from storysync.jobs.project import Project, resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import (
    BacklogSettings,
    DeletionSettings,
    ProjectSettings,
    ReadingSettings,
)
from storysync.store.database import Database
from support.forms import Form

DELETIONS = DeletionSettings(least=2, share=0, hold_s=0)
IDS = ["A-1", "A-2", "a_02", "B-1", "B-2", "C-1"]
DECOMPOSED = "e\u0301"
FOLDERS = ["", "one", "two", "one/deep", "One", f"caf{DECOMPOSED}", "caf\u00e9", "vendor", "a.md"]
NAMES = [
    "a.md",
    "A.md",
    "A-1-first.md",
    "b.md",
    "c.md",
    "README.md",
    "\u00e9.md",
    f"{DECOMPOSED}.md",
    "sprint-status.yaml",
    "tasks.md",
    "spec.md",
]
RULES = {
    "usual": {},
    "folder scope": {"reading": ReadingSettings(id_scope="folder", statuses={"strange": "done"})},
    "prefix": {"reading": ReadingSettings(id_prefixes={"task": "a"}, prose_blocks=True)},
    "less": {"reading": ReadingSettings(exclude=("one/*", "A*"), ignore=("two", "caf\u00e9"))},
    "backlogs": {"backlogs": (BacklogSettings(id="two", path_prefix="one", name="Second", type="team"),)},
}
STATUSES = ["todo", "done", "ready", "draft", "strange"]


def story(story_id: str, status: str, needs: list[str], blocks: list[str]) -> str:
    return (
        f"---\nid: {story_id}\ntitle: Story {story_id}\nstatus: {status}\n"
        f"dependencies: [{', '.join(needs)}]\nblocks: [{', '.join(blocks)}]\nlabels: [x, {status}]\n---\n"
        f"# {story_id}: Story\n\n## Acceptance Criteria\n\n- [ ] first\n- [x] {status}\n"
    )


def tasks(lines: list[tuple[str, bool, list[str]]]) -> str:
    """A list of tasks; an id may stand there twice, and what it needs may be anywhere."""
    told = [
        f"- [{'x' if done else ' '}] {task} [US1] do {task}"
        + (f" (depends on {', '.join(needs)})" if needs else "")
        for task, done, needs in lines
    ]
    return "# Tasks\n\n## Phase 1: Begin\n\n" + "\n".join(told) + "\n"


def epics(head: str, sections: list[tuple[str, str, list[str]]]) -> str:
    """A file of several stories below an epic, or of its own story that they are part of."""
    told = [
        f"### {name}: Title of {name}\n\n**Status:** {status}\n"
        f"**Depends on:** {', '.join(needs) or 'none'}\n\n- [ ] {status}\n\n"
        for name, status, needs in sections
    ]
    return head + "\n\n" + "".join(told) + "## Notes\n\nBehind.\n"


TASK_IDS = ["T001", "T002", "T003", "T004"]
ITEMS = ["Story 1", "Story 2", "Story 3", "STORY-1", "BUG-1", "Epic 1", "US-1"]
LINKS = ["[it](b.md#story-2)", "[it](b.md)", "[1](../one/a.md#story-1-title)", "Story 1", "Epic 1", "A-1"]
MANY = st.one_of(
    st.builds(
        tasks,
        st.lists(
            st.tuples(
                st.sampled_from(TASK_IDS),
                st.booleans(),
                st.lists(st.sampled_from([*TASK_IDS, "US1"]), max_size=2),
            ),
            min_size=1,
            max_size=6,
        ),
    ),
    st.builds(
        epics,
        st.sampled_from(
            ["# List", "# Epic 1: All", "# List\n\n**Status:** ready", "# L\n\n## Epic 1: In it"]
        ),
        st.lists(
            st.tuples(
                st.sampled_from(ITEMS),
                st.sampled_from(STATUSES),
                st.lists(st.sampled_from(LINKS), max_size=2),
            ),
            min_size=1,
            max_size=6,
        ),
    ),
    st.just("# Feature Specification: F\n\n### User Story 1 - One (Priority: P1)\n\nx\n"),
)
PLACES = st.builds(lambda f, n: f"{f}/{n}" if f else n, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
WORDED = ["TASK-1", "1", "Epic 1", "2"]
RANGES = ["A-1 to A-2", "Stories 1-2"]
TARGETS = st.lists(
    st.sampled_from([*IDS, *WORDED, *RANGES, "task-2", "old", "Z-9", "beta:B-1", "alpha/A-1"]), max_size=2
)
TEXTS = st.one_of(
    MANY,
    st.builds(story, st.sampled_from([*IDS, *WORDED]), st.sampled_from(STATUSES), TARGETS, TARGETS),
    st.sampled_from(
        [
            "",
            "---\nid: B-2\naliases: [old, A-2]\nstatus: todo\nblocks: A-1 to A-2\n---\n# A-1: x\n",
            "# Epic 1: x\n\n**Status:** todo\n\n## Dependencies\n\n- Stories 1-2\n- before A-2\n",
            "# Notes\n\nno story\n",
            "---\nid: A-1\nstatus: todo\n",
            "---\nid: [\n---\n# A-1: x\n",
            "# B-1: In a link\n\n**Status:** todo\n\n## Dependencies\n\n- [it](../one/a.md)\n- [b](b.md)",
            "---\nstatus: ready\n---\n# No id\n",
            "development_status:\n  A-1-first: done\n  b: todo\n  1-2-c: review\n",
            "development_status:\n  a: strange\n  start: done\n",
        ]
    ),
)
ROOTS = st.sampled_from(["alpha", "beta"])
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), ROOTS, PLACES, TEXTS),
    st.tuples(st.just("rename"), ROOTS, PLACES, PLACES),
    st.tuples(st.just("swap"), ROOTS, PLACES, PLACES),
    st.tuples(st.just("copy"), ROOTS, PLACES, PLACES),
    st.tuples(st.just("delete"), ROOTS, PLACES, st.none()),
    st.tuples(st.just("delete folder"), ROOTS, st.sampled_from(FOLDERS[1:]), st.none()),
    st.tuples(st.just("break"), ROOTS, PLACES, st.none()),
    st.tuples(st.sampled_from(["shift lines", "turn items", "drop lines"]), ROOTS, PLACES, st.none()),
    st.tuples(st.sampled_from(["link", "pipe"]), ROOTS, PLACES, st.none()),
    st.tuples(st.just("rules"), ROOTS, st.sampled_from(sorted(RULES)), st.none()),
    st.tuples(st.just("mend"), ROOTS, PLACES, st.sampled_from(IDS)),
    st.tuples(
        st.just("move folder"),
        ROOTS,
        st.sampled_from(FOLDERS[1:]),
        st.sampled_from(["new", "two/in", "One", "vendor"]),
    ),
)
LOOKS = st.sampled_from(["part", "some", "full", "none", "in parts", "cut off"])


def batches(
    operations: st.SearchStrategy[Any], looks: st.SearchStrategy[str]
) -> st.SearchStrategy[list[tuple[list[Any], str]]]:
    """What is changed, and how it is looked at, several times."""
    return st.lists(st.tuples(st.lists(operations, min_size=1, max_size=6), looks), min_size=1, max_size=6)


FEW_PLACES = st.sampled_from(["one/tasks.md", "one/spec.md", "one/a.md", "b.md", "two/tasks.md"])
OWN_FILE = "# Story 1: Own file\n\n**Status:** todo\n**Depends on:** {}\n"
ITEM_OPERATIONS = st.one_of(
    st.tuples(st.just("write"), st.just("alpha"), FEW_PLACES, MANY),
    st.tuples(st.just("write"), st.just("alpha"), FEW_PLACES, MANY),
    st.tuples(
        st.just("write"), st.just("alpha"), st.just("c.md"), st.sampled_from(LINKS).map(OWN_FILE.format)
    ),
    st.tuples(
        st.sampled_from(["shift lines", "turn items", "drop lines", "drop lines", "break", "delete"]),
        st.just("alpha"),
        st.one_of(FEW_PLACES, st.just("c.md")),
        st.none(),
    ),
    st.tuples(st.sampled_from(["rename", "swap", "copy"]), st.just("alpha"), FEW_PLACES, FEW_PLACES),
    st.tuples(st.just("rules"), st.just("alpha"), st.sampled_from(["usual", "folder scope"]), st.none()),
)


def perform(root: Path, kind: str, one: str, other: str | None) -> set[str]:
    """Do one operation, if it can be done; returns the paths that an event could name."""
    try:
        touched = _perform(root, kind, one, other)
    except OSError:  # a file where a folder should be, or the other way round
        touched = {one}
    return {unicodedata.normalize("NFC", path) for path in touched}


def _perform(root: Path, kind: str, one: str, other: str | None) -> set[str]:
    path = root / one
    if kind in ("write", "link", "pipe"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind != "write" or not path.is_file() or path.is_symlink():
            path.unlink(missing_ok=True)
        if kind == "write":
            path.write_text(other or "")
        elif kind == "link":
            path.symlink_to("b.md")
        else:
            os.mkfifo(path)
        return {one}
    if kind == "delete folder":
        if path.is_dir() and not path.is_symlink():  # rmtree would wait at a pipe for a writer
            shutil.rmtree(path)
        return {one}
    if kind == "delete":
        path.unlink()
        return {one}
    if kind == "move folder" and path.is_dir():
        return _rename(path, root / (other or ""), {one, other or ""})
    if path.is_symlink() or not path.is_file():
        return set()
    if kind == "break":
        path.write_bytes(path.read_bytes()[:20] + b"\xff\xfe\x00")
    elif kind == "shift lines":
        text = path.read_bytes()
        mark = b"---\n" if b"---\n" in text else b"# "
        path.write_bytes(text.replace(mark, mark + b"market: eu\n" if mark[0] == 45 else b"\n# ", 1))
    elif kind == "turn items":  # an id edited in place, or the ids of two items exchanged
        text = path.read_text(errors="replace")
        turned = {"T001": "T002", "T002": "T001", "Story 1": "Story 2", "Story 2": "Story 1"}
        path.write_text(re.sub("|".join(turned), lambda found: turned[found[0]], text))
    elif kind == "drop lines":
        lines = path.read_text(errors="replace").splitlines(keepends=True)
        path.write_text("".join(lines[: len(lines) // 2] + lines[len(lines) // 2 + 1 :]))
    elif kind == "mend":
        path.write_text(story(other or "A-1", "ready", [], []))
    elif kind == "copy":
        (root / (other or "")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / (other or ""), follow_symlinks=False)
        return {one, other or ""}
    elif kind == "swap" and (root / (other or "")).is_file():
        mine, theirs = path.read_bytes(), (root / (other or "")).read_bytes()
        path.write_bytes(theirs)
        (root / (other or "")).write_bytes(mine)
        return {one, other or ""}
    elif kind in ("rename", "swap"):
        return _rename(path, root / (other or ""), {one, other or ""})
    return {one}


def _rename(path: Path, target: Path, touched: set[str]) -> set[str]:
    if target == path or path in target.parents or target.is_dir():
        return set()
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    return touched


class CutOff(Exception):
    """What a crash is to a transaction: nothing after it happens."""


@contextmanager
def in_parts(*, cut_off: bool) -> Iterator[None]:
    """Two files a transaction; `cut_off`: the process ends before the last one."""
    former = sync_module.FIRST_LOAD_FILES, sync_module.ONE_BATCH_FILES, sync_module._Run._finish

    def end(*_: object, **__: object) -> None:
        raise CutOff

    sync_module.FIRST_LOAD_FILES, sync_module.ONE_BATCH_FILES = 2, 2
    if cut_off:
        sync_module._Run._finish = end  # type: ignore[assignment,method-assign]
    try:
        yield
    except CutOff:
        pass
    finally:
        sync_module.FIRST_LOAD_FILES, sync_module.ONE_BATCH_FILES, sync_module._Run._finish = former  # type: ignore[method-assign]


def run_sequence(
    folder: Path, database: Database, batches: list, draw_part: Callable[[set[str]], set[str]]
) -> None:
    projects: dict[str, Project] = {}
    for name in ("alpha", "beta"):
        (folder / name).mkdir()
        (folder / name / "start.md").write_text(story("S-1", "todo", [], []))
        projects[name] = resolve_project(ProjectSettings(path=str(folder / name)))
    with database.open() as store:

        def look_at(name: str, paths: set[str] | None = None, *, confirm: bool = False) -> None:
            sync(
                store, projects[name], trigger="test", deletions=DELETIONS,
                paths=None if paths is None else frozenset(paths), confirm_deletions=confirm,
            )  # fmt: skip

        look_at("alpha")
        for operations, look in batches:
            touched: dict[str, set[str]] = {"alpha": set(), "beta": set()}
            for kind, root, one, other in operations:
                if kind == "rules":
                    rules = ProjectSettings(path=str(folder / root), **RULES[one])
                    projects[root] = replace(projects[root], settings=rules)
                else:
                    touched[root] |= perform(folder / root, kind, one, other)
            for name in projects:
                if look == "full":
                    look_at(name)
                elif look in ("in parts", "cut off"):
                    with in_parts(cut_off=look == "cut off"):
                        look_at(name)
                elif look != "none" and touched[name]:
                    look_at(name, touched[name] if look == "part" else draw_part(touched[name]))
        for confirm in (False, True):
            for name in projects:
                look_at(name, confirm=confirm)
            report = verify(database, list(projects.values()), DELETIONS)
            assert report.equal, report.differences
        assert not report.held


_EXAMPLES = {"sqlite": 500, "sqlite-per-project": 50, "postgresql": 100}
"""Sequences on each form: a transaction of a server takes several times as long."""


def sequences(form: Form) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=_EXAMPLES[form.name], deadline=None, suppress_health_check=slow)


def test_any_changes_seen_in_any_parts_end_equal_to_a_rebuild(form: Form) -> None:
    @sequences(form)
    @given(batches=batches(OPERATIONS, LOOKS), data=st.data())
    def one(batches: list, data: st.DataObject) -> None:
        play(form, batches, data)

    one()


def test_any_changes_of_files_with_many_stories_end_equal_to_a_rebuild(form: Form) -> None:
    looks = st.sampled_from(["part", "part", "some", "full"])

    @sequences(form)
    @given(batches=batches(ITEM_OPERATIONS, looks), data=st.data())
    def one(batches: list, data: st.DataObject) -> None:
        play(form, batches, data)

    one()


def play(form: Form, batches: list, data: st.DataObject) -> None:
    """Run a sequence in a folder and a database of its own."""
    with tempfile.TemporaryDirectory() as name, form.lent(Path(name)) as database:

        def draw_part(paths: set[str]) -> set[str]:
            return set(data.draw(st.lists(st.sampled_from(sorted(paths)), min_size=1, max_size=3)))

        run_sequence(Path(name), database, batches, draw_part)
