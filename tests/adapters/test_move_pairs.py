"""Both ends of a move come out as one; nothing else waits for them."""

from __future__ import annotations

import threading
import time

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, Mask, WatchDescriptor
from watchdog.observers.inotify_move_event_grouper import PathedInotifyEvent

from storysync.adapters.move_pairs import MovePairs

FROM, TO = InotifyConstants.IN_MOVED_FROM, InotifyConstants.IN_MOVED_TO
CLOSE = InotifyConstants.IN_CLOSE_WRITE


def event(mask: Mask, path: bytes, cookie: int = 0) -> PathedInotifyEvent:
    return PathedInotifyEvent(InotifyEvent(WatchDescriptor(1), mask, cookie, path), b"/root/" + path)


@pytest.fixture
def pairs() -> MovePairs:
    return MovePairs()


def test_a_pair_comes_out_at_once(pairs: MovePairs) -> None:
    gone, come = event(FROM, b"a", 7), event(TO, b"b", 7)
    pairs.put_event(gone)
    assert pairs.get_queued_moved_from_event(7) is gone
    pairs.put_event(come)
    began = time.monotonic()
    assert pairs.read_event() == (gone, come)
    assert time.monotonic() - began < pairs.delay / 2
    assert pairs.get_queued_moved_from_event(7) is None


def test_a_reader_that_waits_already_is_woken_by_the_other_end(pairs: MovePairs) -> None:
    gone, come = event(FROM, b"a", 7), event(TO, b"b", 7)
    pairs.put_event(gone)
    threading.Timer(0.05, lambda: pairs.put_event(come)).start()
    began = time.monotonic()
    assert pairs.read_event() == (gone, come)
    assert time.monotonic() - began < pairs.delay * 0.8


def test_what_was_moved_out_comes_late_and_holds_up_nothing(pairs: MovePairs) -> None:
    gone, other = event(FROM, b"a", 7), event(CLOSE, b"c")
    pairs.put_event(gone)
    pairs.put_event(other)
    began = time.monotonic()
    assert pairs.read_event() is other
    assert pairs.read_event() is gone
    assert time.monotonic() - began >= pairs.delay * 0.9


def test_what_was_moved_in_comes_alone(pairs: MovePairs) -> None:
    come = event(TO, b"b", 7)
    pairs.put_event(come)
    assert pairs.read_event() is come


def test_many_atomic_saves_are_paired_in_linear_time(pairs: MovePairs) -> None:
    """8,000 at once took watchdog's own queue half a minute, and the kernel's overflowed meanwhile."""
    began = time.monotonic()
    for number in range(50_000):
        pairs.put_event(event(CLOSE, b"x"))
        pairs.put_event(event(FROM, b"a", number + 1))
        pairs.put_event(event(TO, b"b", number + 1))
    assert time.monotonic() - began < 5
    out = [pairs.read_event() for _ in range(100_000)]
    assert sum(not isinstance(one, PathedInotifyEvent) for one in out) == 50_000


def test_the_end_wakes_the_reader_and_pending_ones_can_be_dropped(pairs: MovePairs) -> None:
    pairs.put_event(event(FROM, b"a", 7))
    pairs.put_event(event(CLOSE, b"c"))
    pairs.discard_pending_events()
    threading.Timer(0.05, pairs.close).start()
    assert pairs.read_event() is None
