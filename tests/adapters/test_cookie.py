"""The cookie's patience, without a watcher: events are handed over by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from watchdog.events import FileClosedEvent

from storysync.adapters.cookie import EVERY_S, PATIENCE_LOOKS, Cookie


@pytest.fixture
def cookie(tmp_path: Path) -> Cookie:
    made = Cookie(tmp_path / "cookies")
    made.begin()
    return made


def heard(cookie: Cookie) -> None:
    cookie.dispatch(FileClosedEvent(str(cookie.folder / "cookie")))


def test_one_is_sent_now_and_then(cookie: Cookie) -> None:
    assert cookie.look(0.0)
    assert [file.name for file in cookie.folder.iterdir()] == ["cookie"]
    heard(cookie)
    sent = []
    for second in range(0, 100, 2):
        (cookie.folder / "cookie").unlink(missing_ok=True)
        assert cookie.look(float(second))
        if (cookie.folder / "cookie").exists():
            sent.append(second)
            heard(cookie)
    assert sent == [int(EVERY_S), int(2 * EVERY_S), int(3 * EVERY_S)]


def test_patience_counts_looks_because_a_stopped_process_has_looked_at_nothing(cookie: Cookie) -> None:
    assert cookie.look(0.0)
    assert cookie.look(3600.0)  # an hour of SIGSTOP
    answers = [cookie.look(3600.0) for _ in range(PATIENCE_LOOKS)]
    assert answers == [True] * (PATIENCE_LOOKS - 1) + [False]
    heard(cookie)
    assert cookie.look(3600.0)


def test_a_new_watcher_is_not_blamed_for_the_old_one(cookie: Cookie) -> None:
    for _ in range(PATIENCE_LOOKS + 2):
        last = cookie.look(0.0)
    assert not last
    cookie.begin()
    assert cookie.look(1.0)


def test_a_cookie_that_cannot_be_written_proves_nothing_and_blames_nobody(cookie: Cookie) -> None:
    cookie.folder.rmdir()
    for second in range(0, 200, 2):
        assert cookie.look(float(second))
    assert "no cookie can be written" in cookie.error
    assert cookie.age_s(200.0) is None
    cookie.begin()
    assert cookie.look(300.0)
    assert cookie.error == ""
