"""`storysync check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from storysync.cli import output
from storysync.cli.options import load, near, with_app, with_json, with_one_project, with_paths

if TYPE_CHECKING:
    from storysync.jobs.project import Project

SEVERITIES = ("error", "warning", "info")
FOUND = 1


@click.command()
@with_paths
@with_app
@with_one_project
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="error",
    show_default=True,
    help="Exit 1 when there is a finding of this level or above.",
)
@with_json
def command(
    paths: tuple[str, ...],
    database: str | None,
    config: str | None,
    project: str | None,
    fail_on: str,
    as_json: bool,
) -> int:
    """List what is wrong in story files; touches no database.

    Reads the files of each PATH as `sync` would, into a scratch database, and prints one finding a line as
    `path:line:col: level code message`.

    Exit codes: 0 nothing at or above --fail-on, 1 findings.
    """
    from storysync.jobs.check import check

    app = load(database, config)
    projects = app.projects(paths, name=project)
    report = check(projects, app.settings.sqlite)
    findings = [
        {
            name: getattr(one, name)
            for name in ("project_id", "path", "line", "col", "severity", "code", "message", "hint")
        }
        for one in report.findings
    ]
    if as_json:
        data = {"files": report.files, "stories": report.stories, "findings": findings}
        output.show_document("check", data, None)
    else:
        output.say(_text(findings, projects, report.files, report.stories))
    worst = min((SEVERITIES.index(one["severity"]) for one in findings), default=len(SEVERITIES))
    return FOUND if worst <= SEVERITIES.index(fail_on) else 0


def _text(findings: list[dict[str, Any]], projects: tuple[Project, ...], files: int, stories: int) -> str:
    roots = {project.id: project.root for project in projects}
    lines = []
    for one in findings:
        path = output.clean(near(roots[one["project_id"]] / one["path"]))
        place = f"{path}:{one['line']}:{one['col']}"
        lines.append(f"{place}: {one['severity']} {one['code']} {output.clean(one['message'])}")
        if one["hint"]:
            lines.append(f"  hint: {output.clean(one['hint'])}")
    counts = [sum(one["severity"] == level for one in findings) for level in SEVERITIES]
    lines.append(
        f"{output.count(files, 'file')}, {output.count(stories, 'story', 'stories')}: "
        f"{output.count(counts[0], 'error')}, {output.count(counts[1], 'warning')}, {counts[2]} info"
    )
    return "\n".join(lines)
