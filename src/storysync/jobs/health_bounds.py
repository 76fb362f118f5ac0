"""A check may hang, as on a network disk that is gone: it gets a thread of its own, and so much time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from storysync.errors import StorysyncError
from storysync.jobs.health_report import Check, Finding

LIMIT_S = 5.0

T = TypeVar("T")

_hanging: dict[str, threading.Thread] = {}
"""Work that has not come back in time, by its key: it is not begun once more before it does."""


class NoAnswer(StorysyncError):
    """Work did not end in time; its thread is left behind."""

    hint = "look whether its disk or its server is still there"


def within(key: str, work: Callable[[], T]) -> T:
    """What `work` returns or raises. Raises NoAnswer when it takes longer than `LIMIT_S`."""
    left = _hanging.get(key)
    if left is not None and left.is_alive():
        raise NoAnswer("no answer to the question of an earlier check yet")
    _hanging.pop(key, None)
    answer: list[T] = []
    refusal: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below, by whoever asked
            refusal.append(error)

    thread = threading.Thread(target=run, name=f"check-{key}", daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    if refusal:
        raise refusal[0]
    if not answer:
        _hanging[key] = thread
        raise NoAnswer(f"no answer within {LIMIT_S:g} s")
    return answer[0]


def checked(name: str, work: Callable[[], Finding]) -> Check:
    """A check that has nobody to wait for. One that raises has failed."""
    started = time.perf_counter()
    try:
        state, reason = work()
    except Exception as error:  # noqa: BLE001 - a check that raises is a failed check
        state, reason = "fail", told(error)
    return Check(name, state, " ".join(reason.split()), round((time.perf_counter() - started) * 1000, 3))


def told(error: Exception) -> str:
    """An error in one line, with what to do about it."""
    if isinstance(error, StorysyncError):
        return f"{error}; {error.hint}" if error.hint else str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return f"unexpected {type(error).__name__}: {error}"
