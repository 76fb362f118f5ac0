"""`storysync blocked`."""

from __future__ import annotations

from typing import Any

import click

from storysync.cli import output
from storysync.cli.filter_options import filter_from, with_filter
from storysync.cli.live import ask_daemon, with_wait
from storysync.cli.options import asking, load, with_app, with_json
from storysync.queries.blocked import blocked
from storysync.queries.freshness import freshness


@click.command()
@with_filter
@with_wait
@with_app
@with_json
def command(
    database: str | None, config: str | None, as_json: bool, wait_s: float | None, **narrowed: Any
) -> int:
    """List the stories that wait for something, and for what."""
    wanted = filter_from(**narrowed)
    app = load(database, config)
    daemon = ask_daemon(app, wanted.projects, wait_s, wanted=as_json)
    with asking(app, wanted.projects) as reader:
        stories = blocked(reader, wanted)
        if as_json:
            output.show_document("blocked-list", stories, freshness(reader, daemon))
            return 0
    several = len({story["project_id"] for story in stories}) > 1
    headers = [*(["PROJECT"] if several else []), "ID", "STATUS", "WAITS FOR", "TITLE"]
    rows = [
        (
            *([story["project_id"]] if several else []),
            story["id"] or story["path"],
            story["status"],
            "; ".join(told(reason) for reason in story["reasons"]),
            story["title"],
        )
        for story in stories
    ]
    output.show_table(headers, rows, empty="nothing is blocked")
    return 0


def told(reason: dict[str, Any]) -> str:
    """One reason in words: `INF-3 (in_progress)`, `INF-9 (dangling)`, `its id is contested`."""
    kind, blocker, status = reason["reason"], reason["blocker"], reason["blocker_status"]
    own = {
        "contested": "its id is contested",
        "stale": "its file cannot be read",
        "status": f"its own status is {status or 'not given'}",
        "depends on itself": "itself",
    }
    if kind in own:
        return own[kind]
    if kind.startswith("waits for"):
        return f"{blocker} ({status or 'no status'})"
    return f"{blocker} ({kind})"
