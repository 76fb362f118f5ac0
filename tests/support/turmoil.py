"""People, editors and git at work in one folder, at random but the same for the same seed."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from support.faulty import git

FOLDERS = ["", "one", "two", "one/deep", "caf\u00e9"]
NAMES = ["a.md", "A.md", "b.md", "c.md", "tasks.md", "e\u0301.md", "\u00e9.md", "sprint-status.yaml"]
IDS = ["A-1", "A-2", "a_02", "B-1", "C-1", "D-1"]
STATUSES = ["todo", "done", "ready", "draft", "strange"]
BRANCHES = ["main", "side", "work"]


def text_of(dice: random.Random) -> str:
    """A file: mostly a story, now and then something that is none, or is broken."""
    needs = ", ".join(dice.sample([*IDS, "Z-9"], dice.randrange(3)))
    kind = dice.random()
    if kind < 0.55:
        story_id = dice.choice(IDS)
        return (
            f"---\nid: {story_id}\ntitle: Story {story_id}\nstatus: {dice.choice(STATUSES)}\n"
            f"dependencies: [{needs}]\n---\n\n- [ ] {dice.randrange(100)}\n"
        )
    if kind < 0.7:
        title = dice.choice(["One", "Two", "Three"])
        return f"---\ntitle: {title}\nstatus: {dice.choice(STATUSES)}\n---\n\nText {dice.randrange(3)}.\n"
    if kind < 0.82:
        tasks = dice.sample(["T001", "T002", "T003", "T004"], 3)
        lines = "".join(f"- [{dice.choice(' x')}] {task} [US1] do {task}\n" for task in tasks)
        return f"# Tasks\n\n## Phase 1: Begin\n\n{lines}"
    if kind < 0.9:
        sections = "".join(
            f"### Story {number}: Part {number}\n\n**Status:** {dice.choice(STATUSES)}\n\n- [ ] x\n\n"
            for number in dice.sample([1, 2, 3], 2)
        )
        return f"# Epic 1: All\n\n{sections}"
    return dice.choice(
        ["", "---\nid: [\n---\n# A-1: x\n", "# Notes\n\nnone\n", "a:\n  A-1: done\n", "---\nid: A-1\n"]
    )


class Turmoil:
    """`root` is a git repository with three branches, and `act` does something to it."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.dice = random.Random(seed)
        self.told: list[str] = []
        root.mkdir()
        git(root, "init", "-q", "-b", "main")
        for number in range(6):
            self._put(root / FOLDERS[number % 4] / f"S-{number}.md")
        (root / "start.md").write_text("---\nid: S-1\nstatus: todo\n---\nText.\n")
        self._commit()
        for branch in BRANCHES[1:]:
            git(root, "branch", branch)

    def act(self) -> set[str]:
        """One operation; returns the paths, relative to the root, that an event could name."""
        before = self._snapshot()
        name, work = self.dice.choices(_ACTS, weights=[weight for *_, weight in _ACTS])[0][:2]
        self.told.append(name)
        try:
            work(self)
        except OSError:  # a file where a folder should be, or nothing where something was
            self.told[-1] += " (not possible)"
        after = self._snapshot()
        return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}

    def _snapshot(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for folder, folders, names in os.walk(self.root):
            if ".git" in folders:
                folders.remove(".git")
            for name in names:
                status = os.lstat(os.path.join(folder, name))
                path = os.path.relpath(os.path.join(folder, name), self.root)
                found[path] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        return found

    def _files(self) -> list[Path]:
        return [self.root / path for path in sorted(self._snapshot())]

    def _any(self) -> Path:
        files = self._files()
        return self.dice.choice(files) if files else self._place()

    def _place(self) -> Path:
        return self.root / self.dice.choice(FOLDERS) / self.dice.choice(NAMES)

    def _put(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(self.dice))

    def _commit(self) -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", f"commit {len(self.told)}", check=False)

    # -- files -----------------------------------------------------------------------------------------------

    def write(self) -> None:
        self._put(self._place())

    def edit(self) -> None:
        self._put(self._any())

    def save_by_rename(self) -> None:
        file = self._any()
        spare = file.with_name(f".{file.name}.tmp")
        spare.write_text(text_of(self.dice))
        spare.replace(file)

    def change_status(self) -> None:
        file = self._any()
        data = file.read_bytes()
        file.write_bytes(data.replace(b"status: todo", b"status: done"))

    def change_id(self) -> None:
        file = self._any()
        file.write_bytes(file.read_bytes().replace(b"id: A-", b"id: B-"))

    def truncate(self) -> None:
        file = self._any()
        data = file.read_bytes()
        file.write_bytes(data[: self.dice.randrange(len(data) + 1)])

    def mangle(self) -> None:
        with self._any().open("ab") as stream:
            stream.write(b"\xff\xfe\x00")

    def touch(self) -> None:
        os.utime(self._any())

    def rename(self) -> None:
        target = self._place()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._any().rename(target)

    def swap(self) -> None:
        one, other, spare = self._any(), self._any(), self.root / "spare"
        if one != other:
            one.rename(spare)
            other.rename(one)
            spare.rename(other)

    def copy(self) -> None:
        target = self._place()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._any(), target)

    def delete(self) -> None:
        self._any().unlink()

    def delete_and_write(self) -> None:
        file = self._any()
        file.unlink()
        self._put(file)

    def move_folder(self) -> None:
        folder = self.root / self.dice.choice(FOLDERS[1:])
        folder.rename(self.root / self.dice.choice(["new", "two/in", "One", "vendor"]))

    def delete_folder(self) -> None:
        shutil.rmtree(self.root / self.dice.choice(FOLDERS[1:]))

    def link(self) -> None:
        self._place().symlink_to("start.md")

    # -- git -------------------------------------------------------------------------------------------------

    def commit(self) -> None:
        self._commit()

    def checkout(self) -> None:
        git(self.root, "checkout", "-q", self.dice.choice(BRANCHES), check=False)

    def checkout_by_force(self) -> None:
        git(self.root, "checkout", "-qf", self.dice.choice(BRANCHES), check=False)

    def stash(self) -> None:
        git(self.root, "stash", "-qu", check=False)

    def unstash(self) -> None:
        git(self.root, "stash", "pop", "-q", check=False)

    def merge(self) -> None:
        self._commit()
        git(self.root, "merge", "-q", "--no-edit", self.dice.choice(BRANCHES), check=False)
        self._end_conflict("merge")

    def rebase(self) -> None:
        self._commit()
        git(self.root, "rebase", "-q", self.dice.choice(BRANCHES), check=False)
        self._end_conflict("rebase")

    def _end_conflict(self, command: str) -> None:
        """Abort, or commit the marks of the conflict into the files, as people do by mistake."""
        conflict = git(self.root, "ls-files", "-u")
        if conflict and self.dice.random() < 0.5:
            self._commit()
            if command == "rebase":
                git(self.root, "rebase", "--skip", check=False)
        git(self.root, command, "--abort", check=False)

    def reset(self) -> None:
        git(self.root, "reset", "-q", "--hard", self.dice.choice(["HEAD", "HEAD~1"]), check=False)

    def clean(self) -> None:
        git(self.root, "clean", "-qfd", check=False)

    def collect_garbage(self) -> None:
        git(self.root, "gc", "-q", "--prune=now", check=False)


_ACTS: list[tuple[str, Callable[[Turmoil], None], int]] = [
    ("write", Turmoil.write, 8), ("edit", Turmoil.edit, 8), ("save by rename", Turmoil.save_by_rename, 4),
    ("change status", Turmoil.change_status, 5), ("change id", Turmoil.change_id, 3),
    ("truncate", Turmoil.truncate, 2), ("mangle", Turmoil.mangle, 2), ("touch", Turmoil.touch, 2),
    ("rename", Turmoil.rename, 5), ("swap", Turmoil.swap, 3), ("copy", Turmoil.copy, 4),
    ("delete", Turmoil.delete, 4), ("delete and write", Turmoil.delete_and_write, 3),
    ("move folder", Turmoil.move_folder, 3), ("delete folder", Turmoil.delete_folder, 1),
    ("link", Turmoil.link, 1), ("commit", Turmoil.commit, 4), ("checkout", Turmoil.checkout, 4),
    ("checkout by force", Turmoil.checkout_by_force, 3), ("stash", Turmoil.stash, 3),
    ("unstash", Turmoil.unstash, 3), ("merge", Turmoil.merge, 3), ("rebase", Turmoil.rebase, 2),
    ("reset", Turmoil.reset, 2), ("clean", Turmoil.clean, 1),
    ("collect garbage", Turmoil.collect_garbage, 1),
]  # fmt: skip
