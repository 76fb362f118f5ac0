"""`storysync check`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from storysync.cli import output
from storysync.cli.options import load, with_app, with_one_project, with_paths

if TYPE_CHECKING:
    from storysync.app import App
    from storysync.jobs.findings import CheckReport, Finding

SEVERITIES = ("error", "warning", "info")
LEVELS = (*SEVERITIES, "never")
FORMATS = ("text", "json", "sarif", "github")
FOUND = 1


@click.command()
@with_paths
@with_app
@with_one_project
@click.option("--format", "form", type=click.Choice(FORMATS), help="How findings are printed; default: text.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, as --format json.")
@click.option(
    "--fail-on", type=click.Choice(LEVELS), help="Exit 1 from this level on; default: `check.fail_on`, error."
)
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too, as --fail-on warning.")
@click.option(
    "--select", multiple=True, metavar="CODE", help="Report only these codes; a glob, commas, repeated."
)
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave these codes out; wins over --select.")
@click.option("--no-cache", is_flag=True, help="Read all files again, and keep nothing for the next check.")
def command(
    paths: tuple[str, ...],
    database: str | None,
    config: str | None,
    project: str | None,
    form: str | None,
    as_json: bool,
    fail_on: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    no_cache: bool,
) -> int:
    """List what is wrong in story files; touches no database.

    A PATH that is a folder is read as `sync` would, with all references. Of a PATH that is a file only that
    file is read and judged, by the settings of the project around it; what those exclude or ignore is
    skipped. Text is one finding a line, as `path:line:col: level code message`.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong arguments.
    """
    form = _form(form, as_json=as_json)
    if strict and fail_on:
        raise click.UsageError("--strict and --fail-on say two things", click.get_current_context())
    app = load(database, config)
    given = app.settings.check
    fail_on = "warning" if strict else fail_on or given.fail_on
    wanted = _wanted(app, select, ignore)
    report = _report(app, paths, project, cached=not no_cache)
    findings = [one for one in report.findings if one.code in wanted]
    _print(form, findings, report, wanted)
    worst = min((SEVERITIES.index(one.severity) for one in findings), default=len(SEVERITIES))
    return FOUND if fail_on != "never" and worst <= SEVERITIES.index(fail_on) else 0


def _form(form: str | None, *, as_json: bool) -> str:
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} say two things", click.get_current_context())
    return "json" if as_json else form or "text"


def _wanted(app: App, select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    """The codes to report. Each option replaces the setting of its name."""
    from storysync.core.code_choice import chosen, codes_of
    from storysync.errors import UsageError

    given = app.settings.check
    for name, entries in (("select", given.select), ("ignore", given.ignore)):
        try:
            codes_of(entries)
        except UsageError as error:
            place = app.loaded.origin(f"check.{name}")
            raise UsageError(f"setting `check.{name}` in {place}: {error}", hint=error.hint) from error
    return chosen(select or given.select, ignore or given.ignore)


def _report(app: App, paths: tuple[str, ...], name: str | None, *, cached: bool) -> CheckReport:
    from storysync.jobs.findings import combined
    from storysync.state import absolute_path, cache_directory

    if "" in paths:
        raise click.UsageError("a PATH is empty", click.get_current_context())
    places = {path: absolute_path(path, app.cwd) for path in paths}
    files = {path: place for path, place in places.items() if _is_file(place)}
    folders = [path for path in paths if path not in files]
    reports = []
    roots: tuple[Path, ...] = ()
    if folders or not files:
        from storysync.jobs.check import check

        projects = app.projects(folders, name=name)
        roots = tuple(one.root for one in projects)
        cache = cache_directory(os.environ) if cached else None
        reports.append(check(projects, app.settings.sqlite, cache / "check" if cache else None))
    alone = [
        place
        for place in files.values()
        if not any(place.parent.resolve().is_relative_to(root) for root in roots)
    ]
    if alone:
        from storysync.jobs.check_files import check_files

        reports.append(check_files(alone, app.loaded))
    return combined(reports)


def _is_file(path: Path) -> bool:
    """Whether a name stands for something that is no folder: a file, a link, a pipe."""
    try:
        path.lstat()
        return not path.is_dir()
    except OSError:
        return False


def _print(form: str, findings: list[Finding], report: CheckReport, wanted: frozenset[str]) -> None:
    from storysync.cli import check_formats

    if form == "json":
        fields = ("project_id", "path", "line", "col", "severity", "code", "message", "hint")
        told = [{name: getattr(one, name) for name in fields} for one in findings]
        data = {
            "files": report.files, "stories": report.stories, "skipped": report.skipped, "findings": told
        }  # fmt: skip
        output.show_document("check", data, None)
    elif form == "sarif":
        from storysync.cli import check_sarif

        output.show_json(check_sarif.log(findings, wanted, check_formats.base_folder()))
    else:
        lines = check_formats.text(findings)
        if form == "github":
            lines = check_formats.github(findings, check_formats.base_folder())
        output.say("\n".join([*lines, check_formats.summary(findings, report)]))
