"""`storysync ready`."""

from __future__ import annotations

from typing import Any

import click

from storysync.cli import output
from storysync.cli.filter_options import filter_from, with_filter
from storysync.cli.list import show_stories
from storysync.cli.live import ask_daemon, with_wait
from storysync.cli.options import asking, load, with_app, with_json
from storysync.queries.freshness import freshness
from storysync.queries.list_stories import COLUMNS, TABLE_COLUMNS
from storysync.queries.ready import ready


@click.command()
@with_filter
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N stories.")
@with_wait
@with_app
@with_json
def command(
    database: str | None,
    config: str | None,
    as_json: bool,
    limit: int | None,
    wait_s: float | None,
    **narrowed: Any,
) -> int:
    """List the stories that can be started now, most urgent first.

    Ready is a story (no epic) in backlog, todo or ready whose declared prerequisites are all done or
    accepted. `storysync blocked` says why another is not.
    """
    wanted = filter_from(**narrowed)
    app = load(database, config)
    daemon = ask_daemon(app, wanted.projects, wait_s, wanted=as_json)
    with asking(app, wanted.projects) as reader:
        stories, following = ready(reader, wanted, limit=limit, columns=COLUMNS if as_json else TABLE_COLUMNS)
        if as_json:
            output.show_document("ready-list", stories, freshness(reader, daemon), following)
            return 0
    show_stories(stories, empty="nothing is ready; `storysync blocked` says why")
    return 0
