from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import pytest

from storysync.adapters.inbox import MAX_REQUESTS, Inbox, Request
from storysync.core.settle import Batch, Kind
from storysync.errors import StorysyncError
from storysync.settings import WatchSettings

LONG_S = 20.0


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(WatchSettings(settle_ms=1, batch_ms=2, max_wait_s=1), ["demo", "other"])


def wakes(inbox: Inbox, act: Callable[[], object], held: frozenset[str] = frozenset()) -> bool:
    """Whether `act`, done by another thread, ends a long sleep."""
    thread = threading.Thread(target=lambda: (time.sleep(0.05), act()))
    started = time.monotonic()
    thread.start()
    inbox.wait(1.0 if held else LONG_S, held)
    slept_s = time.monotonic() - started
    thread.join()
    return slept_s < (0.9 if held else LONG_S - 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda inbox: inbox.touch("demo", Kind.CONTENT, "a.md"),
        lambda inbox: inbox.touch("demo", Kind.GONE, "a.md"),
        lambda inbox: inbox.lose(),
        lambda inbox: inbox.put(Request("sync")),
        lambda inbox: inbox.wake(),
        lambda inbox: inbox.stop(),
    ],
    ids=["content", "gone", "overflow", "request", "wake", "stop"],
)
def test_news_end_the_sleep(inbox: Inbox, act: Callable[[Inbox], object]) -> None:
    assert wakes(inbox, lambda: act(inbox))


def test_news_of_a_held_root_do_not(inbox: Inbox) -> None:
    assert not wakes(inbox, lambda: inbox.touch("demo", Kind.NOW, "a.md"), held=frozenset({"demo"}))


def test_there_is_no_sleep_while_something_is_due(inbox: Inbox) -> None:
    inbox.touch("demo", Kind.NOW, "a.md")
    inbox.wait(LONG_S)
    assert inbox.take() == Batch("demo", frozenset({"a.md"}))
    inbox.put(Request("sync"))
    inbox.wait(LONG_S)
    assert inbox.pop() is not None
    assert inbox.pop() is None


def test_paths_of_one_call_belong_together(inbox: Inbox) -> None:
    inbox.touch("demo", Kind.CONTENT, "old.md", "new.md")
    assert inbox.take() == Batch("demo", frozenset({"old.md", "new.md"}))


def test_lost_events_make_roots_dirty_as_a_whole(inbox: Inbox) -> None:
    inbox.lose(["demo"])
    assert (inbox.dirty("demo"), inbox.dirty("other"), inbox.losses) == (1, 0, 1)
    inbox.lose()
    inbox.wait(LONG_S)
    assert {inbox.take(), inbox.take()} == {Batch("demo", None), Batch("other", None)}


def test_requests_are_bounded(inbox: Inbox) -> None:
    for _ in range(MAX_REQUESTS):
        inbox.put(Request("sync"))
    with pytest.raises(StorysyncError, match="too busy"):
        inbox.put(Request("sync"))


def test_a_request_that_waits_already_is_not_put_again(inbox: Inbox) -> None:
    for _ in range(3):
        inbox.put(Request("backup"), unless_waiting=True)
    assert inbox.pop() is not None
    assert inbox.pop() is None


def test_nothing_is_accepted_after_stop(inbox: Inbox) -> None:
    inbox.stop()
    assert inbox.stopping
    with pytest.raises(StorysyncError, match="stopping"):
        inbox.put(Request("sync"))


def test_a_million_events_take_bounded_memory_and_no_tokens(inbox: Inbox) -> None:
    for number in range(1_000_000 // 20):
        inbox.touch("demo", Kind.CREATED, *(f"d{number % 300}/{number}-{one}.md" for one in range(20)))
    assert inbox.dirty("demo") == 1
    assert inbox._wake.empty()


def test_a_signal_may_stop_it_in_the_middle_of_a_stop(inbox: Inbox) -> None:
    """Two signals in a row, or one during the daemon's own stop, run the handler inside of itself."""

    def stop_within_stop() -> None:
        def at_every_call(frame: object, event: str, argument: object) -> None:
            sys.setprofile(None)
            inbox.stop()
            sys.setprofile(at_every_call)

        sys.setprofile(at_every_call)
        inbox.stop()

    thread = threading.Thread(target=stop_within_stop, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert inbox.stopping
