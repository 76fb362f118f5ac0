"""A part of the daemon hangs: systemd gets no sign of life, ends it with a traceback and starts it again.

Row 39 of the fault matrix.
"""

from __future__ import annotations

import pytest

from support.service import UNIT, Service, wait

pytestmark = [pytest.mark.systemd, pytest.mark.long]

WATCHER_S = 240.0
"""It is replaced twice before it is given up, each time after its cookie did not come back."""


def ended_by_watchdog(service: Service, patience_s: float = 60.0) -> None:
    def over() -> bool:
        return "watchdog" in service.journal().casefold() and int(service.shown("NRestarts")) >= 1

    wait(over, lambda: f"{service.shown('NRestarts')} restarts\n{service.journal('-n', '60')}", patience_s)


def recovers(service: Service) -> None:
    service.unchange()
    service.story("B-9")
    service.await_story("B-9")
    wait(lambda: service.shown("ActiveState") == "active", service.journal)
    service.verified()


def traceback_of(service: Service) -> str:
    """What faulthandler has written: the stacks of all threads."""
    text = service.journal()
    assert "Fatal Python error: Aborted" in text, text[-3000:]
    return text[text.index("Fatal Python error") :]


def test_main_loop_hangs(service: Service) -> None:
    service.inject("batch.taken=hang:2")  # the first is the scan at start
    service.restart()
    service.story("B-1")
    ended_by_watchdog(service)
    assert "_sync_batch" in traceback_of(service)
    recovers(service)
    assert service.stories() == ["A-1", "B-1", "B-9"]


def test_writer_hangs_within_a_transaction(service: Service) -> None:
    service.inject("write.after-stories=hang:2")
    service.restart()
    service.story("B-1")
    service.await_story("B-1")
    service.story("B-2")
    ended_by_watchdog(service)
    assert "Current thread" in traceback_of(service)
    recovers(service)
    assert service.stories() == ["A-1", "B-1", "B-2", "B-9"]


def test_scheduler_hangs(service: Service) -> None:
    service.inject("scheduler.beat=hang@1")
    service.restart()
    ended_by_watchdog(service)
    assert "scheduler" in traceback_of(service)
    assert "pulse.stopped" in service.journal()
    recovers(service)


def test_watcher_hangs_and_so_does_the_one_in_its_place(service: Service) -> None:
    service.inject("watch.read=hang@1")
    service.restart()
    service.story("B-1")
    ended_by_watchdog(service, WATCHER_S)
    assert "watch.died" in service.journal()
    traceback_of(service)
    recovers(service)
    assert service.stories() == ["A-1", "B-1", "B-9"]


def test_a_stopped_process_is_replaced(service: Service) -> None:
    service.inject("seed=1")
    service.restart()
    before = service.pid
    service.systemctl("kill", "--signal=STOP", UNIT)
    wait(lambda: service.pid not in (0, before), service.journal)
    recovers(service)
