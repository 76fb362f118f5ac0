"""`storysync run`."""

from __future__ import annotations

import click

from storysync.app import App
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
    from storysync import daemon_outage, daemon_record, daemon_service

    app = load(database, config)

    def wanted(app: App) -> daemon_service.Wanted:
        projects = app.projects(paths, name=project)
        mind_the_place(app, projects)
        return daemon_service.Wanted(app.settings, projects, app.databases)

    base, group = app.databases.base, app.settings.database.group_readable
    with daemon_record.recorded(base, group=group) as recorder:
        daemon_outage.await_server(app.databases, app.settings.log)
        recovered = daemon_service.recovered(app.databases, app.settings)
        first = wanted(app)
        app.refuse_unusable(first.projects)
        return daemon_service.run(first, lambda: wanted(load(database, config)), recorder, recovered)
