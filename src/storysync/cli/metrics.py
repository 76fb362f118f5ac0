"""`storysync metrics`."""

from __future__ import annotations

from pathlib import Path

import click

from storysync.cli import output
from storysync.cli.health import answer_of_daemon, require_database
from storysync.cli.options import load, with_app


@click.command()
@with_app
@click.option("--output", "target", metavar="FILE", help="Write a file, at once, instead of printing.")
def command(database: str | None, config: str | None, target: str | None) -> int:
    """Print all metrics in the text format of Prometheus, with the outcome of the health checks.

    \b
      storysync metrics --output /var/lib/prometheus/node-exporter/storysync.prom

    Where node_exporter's textfile collector reads them; `health.textfile` has the daemon do so by itself.

    Exit codes: 0, also when a check fails or the database does not answer: the metrics say so; 5 there is no
    database.
    """
    from storysync.jobs.health import check_all
    from storysync.jobs.metrics import metrics_text, write_textfile

    app = load(database, config)
    require_database(app)
    databases, backups = app.databases.chosen(), app.settings.backup
    live = answer_of_daemon(app.databases.base)
    report = check_all(databases, app.settings.health, live=live, backups=backups)
    text = metrics_text(databases, report, live=live, backups=backups)
    if target is None:
        output.say(text)
    else:
        write_textfile(Path(target), text)
    return 0
