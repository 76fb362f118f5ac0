"""What checks find, wherever they look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """A problem at a place; `line` and `col` are 0 for the file as a whole."""

    project_id: str
    root: Path
    path: str
    """Relative to the root, POSIX."""
    line: int
    col: int
    severity: str
    code: str
    message: str
    hint: str

    @property
    def place(self) -> Path:
        """The file on disk."""
        return self.root / self.path


@dataclass(frozen=True)
class CheckReport:
    """All findings, by project, path and place. `skipped` are files that were named and are not looked at."""

    findings: tuple[Finding, ...]
    files: int
    stories: int
    skipped: int = 0


def combined(reports: Iterable[CheckReport]) -> CheckReport:
    """Several reports, of different files, as one."""
    parts = list(reports)
    findings = [one for part in parts for one in part.findings]
    findings.sort(key=attrgetter("project_id", "root", "path", "line", "col", "code", "message"))
    return CheckReport(
        tuple(findings),
        sum(part.files for part in parts),
        sum(part.stories for part in parts),
        sum(part.skipped for part in parts),
    )
