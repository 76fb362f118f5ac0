"""`storysync verify`."""

from __future__ import annotations

import click
import msgspec

from storysync.cli import output
from storysync.cli.live import ask_daemon
from storysync.cli.options import load, with_app, with_json, with_one_project, with_paths
from storysync.queries.freshness import freshness

DIFFERENT = 1
HELD = 4
SHOWN = 50


@click.command()
@with_paths
@with_app
@with_one_project
@with_json
def command(
    paths: tuple[str, ...], database: str | None, config: str | None, project: str | None, as_json: bool
) -> int:
    """Rebuild from the files in a scratch database and compare.

    Compares every derived column with what the files say now; changes nothing.

    Exit codes: 0 equal, 1 different, 4 equal but for deletions that are held.
    """
    app = load(database, config)
    report = app.verify(app.projects(paths, name=project))
    if as_json:
        daemon = ask_daemon(app, (), None, wanted=True)
        with app.reader() as reader:
            output.show_document("verify", msgspec.to_builtins(report), freshness(reader, daemon))
    else:
        for difference in report.differences[:SHOWN]:
            output.say(output.clean(str(difference)))
        if len(report.differences) > SHOWN:
            output.say(f"… and {len(report.differences) - SHOWN} more; --json lists all")
        for path in report.held:
            output.say(f"held: {output.clean(path)}")
        counted = (
            f"{output.count(report.stories, 'story', 'stories')} in {output.count(report.files, 'file')}"
        )
        output.say(f"{_verdict(report.equal, bool(report.held))}: {counted}")
    if not report.equal:
        return DIFFERENT
    return HELD if report.held else 0


def _verdict(equal: bool, held: bool) -> str:
    if not equal:
        return "different; `storysync sync --reread` makes the database follow the files again"
    return "equal but for held deletions" if held else "equal"
