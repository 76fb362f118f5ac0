"""What a health check says, and how it is put into words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["ok", "warn", "fail"]
RANK: dict[State, int] = {"ok": 0, "warn": 1, "fail": 2}
"""Worse is more."""
Finding = tuple[State, str]
"""The state, and the reason in one line, also when all is well."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str  # one of `health.NAMES`, as `sync:PROJECT` where it is about one project
    state: State
    reason: str  # in one line, also when ok
    latency_ms: float


@dataclass(frozen=True, slots=True)
class HealthReport:
    state: State  # the worst of the checks
    checked_at: datetime
    readable: bool  # whether any of the databases can be asked at all
    checks: tuple[Check, ...]


def worst(findings: list[Finding]) -> Finding:
    """The worst state, with every reason that is not ok; of none of them is bad the first reason."""
    bad = [finding for finding in findings if finding[0] != "ok"]
    if not bad:
        return findings[0]
    return max((state for state, _ in bad), key=RANK.__getitem__), "; ".join(reason for _, reason in bad)


def spell(age: timedelta) -> str:
    """`90 s`, `5 min`, `3 h`, `12 d`: the largest unit of which there are two; nothing is below zero."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def amount(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
