"""The options that narrow a list of stories, and the `Filter` they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from storysync.cli.options import with_projects
from storysync.core.vocabulary import KINDS, STATUSES
from storysync.queries.filters import Filter

Command = TypeVar("Command", bound=Callable[..., Any])

_LABEL = click.option("--label", "-l", "labels", multiple=True, metavar="LABEL", help="Only with this label.")
_ASSIGNEE = click.option(
    "--assignee", "-a", "assignees", multiple=True, metavar="NAME", help="Only owned by or assigned to NAME."
)
_EPIC = click.option("--epic", "epics", multiple=True, metavar="EPIC", help="Only of this epic.")
_PRIORITY = click.option(
    "--priority",
    "priorities",
    multiple=True,
    metavar="0-4",
    help="Only this priority; 0 or P0 is the highest.",
)
_STATUS = click.option(
    "--status",
    "-s",
    "statuses",
    multiple=True,
    metavar="STATUS",
    help="Only in this status: " + ", ".join(STATUSES) + ".",
)
_KIND = click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind: " + ", ".join(KINDS) + "."
)


def with_filter(command: Command) -> Command:
    """`--project --label --assignee --epic --priority`, each repeatable for any-of."""
    for option in (_PRIORITY, _EPIC, _ASSIGNEE, _LABEL, with_projects):
        command = option(command)
    return command


def with_full_filter(command: Command) -> Command:
    """Those, and `--status` and `--kind`."""
    return with_filter(_STATUS(_KIND(command)))


def filter_from(
    *,
    projects: tuple[str, ...],
    labels: tuple[str, ...],
    assignees: tuple[str, ...],
    epics: tuple[str, ...],
    priorities: tuple[str, ...],
    statuses: tuple[str, ...] = (),
    kinds: tuple[str, ...] = (),
    stale: bool = False,
    contested: bool = False,
) -> Filter:
    """Values of several words may also be written `a,b`. Raises click.UsageError for an unknown word."""
    return Filter(
        projects=_split(projects),
        statuses=_known(_split(statuses), STATUSES, "--status"),
        labels=labels,
        assignees=assignees,
        epics=epics,
        kinds=_known(_split(kinds), KINDS, "--kind"),
        priorities=tuple(_priority(text) for text in _split(priorities)),
        stale=stale,
        contested=contested,
    )


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _known(values: tuple[str, ...], words: tuple[str, ...], option: str) -> tuple[str, ...]:
    folded = tuple(value.lower().replace("-", "_").replace(" ", "_") for value in values)
    for value in folded:
        if value not in words:
            raise click.UsageError(
                f"{option} {value!r} is none of {', '.join(words)}", click.get_current_context(silent=True)
            )
    return folded


def _priority(text: str) -> int:
    digits = text.upper().removeprefix("P")
    if digits not in {"0", "1", "2", "3", "4"}:
        raise click.UsageError(
            f"--priority {text!r} is none of 0, 1, 2, 3, 4", click.get_current_context(silent=True)
        )
    return int(digits)
