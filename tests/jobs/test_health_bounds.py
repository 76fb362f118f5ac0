"""A check that hangs or raises is a failed check, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from storysync.errors import StoreError
from storysync.jobs import health_bounds
from storysync.jobs.health_bounds import NoAnswer, checked, within


@pytest.fixture
def gone() -> Iterator[threading.Event]:
    """What hangs waits for it; it is set at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()
    for thread in list(health_bounds._hanging.values()):
        thread.join()


def test_work_that_hangs_is_given_up_and_not_begun_again(
    gone: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_bounds, "LIMIT_S", 0.05)
    begun: list[int] = []

    def hang() -> str:
        begun.append(1)
        gone.wait()
        return "back"

    with pytest.raises(NoAnswer, match=r"no answer within 0\.05 s"):
        within("disk", hang)
    with pytest.raises(NoAnswer, match="earlier check"):
        within("disk", hang)
    assert len(begun) == 1
    assert within("another", lambda: "well") == "well"
    gone.set()
    health_bounds._hanging["disk"].join()
    assert within("disk", hang) == "back"


def test_a_check_that_hangs_has_failed(gone: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_bounds, "LIMIT_S", 0.05)
    check = checked("disk", lambda: within("d", lambda: ("ok", str(gone.wait()))))
    assert (check.state, check.latency_ms >= 50) == ("fail", True)
    assert check.reason == "no answer within 0.05 s; look whether its disk or its server is still there"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StoreError("it is\ntorn", hint="mend it"), "it is torn; mend it"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied"),
        (ZeroDivisionError("by zero"), "unexpected ZeroDivisionError: by zero"),
    ],
)
def test_a_check_that_raises_has_failed_with_the_words_in_one_line(error: Exception, told: str) -> None:
    def fails() -> tuple[str, str]:
        raise error

    for work in (fails, lambda: within("k", fails)):
        check = checked("database", work)  # type: ignore[arg-type]
        assert (check.state, check.reason) == ("fail", told)


def test_a_check_tells_how_long_it_took() -> None:
    def slow() -> tuple[str, str]:
        time.sleep(0.02)
        return "ok", "well"

    assert checked("files", slow).latency_ms >= 20  # type: ignore[arg-type]
