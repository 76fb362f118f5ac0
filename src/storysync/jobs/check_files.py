"""What is wrong in single files, each judged for itself: nothing else is read, and there is no graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storysync.adapters import disk, git
from storysync.core.problems import severity
from storysync.core.story import Excluded, Gone, Good, Problem
from storysync.jobs import look
from storysync.jobs.findings import CheckReport, Finding, combined
from storysync.jobs.project import Project, resolve_project
from storysync.settings_load import Loaded, project_settings, root_around


def check_files(files: Sequence[Path], loaded: Loaded) -> CheckReport:
    """Judge these files (absolute) by the settings of the projects around them.

    What a project ignores or excludes is skipped although it is named, since pre-commit names whatever
    has changed; so are names that no story has, and files in no project where settings list projects.
    Raises UsageError when a project's settings cannot be used.
    """
    projects: dict[Path, Project | None] = {}
    wanted: dict[Path, tuple[Project, set[str]]] = {}
    skipped = 0
    for file in files:
        folder = file.parent.resolve()
        if folder not in projects:
            projects[folder] = _project_around(folder, loaded)
        project = projects[folder]
        if project is None:
            skipped += 1
            continue
        path = (folder / file.name).relative_to(project.root).as_posix()
        wanted.setdefault(project.root, (project, set()))[1].add(disk.stored_name(path))
    findings: list[Finding] = []
    stories = looked_at = 0
    for project, paths in wanted.values():
        noted, there, found = _judge(project, paths)
        findings += noted
        stories += found
        looked_at += there
        skipped += len(paths) - there
    return combined([CheckReport(tuple(findings), looked_at, stories, skipped)])


def _project_around(folder: Path, loaded: Loaded) -> Project | None:
    root = root_around(folder, loaded, default=git.top_level(folder) or folder)
    return None if root is None else resolve_project(project_settings(root, loaded))


def _judge(project: Project, paths: set[str]) -> tuple[list[Finding], int, int]:
    """(findings, files looked at, stories) of these files of one project."""
    reading = project.settings.reading
    todo = look.part(project.root, reading, {}, paths)
    looked = look.judge(project.root, reading, {}, todo, todo.read, force=True)
    by_path: dict[str, list[Problem]] = {path: list(found) for path, found in todo.problems.items()}
    stories = 0
    for one in looked.seen:
        if isinstance(one.found, Excluded | Gone):
            continue
        by_path.setdefault(one.path, []).extend(one.found.problems)
        stories += len(one.found.stories) if isinstance(one.found, Good) else 0
    findings = [
        Finding(project.id, project.root, path, one.line, one.col,
                severity(one.code), one.code, one.message, one.hint)
        for path, problems in by_path.items()
        for one in problems
    ]  # fmt: skip
    there = sum(not isinstance(one.found, Excluded | Gone) for one in looked.seen)
    return findings, there + len(todo.problems.keys() - {one.path for one in looked.seen}), stories
