"""Make the database equal to the files of one project: look, judge, plan, write."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec

from storysync import faults
from storysync.adapters import disk, git
from storysync.core.brake import held_paths
from storysync.core.file_names import is_second_source
from storysync.core.instants import to_text
from storysync.core.plan import Indexed, KnownFile, Plan, Seen, copies_of_gone, owed_paths, plan
from storysync.core.reading import READER_VERSION
from storysync.core.story import Gone, Good
from storysync.errors import Conflict, RootLost, RowRefused, UsageError
from storysync.jobs import look
from storysync.jobs.project import Project
from storysync.jobs.sync_report import Progress, Request, SyncReport
from storysync.settings import DeletionSettings
from storysync.store import batch, indexed, mending, projects, syncs, tombstones
from storysync.store.put import Written
from storysync.store.sieve import sift
from storysync.store.store import Store
from storysync.store.tx import Tx

FIRST_LOAD_FILES = 1000
"""Files a transaction while a root is loaded for the first time; readers see its state `loading`."""
ONE_BATCH_FILES = 10_000
"""Up to so many changed files are one transaction."""
PERIODIC = "timer"
"""Trigger of the full scans of a daemon, which also give back the pages that many small batches have left."""
_LARGE = 1000
_ATTEMPTS = 3


def utc_now() -> datetime:
    return datetime.now(UTC)


def sync(
    store: Store,
    project: Project,
    *,
    trigger: str,
    deletions: DeletionSettings,
    paths: frozenset[str] | None = None,
    confirm_deletions: bool = False,
    moved: bool = False,
    reread: bool = False,
    rehash: bool = False,
    keep: frozenset[str] = frozenset(),
    cancelled_satisfies: bool = False,
    progress: Progress | None = None,
    lean: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> SyncReport:
    """Compare files with the database and write the difference, in one transaction.

    `paths` None looks at the whole root; else only at these files and folders (relative to the root, ''
    for the root itself), which deletes nothing: when something is gone that did not move, the whole root
    is looked at after all. `keep` are paths that count as present whatever the disk says. `moved` lets a
    known project be at another folder than before. `reread` reads every file, and so puts back what was
    changed by hand in the database; `rehash` reads every file too, and leaves alone what has the same
    bytes. `lean` leaves out what no finding follows from: bodies,
    metadata, criteria, labels and people.

    Raises UsageError for a project that cannot be synced as asked, RootLost when its folder is gone,
    StoreError when the database cannot be written; then nothing was changed.
    """
    request = Request(
        project, trigger, deletions, confirm_deletions, moved, keep, cancelled_satisfies, reread, progress,
        lean, rehash=rehash,
    )  # fmt: skip
    store.claim((project.id,))
    with _no_collection():
        try:
            return _repeated(store, request, now, paths)
        except RowRefused:  # by a fault of ours: find the file, and let it not stop the others
            return _repeated(store, replace(request, sift=True), now, paths)


def _repeated(
    store: Store, request: Request, now: Callable[[], datetime], paths: frozenset[str] | None
) -> SyncReport:
    """A sync that the server gives up in favour of another transaction is done again, whole."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(Conflict):
            return _synced(_Run(store, request, now), paths)
    return _synced(_Run(store, request, now), paths)


def _lean(one: Seen) -> Seen:
    if not isinstance(one.found, Good):
        return one
    stories = tuple(
        msgspec.structs.replace(story, body="", metadata="{}", criteria=(), labels=(), people=())
        for story in one.found.stories
    )
    return msgspec.structs.replace(one, found=Good(stories, one.found.problems))


def _synced(run: _Run, paths: frozenset[str] | None) -> SyncReport:
    if paths is not None and "" not in paths and not run.whole_needed:
        report = run.part(paths)
        if report is not None:
            return report
    return run.whole()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cyclic garbage collector: a sync makes many values and no cycles (a tenth of its time)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass
class _Tally:
    """What the batches of one sync add up to."""

    read: int = 0
    written: Written = field(default_factory=Written)
    held: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    sync_id: int | None = None


class _Run:
    """One call of `sync`: the facts that its steps share."""

    def __init__(self, store: Store, request: Request, now: Callable[[], datetime]) -> None:
        self.store, self.request, self.now = store, request, now
        self.project = request.project
        self.id = request.project.id
        self.reading = request.project.settings.reading
        self.started, self.at = time.monotonic(), now()
        self.reader = projects.reader_settings(
            self.project.settings, version=READER_VERSION, cancelled_satisfies=request.cancelled_satisfies
        )
        with store.snapshot() as tx:
            self.root = projects.known_root(tx, self.id)
            at_this_place = projects.project_at(tx, str(self.project.root), store.host)
        self.force = request.reread or self.root is None or self.root.settings != self.reader
        self.loading = self.root is None or self.root.state == "loading"
        self.whole_needed = (
            self.force or self.loading or (self.root is not None and self.root.state == "lost")
        )
        self._refuse_misplaced(at_this_place)
        self.identity = self._identify()
        self.head: str | None = None  # the commit of HEAD before the files were looked at
        self.tally = _Tally()

    # -- is this the project's folder? -------------------------------------------------------------------

    def _refuse_misplaced(self, at_this_place: str | None) -> None:
        place = self.project.root
        if at_this_place is not None and at_this_place != self.id:
            raise UsageError(
                f"the folder {place} is already synced as project {at_this_place!r}",
                hint=f"leave out --project, or use --project {at_this_place}",
            )
        if self.root is not None and self.root.real_path != str(place) and not self.request.moved:
            raise UsageError(
                f"project {self.id!r} is already the folder {self.root.real_path}, not {place}",
                hint="use --moved if the folder moved, else another --project NAME or another --database",
            )

    def _identify(self) -> disk.RootIdentity:
        try:
            return disk.root_identity(self.project.root)
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> RootLost:
        if self.root is not None:
            with self.store.writing() as tx:
                projects.set_state(tx, self.id, "lost")
        return RootLost(
            f"the folder {self.project.root} of project {self.id} cannot be read: {error.strerror}"
        )

    # -- a few paths -------------------------------------------------------------------------------------

    def part(self, paths: frozenset[str]) -> SyncReport | None:
        """Sync these paths; None when something is gone that did not move, which takes a look at all."""
        with self.store.snapshot() as tx:
            wanted = paths | indexed.troubled_paths(tx, self.id)
            looked, known = self._look_at(tx, wanted, {})
            believed = indexed.believed(tx, self.id, looked.seen, known)
            owed = owed_paths(believed, looked.seen)
            if owed:
                more, known = self._look_at(tx, owed, known)
                wanted |= owed
                looked.add(more)
                believed = indexed.believed(tx, self.id, looked.seen, known)
        todo_plan = plan(believed, looked.seen)
        gone = {one.path for one in looked.seen if isinstance(one.found, Gone)}
        if any(one.path in gone for one in todo_plan.remove) or any(map(is_second_source, gone)):
            return None
        faults.point("plan.made")
        with self.store.writing() as tx:
            self._write(tx, todo_plan, looked, below=wanted, first_load=False)
            batch.release(tx, self.id, looked.there)
            self._judge(tx, everything=False)
            return self._report(tx, files=len(known), full=False)

    def _look_at(
        self, tx: Tx, paths: frozenset[str], known: dict[str, KnownFile]
    ) -> tuple[look.Looked, dict[str, KnownFile]]:
        here = indexed.files_at(tx, self.id, paths)
        asked, racy_after_ns = paths - self.request.keep, self._racy_after_ns()
        todo = look.part(self.project.root, self.reading, here, asked, racy_after_ns=racy_after_ns)
        looked = self._judged(here, todo, todo.read, force=False)
        looked.seen += [one for one in look.settled(todo) if one.path not in self.request.keep]
        looked.problems = todo.problems
        looked.there = set(todo.there)
        return looked, known | here

    # -- everything --------------------------------------------------------------------------------------

    def whole(self) -> SyncReport:
        """Sync the whole root: one batch, but a first load and very large changes in several."""
        if self.request.reread:
            with self.store.writing() as tx:
                mending.prepare(tx, self.id, to_text(self.at))
        with self.store.snapshot() as tx:
            known = indexed.files(tx, self.id)
            fresh = not known and projects.is_new(tx, self.id)
        self.head = git.head_commit(self.project.root)
        todo = self._compare(known)
        in_parts = self.loading or len(todo.read) > ONE_BATCH_FILES
        if in_parts:
            with self.store.writing() as tx:
                projects.enter(tx, self.id, self.project.settings, str(self.project.root), self.store.host)
                projects.set_state(tx, self.id, "loading")
        parts = [todo.read]
        if in_parts and todo.read:
            starts = range(0, len(todo.read), FIRST_LOAD_FILES)
            parts = [todo.read[start : start + FIRST_LOAD_FILES] for start in starts]
        for part in parts[:-1]:
            self._load(part, todo, known, fresh=fresh)
        report = self._finish(parts[-1], todo, known, everything=in_parts or self.force, fresh=fresh)
        if len(todo.read) > _LARGE or self.tally.written.changed > _LARGE or self.request.trigger == PERIODIC:
            gc.collect()
            self.store.release_memory()
        return report

    def _compare(self, known: dict[str, KnownFile]) -> look.Todo:
        try:
            todo = look.whole(
                self.project.root, self.reading, known, force=self.force, racy_after_ns=self._racy_after_ns()
            )
        except OSError as error:
            raise self._lost(error) from error
        if self.root is None and not todo.files and not todo.problems:
            raise UsageError(
                f"there are no Markdown files in {self.project.root}",
                hint="name the folder that holds the stories",
            )
        if self.request.rehash:
            rest = sorted(todo.there.difference(todo.read))
            paths = self._told(rest, len(rest)) if self.request.progress else rest
            others = look.other_bytes(self.project.root, self.reading, known, todo, paths)
            todo = replace(todo, read=sorted([*todo.read, *others]))
        keep = self.request.keep
        return replace(todo, gone=[path for path in todo.gone if path not in keep]) if keep else todo

    def _racy_after_ns(self) -> int:
        return look.racy_after_ns(self.root.last_full_scan_at if self.root else None)

    def _load(self, part: list[str], todo: look.Todo, known: dict[str, KnownFile], *, fresh: bool) -> None:
        """One part of several. What is gone may yet turn up elsewhere, so it stays until the last part."""
        looked = self._read(part, todo, known)
        here = looked.seen
        gone = [one for one in look.settled(todo) if isinstance(one.found, Gone)]
        todo_plan = plan(self._believed([*here, *gone], known, fresh=fresh), [*here, *gone])
        places = {one.path for one in gone}
        todo_plan = replace(
            todo_plan, remove=tuple(one for one in todo_plan.remove if one.path not in places)
        )
        with self.store.writing() as tx:
            self._write(tx, todo_plan, looked, below=(), first_load=fresh)
            batch.forget_contents(tx, self.id, todo_plan.left)

    def _finish(
        self, part: list[str], todo: look.Todo, known: dict[str, KnownFile], *, everything: bool, fresh: bool
    ) -> SyncReport:
        """The last part, or the only one: with what is gone, and what follows for the whole project."""
        looked = self._read(part, todo, known)
        looked.seen += look.settled(todo)
        looked.problems = todo.problems
        believed = self._believed(looked.seen, known, fresh=fresh)
        copies = copies_of_gone(believed, looked.seen)
        if copies:
            looked.add(self._judged(known, todo, copies, force=True))
            believed = self._believed(looked.seen, known, fresh=fresh)
        todo_plan = plan(believed, looked.seen)
        todo_plan = self._held_back(todo_plan, looked, todo, known)
        faults.point("plan.made")
        with self.store.writing() as tx:
            projects.enter(tx, self.id, self.project.settings, str(self.project.root), self.store.host)
            self._write(tx, todo_plan, looked, below=None, first_load=fresh)
            batch.hold(tx, self.id, self.tally.held, to_text(self.at))
            self._judge(tx, everything=everything, fresh=fresh)
            self._complete(tx)
            return self._report(tx, files=todo.files, full=True)

    def _read(self, part: list[str], todo: look.Todo, known: dict[str, KnownFile]) -> look.Looked:
        paths = self._told(part, len(todo.read)) if self.request.progress else part
        return self._judged(known, todo, paths, force=self.force)

    def _judged(
        self, known: dict[str, KnownFile], todo: look.Todo, paths: Iterable[str], *, force: bool
    ) -> look.Looked:
        looked = look.judge(
            self.project.root, self.reading, known, todo, paths, force=force, lean=self.request.lean
        )
        if self.request.lean:
            looked.seen = [_lean(one) for one in looked.seen]
        if self.request.sift:
            looked.seen = sift(self.store, self.id, self.project.settings, looked.seen)
        return looked

    def _told(self, paths: list[str], total: int) -> Iterator[str]:
        """The paths, telling progress on the way."""
        assert self.request.progress is not None
        done = self.tally.read
        for path in paths:
            done += 1
            if done % 50 == 0 or done == total:
                self.request.progress(done, total)
            yield path

    def _believed(self, seen: list[Seen], known: dict[str, KnownFile], *, fresh: bool) -> Indexed:
        if fresh:
            return Indexed()
        with self.store.snapshot() as tx:
            return indexed.believed(tx, self.id, seen, known)

    # -- the brake ---------------------------------------------------------------------------------------

    def _held_back(
        self, todo_plan: Plan, looked: look.Looked, todo: look.Todo, known: dict[str, KnownFile]
    ) -> Plan:
        """Take the deletions out of the plan that look like an accident."""
        gone = set(todo.gone)
        vanished = {one.path for one in todo_plan.remove if one.path in gone}
        vanished |= {path for path in gone if is_second_source(path)}
        if not vanished or self.request.confirm_deletions:
            return todo_plan
        with self.store.snapshot() as tx:
            since = {path: datetime.fromisoformat(at) for path, at in batch.held_since(tx, self.id).items()}
        held = held_paths(
            vanished,
            explained=self._explained(),
            total=sum(one.state in ("story", "broken", "second_source") for one in known.values()),
            suspicious=self._replaced() or not todo.files,
            since=since,
            now=self.at,
            settings=self.request.deletions,
        )
        self.tally.held = held
        looked.seen = [one for one in looked.seen if one.path not in held]
        return replace(todo_plan, remove=tuple(one for one in todo_plan.remove if one.path not in held))

    def _explained(self) -> frozenset[str]:
        """Deletions that git's history knows, since the last complete scan."""
        old = self.root.head_commit if self.root else None
        new = git.head_commit(self.project.root)
        if old is None or new is None or old == new:
            return frozenset()
        return frozenset(map(disk.stored_name, git.deleted_between(self.project.root, old, new)))

    def _replaced(self) -> bool:
        """Whether another folder stands where the root was."""
        root = self.root
        return (
            root is not None
            and root.st_ino is not None
            and (root.st_dev, root.st_ino)
            != (
                self.identity.device,
                self.identity.inode,
            )
        )

    # -- writing -----------------------------------------------------------------------------------------

    def _write(
        self, tx: Tx, todo_plan: Plan, looked: look.Looked, *, below: Iterable[str] | None, first_load: bool
    ) -> None:
        tally = self.tally
        tally.read += looked.read
        tally.later |= looked.later
        tally.unreadable |= looked.unreadable
        if tally.sync_id is None and looked.seen:
            tally.sync_id = syncs.begin(tx, self.id, self.request.trigger, to_text(self.at))
        todo = batch.Batch(
            todo_plan,
            looked.seen,
            looked.touched,
            looked.problems,
            None if below is None else frozenset(below),
        )
        tally.written.add(batch.write(tx, self._context(first_load), todo))

    def _context(self, first_load: bool) -> batch.Context:
        return batch.Context(
            self.id, self.project.settings, self.tally.sync_id or 0, to_text(self.at), first_load
        )

    def _judge(self, tx: Tx, *, everything: bool, fresh: bool = False) -> None:
        batch.judge(tx, self._context(fresh), self.tally.written, everything=everything)
        faults.point("write.after-judging")

    def _complete(self, tx: Tx) -> None:
        projects.set_reader(tx, self.id, self.reader)
        projects.set_state(tx, self.id, "live")
        projects.scanned(tx, self.id, to_text(self.at))
        if not self.tally.held:
            projects.set_identity(tx, self.id, self.identity.device, self.identity.inode)
            projects.set_head(tx, self.id, self.head)
        keep_days = self.request.deletions.keep_days
        if keep_days:
            tombstones.forget(tx, self.id, to_text(self.at - timedelta(days=keep_days)))

    def _report(self, tx: Tx, *, files: int, full: bool) -> SyncReport:
        tally, written = self.tally, self.tally.written
        if tally.sync_id is not None:
            syncs.finish(tx, tally.sync_id, to_text(self.now()), tally.read, written, len(tally.held))
        by_severity, by_code = syncs.findings(tx, self.id)
        return SyncReport(
            project_id=self.id,
            trigger=self.request.trigger,
            full=full,
            files=files,
            read=tally.read,
            created=written.created,
            updated=written.updated,
            moved=written.moved,
            removed=written.removed,
            stale=written.stale,
            held=tuple(sorted(tally.held)),
            later=tuple(sorted(tally.later)),
            unreadable=tuple(sorted(tally.unreadable)),
            broken=syncs.broken_files(tx, self.id),
            problems=by_severity,
            dangling=by_code.get("dangling-reference", 0),
            ambiguous=by_code.get("ambiguous-reference", 0),
            duration_ms=(time.monotonic() - self.started) * 1000,
            changed=bool(written.changed),
            sync_id=tally.sync_id if written.changed else None,
        )
