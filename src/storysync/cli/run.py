"""`storysync run`."""

from __future__ import annotations

import click

from storysync.cli.options import load, with_app, with_one_project, with_paths
from storysync.cli.sync import mind_the_place


@click.command()
@with_paths
@with_app
@with_one_project
def command(paths: tuple[str, ...], database: str | None, config: str | None, project: str | None) -> int:
    """Keep the database equal to the story files until stopped.

    Takes the same arguments as `sync`. Makes backups and checks its own health on a timer; logs to stderr.
    Stops cleanly on SIGTERM and on Ctrl-C.
    """
    # The watcher and the scheduler: not for a --help of this command.
    from storysync import daemon, daemon_outage

    app = load(database, config)
    daemon_outage.await_server(app.databases, app.settings.log)
    projects = app.projects(paths, name=project)
    mind_the_place(app, projects)
    app.refuse_unusable(projects)
    return daemon.run(app.settings, projects, app.databases)
