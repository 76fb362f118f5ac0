"""Floor 0: faults on purpose, at named points, so that tests see what happens then. Off in normal use.

    STORYSYNC_TESTING=faults STORYSYNC_FAULTS='write.before-commit=kill:3,read.file=raise:OSError@0.01,seed=7'

A rule is POINT=ACTION, where POINT may be a pattern (`write.*`, `*`), and says when: `:N` once, at the N-th
passage of what the pattern matches (1 if nothing is said); `@SHARE` at each passage with that probability,
drawn from `seed`. Actions: `kill` (SIGKILL of this process), `raise:CLASS` (of Python or `storysync.errors`),
`enospc` (OSError: no space left), `hang` for ever or `hang:0.5s`, and for `watch.event` alone `lose`,
`double` and `late` (delivered after the next one).

Both variables are read once, when this is imported; without the second the first is ignored, aloud.
"""

from __future__ import annotations

import builtins
import errno
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from storysync import errors
from storysync.errors import UsageError

POINTS = {
    "watch.follow": "a root is about to be put under watch",
    "watch.read": "an event was read from the kernel's queue",
    "watch.emit": "an event of the watcher leaves the queue of its root",
    "watch.event": "an event of the watcher is about to become dirty paths",
    "scheduler.beat": "APScheduler has run the job that shows that it moves",
    "batch.taken": "the daemon has taken a batch and is about to sync it",
    "scan.begin": "the whole root is about to be listed",
    "read.file": "a story file is open and about to be read",
    "plan.made": "the difference is known and nothing of it written",
    "write.before-begin": "a transaction is about to begin",
    "write.after-begin": "it has begun",
    "write.after-stories": "stories are written, their files not",
    "write.after-files": "files are written, their problems not",
    "write.after-problems": "problems are written, references not judged",
    "write.after-judging": "references, cycles and ids are judged",
    "write.before-commit": "all is written and not committed",
    "write.after-commit": "it is committed and nobody was told",
    "create.before-commit": "a new database has its tables, not committed",
    "create.after-commit": "a new database has its tables and no rows",
    "migrate.after-begin": "the transaction of a migration has begun",
    "migrate.before-commit": "a migration is made and not committed",
    "migrate.after-commit": "a migration is committed and nobody was told",
    "backup.before-copy": "an empty file stands for the backup",
    "backup.after-copy": "the copy is made, not compressed and not verified",
    "backup.after-compress": "it is compressed, and the copy still there",
    "backup.before-rename": "the backup is verified and has no name of its own yet",
    "backup.between-renames": "its data has its name, its manifest not",
    "backup.after-rename": "the backup stands and is not noted",
    "restore.before-aside": "what is restored lies whole beside the database, under a name of its own",
    "restore.after-aside": "the old database has a second name",
    "restore.before-swap": "nothing lies beside the old database any more",
    "restore.after-swap": "the restored database stands in its place, and nobody was told",
    "recover.found": "the database was found damaged and nothing done about it",
    "recover.before-note": "another database lies beside it, and does not say yet why",
}
"""Name -> what has happened there. A test keeps it in step with the source."""

ON_EVENTS = frozenset({"lose", "double", "late"})
_ACTIONS = ON_EVENTS | {"kill", "raise", "enospc", "hang"}
_EVENTS = "watch.event"
_FOR_EVER_S = 1e6

T = TypeVar("T")


@dataclass
class _Rule:
    pattern: str
    action: str
    what: str
    number: int  # at which passage; 0: at each one, with the probability `share`
    share: float
    passages: int = 0

    def due(self, name: str, dice: random.Random) -> bool:
        if not fnmatchcase(name, self.pattern):
            return False
        self.passages += 1
        return self.passages == self.number if self.number else dice.random() < self.share


class _Faults:
    """What is armed. Threads may pass points at once; counts are exact within a thread only."""

    def __init__(self, rules: list[_Rule], seed: int) -> None:
        self._rules = rules
        self._dice = random.Random(seed)
        self._late: list[object] = []

    def point(self, name: str) -> None:
        for rule in self._rules:
            if rule.action not in ON_EVENTS and rule.due(name, self._dice):
                _act(rule, name)

    def deliveries(self, event: T) -> tuple[T, ...]:
        self.point(_EVENTS)
        due = {
            rule.action for rule in self._rules if rule.action in ON_EVENTS and rule.due(_EVENTS, self._dice)
        }
        if "lose" in due:
            return ()
        if "late" in due:
            self._late.append(event)
            return ()
        held, self._late = self._late, []
        return (event, *([event] if "double" in due else []), *held)  # type: ignore[arg-type]


def _nothing(name: str) -> None:
    """What a point is in normal use."""


def _as_it_is(event: T) -> tuple[T, ...]:
    return (event,)


point: Callable[[str], None] = _nothing
"""Pass a point of `POINTS`. Does nothing unless a rule is due there."""

_deliveries: Callable[[object], tuple[object, ...]] = _as_it_is


def deliveries(event: T) -> tuple[T, ...]:
    """How often, and after which other ones, an event of the watcher is to be delivered."""
    return _deliveries(event)  # type: ignore[return-value]


@contextmanager
def armed(text: str) -> Iterator[None]:
    """The rules in this process until the end of the block. Raises UsageError for what is no rule."""
    _arm(parsed(text))
    try:
        yield
    finally:
        _disarm()


def parsed(text: str) -> _Faults:
    """Raises UsageError that names the part which is wrong."""
    rules: list[_Rule] = []
    seed = 0
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, told = part.partition("=")
        try:
            if name == "seed":
                seed = int(told)
            else:
                rules.append(_rule(name, told))
        except ValueError as error:
            raise UsageError(f"{part!r} is no fault: {error}", hint="see storysync/faults.py") from error
    return _Faults(rules, seed)


def _rule(name: str, told: str) -> _Rule:
    if not any(fnmatchcase(known, name) for known in POINTS):
        raise ValueError(f"there is no point {name!r}")
    told, at, share = told.partition("@")
    action, *words = told.split(":")
    if action not in _ACTIONS:
        raise ValueError(f"there is no action {action!r}")
    if action in ON_EVENTS and name != _EVENTS:
        raise ValueError(f"{action} is for {_EVENTS} only")
    number = 0 if at else (int(words.pop()) if words and words[-1].isdecimal() else 1)
    what = words.pop(0) if words else ""
    if words:
        raise ValueError(f"{words[0]!r} is one word too many")
    if action == "raise":
        _error_of(what)
    elif action == "hang" and what:
        float(what.removesuffix("s"))
    elif what:
        raise ValueError(f"{action} takes no word")
    return _Rule(name, action, what, number, float(share) if at else 0.0)


def _error_of(name: str) -> type[Exception]:
    found = getattr(errors, name, None) or getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        raise ValueError(f"there is no error {name!r}")
    return found


def _act(rule: _Rule, name: str) -> None:
    if rule.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if rule.action == "raise":
        raise _error_of(rule.what)(f"injected at {name}")
    if rule.action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    time.sleep(float(rule.what.removesuffix("s")) if rule.what else _FOR_EVER_S)


def _arm(faults: _Faults) -> None:
    global point, _deliveries
    point, _deliveries = faults.point, faults.deliveries


def _disarm() -> None:
    global point, _deliveries
    point, _deliveries = _nothing, _as_it_is


def _arm_from(environ: Mapping[str, str]) -> None:
    text = environ.get("STORYSYNC_FAULTS")
    if not text:
        return
    if environ.get("STORYSYNC_TESTING") != "faults":
        sys.stderr.write("storysync: STORYSYNC_FAULTS is ignored: it is for tests of storysync only\n")
        return
    try:
        _arm(parsed(text))
    except UsageError as error:
        sys.stderr.write(f"storysync: {error}\n")
        raise SystemExit(2) from error


_arm_from(os.environ)
