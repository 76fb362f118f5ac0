from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storysync.core.brake import held_paths
from storysync.settings import DeletionSettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MANY = {f"{number}.md" for number in range(40)}
SETTINGS = DeletionSettings(least=20, share=0.3, hold_s=60)


def held(vanished: set[str], **changes: object) -> frozenset[str]:
    facts = {
        "explained": set(),
        "total": 100,
        "suspicious": False,
        "since": {},
        "now": NOW,
        "settings": SETTINGS,
    }
    return held_paths(vanished, **(facts | changes))  # type: ignore[arg-type]


def test_a_few_deletions_pass() -> None:
    assert held({"a.md", "b.md"}) == frozenset()


def test_many_at_once_are_held() -> None:
    assert held(MANY) == MANY


def test_the_share_counts_in_a_large_root() -> None:
    assert held(MANY, total=1000) == frozenset()


def test_what_git_explains_passes_and_does_not_count() -> None:
    explained = set(sorted(MANY)[:30])
    assert held(MANY, explained=explained) == frozenset()
    assert held(MANY, explained=set(sorted(MANY)[:10]), total=50) == MANY - set(sorted(MANY)[:10])


def test_even_one_is_held_in_a_suspicious_root() -> None:
    assert held({"a.md"}, suspicious=True) == {"a.md"}


def test_a_second_look_after_the_wait_releases_what_was_held_then() -> None:
    since = dict.fromkeys(MANY, NOW - timedelta(seconds=61))
    assert held(MANY, since=since) == frozenset()
    assert held(MANY | {"new.md"}, since=since) == {"new.md"}


def test_a_second_look_too_soon_holds_on() -> None:
    assert held(MANY, since=dict.fromkeys(MANY, NOW - timedelta(seconds=59))) == MANY
