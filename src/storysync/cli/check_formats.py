"""How findings look: lines for people, and workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storysync.adapters import git
from storysync.cli import output
from storysync.cli.options import current_folder, near
from storysync.jobs.findings import CheckReport, Finding

_STYLES = {"error": "31", "warning": "33", "info": "36"}
_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def base_folder() -> Path:
    """What paths for other programs are relative to: the top of git's work tree, else the current folder."""
    here = current_folder().resolve()
    return git.top_level(here) or here


def below(base: Path, place: Path) -> str | None:
    """The path from the base folder, POSIX; None for a file outside of it."""
    return place.relative_to(base).as_posix() if place.is_relative_to(base) else None


def text(findings: Sequence[Finding]) -> list[str]:
    """`path:line:col: level code message`, with a hint below."""
    lines = []
    for one in findings:
        place = f"{output.clean(near(one.place))}:{one.line}:{one.col}"
        level = output.painted(one.severity, _STYLES[one.severity])
        lines.append(f"{place}: {level} {one.code} {output.clean(one.message)}")
        if one.hint:
            lines.append(f"  hint: {output.clean(one.hint)}")
    return lines


def summary(findings: Sequence[Finding], report: CheckReport) -> str:
    """`3 files, 2 stories: 1 error, 0 warnings, 4 info`."""
    levels = [one.severity for one in findings]
    skipped = f" ({report.skipped} skipped)" if report.skipped else ""
    return (
        f"{output.count(report.files, 'file')}, {output.count(report.stories, 'story', 'stories')}{skipped}: "
        f"{output.count(levels.count('error'), 'error')}, "
        f"{output.count(levels.count('warning'), 'warning')}, {levels.count('info')} info"
    )


def github(findings: Sequence[Finding], base: Path) -> list[str]:
    """`::error file=…,line=…,col=…,title=CODE::message`, which GitHub shows beside the line.

    Escaped as GitHub's own `@actions/core` does: `%`, CR and LF everywhere, `:` and `,` in properties.
    """
    lines = []
    for one in findings:
        properties = {"file": below(base, one.place) or str(one.place)}
        if one.line:
            properties |= {"line": str(one.line), "col": str(one.col)}
        properties["title"] = one.code
        told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        message = f"{one.message} ({one.hint})" if one.hint else one.message
        lines.append(f"::{_COMMANDS[one.severity]} {told}::{_data(message)}")
    return lines


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
