"""`storysync list`."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import click

from storysync.cli import output
from storysync.cli.filter_options import filter_from, with_full_filter
from storysync.cli.live import ask_daemon, with_wait
from storysync.cli.options import asking, load, with_app, with_json
from storysync.queries.freshness import freshness
from storysync.queries.list_stories import COLUMNS, SORTS, TABLE_COLUMNS, list_stories


@click.command()
@with_full_filter
@click.option("--stale", is_flag=True, help="Only those whose file cannot be read now.")
@click.option("--contested", is_flag=True, help="Only those whose id is claimed by several files.")
@click.option(
    "--sort",
    metavar="COLUMN",
    default="id",
    show_default=True,
    help=f"{', '.join(SORTS)}; with - in front: descending.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N stories.")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N.")
@with_wait
@with_app
@with_json
def command(
    database: str | None,
    config: str | None,
    as_json: bool,
    sort: str,
    limit: int | None,
    offset: int,
    wait_s: float | None,
    **narrowed: Any,
) -> int:
    """List stories, narrowed by status, label, owner and more.

    An option given twice, or with a comma, means any of its values; different options must all hold.
    """
    wanted = filter_from(**narrowed)
    column = sort.removeprefix("-")
    if column not in SORTS:
        raise click.UsageError(
            f"--sort {column!r} is none of {', '.join(SORTS)}", click.get_current_context(silent=True)
        )
    app = load(database, config)
    daemon = ask_daemon(app, wanted.projects, wait_s, wanted=as_json)
    with asking(app, wanted.projects) as reader:
        stories, following = list_stories(
            reader,
            wanted,
            sort=column,
            descending=sort.startswith("-"),
            limit=limit,
            offset=offset,
            columns=COLUMNS if as_json else TABLE_COLUMNS,
        )
        if as_json:
            output.show_document("story-list", stories, freshness(reader, daemon), following)
            return 0
    show_stories(stories, empty="no story fits")
    return 0


def show_stories(stories: Sequence[dict[str, Any]], *, empty: str) -> None:
    """The table of `list` and `ready`; the project is a column when there are several."""
    headers = ["PROJECT", "ID", "STATUS", "PRIO", "POINTS", "OWNER", "TITLE"]
    columns = ["project_id", "id", "status", "priority", "estimate_points", "owner", "title"]
    several = len({story["project_id"] for story in stories}) > 1
    shown = slice(0 if several else 1, None)
    rows = list(map(itemgetter(*columns[shown]), map(_flagged, stories)))
    output.show_table(headers[shown], rows, empty=empty, right=("PRIO", "POINTS"))


def _flagged(story: dict[str, Any]) -> dict[str, Any]:
    """The story with `contested` and `stale` told beside its status."""
    if not story["contested"] and not story["stale"]:
        return story
    flags = ", ".join(name for name in ("contested", "stale") if story[name])
    return {**story, "status": f"{story['status'] or '-'} ({flags})"}
