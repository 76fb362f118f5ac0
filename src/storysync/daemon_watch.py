"""How well each root is followed: what the watcher cannot see is polled, and a watcher that died is replaced.

Used by the main loop only, every few seconds, but for plain reads by `status`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from storysync.adapters.inbox import Inbox
from storysync.adapters.mounts import remote_mounts
from storysync.adapters.watch import Watcher
from storysync.adapters.watch_coverage import Coverage, tops, why_missed, why_refused
from storysync.adapters.watch_marks import Watched
from storysync.core.ignoring import pruner
from storysync.core.settle import WHOLE_ROOT, Kind
from storysync.daemon_root import RootKeeper

END_S = 3.0  # the longest that a stop of the daemon waits for threads that hang
POLL_SHARE = 0.1  # of the time that polling may take
CHECK_S = 300.0  # between walks that compare watches and folders, when all is well
LONGEST_CHECK_S = 60.0  # when something was refused: beginning with the time between polls, doubling

log = structlog.get_logger()


@dataclass
class _Root:
    """What is known of the watching of one root; times in monotonic seconds."""

    coverage: Coverage = field(default_factory=Coverage)
    refusal: OSError | None = None  # why the root is not watched at all
    remote: dict[str, str] = field(default_factory=dict)  # part of the root -> type of its file system
    kinds: frozenset[object] = frozenset()  # which sorts of trouble the log has told of
    overflows: int = 0
    restarts: int = 0
    checked_at: float = float("-inf")
    check_s: float = CHECK_S
    poll_at: float = float("-inf")

    @property
    def polled(self) -> frozenset[str]:
        """The parts that must be looked at without being told; '' for all of it."""
        return tops([WHOLE_ROOT] if self.refusal else [*self.coverage.missed, *self.remote])


class WatchKeeper:
    """The watcher and its supervision."""

    def __init__(
        self,
        keepers: Mapping[str, RootKeeper],
        inbox: Inbox,
        cookie_folder: Path,
        poll_s: float,
        scan: Callable[[RootKeeper, str], None],
        changed: Callable[[RootKeeper], None],
    ) -> None:
        """`scan` asks for a full scan with a trigger; `changed` is told that the state of a root did."""
        self._keepers = keepers
        self._inbox = inbox
        self._poll_s = poll_s
        self._scan = scan
        self._changed = changed
        self._roots = {root_id: _Root() for root_id in keepers}
        self._revive_at = float("-inf")
        self._deaf = False
        self._replaced_at = float("-inf")
        self._replacements = 0  # since it was last proved that the watcher hears
        self._cookie_error = ""
        self.watcher = Watcher([_watched(keeper) for keeper in keepers.values()], inbox, cookie_folder)

    def start(self) -> None:
        self._begun(self.watcher.start(), time.monotonic())

    def stop(self) -> None:
        self.watcher.stop(END_S)

    def alive(self) -> bool:
        """Whether all threads of the watcher run, and the last cookie came back in time."""
        return not self._deaf and self.watcher.alive()

    def hopeless(self) -> bool:
        """Whether the watcher was replaced, and the one in its place is dead or deaf as well.

        Where no root can be watched at all, and all is polled, it is not needed.
        """
        return self._replacements > 1

    def restarts(self) -> int:
        """How often a root was watched anew."""
        return sum(root.restarts for root in self._roots.values())

    def polled(self) -> int:
        """How many parts of roots are polled."""
        return sum(len(root.polled) for root in self._roots.values())

    def cookie_age_s(self) -> float | None:
        """Since it was last proved that events arrive; None before the first proof."""
        return self.watcher.cookie_age_s()

    def overflows(self) -> int:
        """How often the kernel's queue was too short since the start."""
        return max(self.watcher.overflows.values(), default=0)

    def take_ended(self, keeper: RootKeeper) -> bool:
        """Whether the root's folder was deleted or unmounted since the last call."""
        return self.watcher.take_ended(keeper.id)

    def forget(self, keeper: RootKeeper) -> None:
        """The root is lost."""
        self.watcher.forget(keeper.id)
        self._roots[keeper.id].refusal = None

    def follow(self, keeper: RootKeeper) -> None:
        """Watch a root anew: it is back, or what refused it may have gone."""
        self._follow(keeper, time.monotonic())

    def look(self, now: float) -> None:
        """Everything that the watcher does not say of itself."""
        self._look_at_threads(now)
        for keeper in self._keepers.values():
            if keeper.state != "lost":
                self._look_at(keeper, now)

    def told(self, keeper: RootKeeper) -> dict[str, Any]:
        """For `status`: watches set and needed, what went wrong so far, age of the last proof of life."""
        root = self._roots[keeper.id]
        missed = self.watcher.missed(keeper.id)
        registered = self.watcher.registered(keeper.id)
        age_s = self.watcher.cookie_age_s()
        return {
            "registered": registered,
            "expected": max(registered + len(missed), root.coverage.expected if root.refusal else 0),
            "polled": sorted(root.polled),
            "overflows": self.watcher.overflows[keeper.id],
            "restarts": root.restarts,
            "cookie_age_s": None if age_s is None else round(age_s, 1),
        }

    def _look_at_threads(self, now: float) -> None:
        heard = self.watcher.hears(now)
        dead = self.watcher.dead()
        self._tell_cookie_error()
        self._deaf = not heard
        if heard and not dead and self._proved():
            self._replacements = 0
        if (heard and not dead) or now < self._revive_at:
            return
        self._revive_at = now + self._poll_s
        began = not all(root.refusal for root in self._roots.values())
        self._replacements = self._replacements + 1 if began else 0
        self._replaced_at = time.monotonic()
        if began:
            log.error("watch.died", parts=dead or ["cookie"], times=self._replacements)
        self.watcher.stop()
        failed = self.watcher.start()
        self._deaf = False
        for root in self._roots.values():
            root.restarts += 1
        self._begun(failed, now)
        for keeper in self._keepers.values():
            if began or keeper.id not in failed:
                self._scan(keeper, "watch-restart")

    def _proved(self) -> bool:
        """Whether a cookie came back since the last replacement; where none can be written, nothing is."""
        age_s = self.watcher.cookie_age_s()
        return bool(self.watcher.cookie_error) or (
            age_s is not None and time.monotonic() - age_s >= self._replaced_at
        )

    def _tell_cookie_error(self) -> None:
        error = self.watcher.cookie_error
        if error and error != self._cookie_error:
            log.warning("watch.unproven", error=error)
        self._cookie_error = error

    def _begun(self, failed: dict[str, OSError], now: float) -> None:
        for keeper in self._keepers.values():
            self._roots[keeper.id].refusal = failed.get(keeper.id)
            if keeper.state == "lost":
                self.watcher.forget(keeper.id)
            else:
                self._check(keeper, now)

    def _follow(self, keeper: RootKeeper, now: float) -> None:
        root = self._roots[keeper.id]
        try:
            self.watcher.follow(keeper.id)
            root.refusal = None
            root.restarts += 1
        except OSError as error:
            root.refusal = error
        self._check(keeper, now)

    def _look_at(self, keeper: RootKeeper, now: float) -> None:
        root = self._roots[keeper.id]
        overflows = self.watcher.overflows[keeper.id]
        overflowed = overflows != root.overflows
        if overflowed:
            root.overflows = overflows
            log.warning("watch.overflowed", project=keeper.id, times=overflows)
        since_s = now - root.checked_at
        refused = self.watcher.missed(keeper.id).keys() != root.coverage.missed.keys()
        if overflowed or since_s >= root.check_s or (refused and since_s >= self._poll_s):
            if root.refusal:
                self._follow(keeper, now)
            else:
                self._check(keeper, now)
        if root.polled and now >= root.poll_at:
            self._poll(keeper, root, now)

    def _check(self, keeper: RootKeeper, now: float) -> None:
        """Compare the watches with the folders, set those that lack, and judge how the root is followed."""
        root = self._roots[keeper.id]
        if root.refusal is None:
            try:
                root.coverage = self.watcher.check(keeper.id)
            except OSError as error:
                self.watcher.forget(keeper.id)
                root.refusal = error
        root.remote = remote_mounts(keeper.project.root)
        poor = root.refusal is not None or bool(root.coverage.missed)
        again_s = min(LONGEST_CHECK_S, root.check_s * 2) if root.check_s < CHECK_S else self._poll_s
        root.check_s = again_s if poor else CHECK_S
        root.checked_at = now
        self._judge(keeper, root, now)

    def _judge(self, keeper: RootKeeper, root: _Root, now: float) -> None:
        reasons = [why_refused(root.refusal)] if root.refusal else []
        reasons += [] if root.refusal else why_missed(root.coverage.missed, root.coverage.expected)
        reasons += [_remote(path, kind) for path, kind in sorted(root.remote.items())]
        before = keeper.state
        if reasons:
            keeper.state = "degraded"
        elif keeper.state == "degraded":
            keeper.state = "live"
        keeper.reason = "; ".join(reasons)
        missed = frozenset() if root.refusal else frozenset(root.coverage.missed.values())
        refused = root.refusal and (root.refusal.errno or str(root.refusal))  # not all have a number
        kinds = frozenset({*missed, *root.remote.items(), refused} - {None})
        if reasons and kinds != root.kinds:
            log.warning("root.degraded", project=keeper.id, reason=keeper.reason, poll_s=self._poll_s)
        elif root.kinds and not reasons:
            log.info("root.recovered", project=keeper.id, watches=root.coverage.registered)
            self._scan(keeper, "recovered")
        if not root.kinds:
            root.poll_at = now + self._poll_s
        root.kinds = kinds
        if keeper.state != before:
            self._changed(keeper)

    def _poll(self, keeper: RootKeeper, root: _Root, now: float) -> None:
        """Have the parts looked at that nothing reports of."""
        last_s = keeper.last.duration_ms / 1000 if keeper.last else 0.0
        root.poll_at = now + max(self._poll_s, last_s / POLL_SHARE)
        if WHOLE_ROOT in root.polled:
            self._scan(keeper, "poll")
        else:
            self._inbox.touch(keeper.id, Kind.NOW, *root.polled)


def log_dead_threads() -> None:
    """Have an exception that ends a thread logged, and not only printed."""

    def tell(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_type is SystemExit:
            return
        name = ended.thread.name if ended.thread else "unknown"
        error = ended.exc_value or ended.exc_type()
        log.error("thread.died", thread=name, error=str(error) or type(error).__name__, exc_info=error)

    threading.excepthook = tell


def _watched(keeper: RootKeeper) -> Watched:
    project = keeper.project
    return Watched(project.id, project.root, pruner(project.settings.reading.ignore))


def _remote(path: str, kind: str) -> str:
    where = f"the folder {path}" if path else "the folder"
    return f"{where} is on {kind}, where changes made elsewhere are not reported"
