"""How results look: tables for people, plain text for pipes, one document for programs.

Everything is written at the end, in one piece, so that a failure leaves stdout empty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import msgspec

from storysync.cli.stdout import close_stdout

SCHEMA_VERSION = 1
Cells = Sequence[Any]


def say(text: str) -> None:
    """Write to stdout with a newline at the end; a reader that has gone is no error."""
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        close_stdout()


def warn(text: str) -> None:
    print(f"storysync: {clean(text)}", file=sys.stderr)


def is_terminal(stream: TextIO | None = None) -> bool:
    return (stream or sys.stdout).isatty()


def clean(value: Any) -> str:
    """Any value as one line without control characters, which could steer a terminal."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else _number(value)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else " " if one.isspace() else "\ufffd" for one in text)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def show_document(kind: str, data: Any, freshness: Any, next_page: Any = None) -> None:
    """The one JSON document of `--json`."""
    show_json(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": kind,
            "data": data,
            "next": next_page,
            "freshness": freshness,
        }
    )


def show_json(value: Any) -> None:
    """JSON with a newline; indented for a person at a terminal."""
    encoded = msgspec.json.encode(value)
    if is_terminal():
        encoded = msgspec.json.format(encoded, indent=2)
    say(encoded.decode())


def show_table(
    headers: Sequence[str], rows: Sequence[Cells], *, empty: str, right: Sequence[str] = ()
) -> None:
    """A table; `right` names the columns that are aligned right, `empty` is said when there are no rows."""
    if not rows:
        if is_terminal():
            say(empty)
        return
    if is_terminal():
        say(_rich_table(headers, rows, right))
    else:
        say(plain_table(headers, rows, right))


def plain_table(headers: Sequence[str], rows: Sequence[Cells], right: Sequence[str] = ()) -> str:
    """Columns apart by two blanks, without lines and colours; the last column is not padded."""
    aligned = []
    for index, values in enumerate(zip(*rows, strict=True)):
        column = [headers[index], *_column(values)]
        width = max(map(len, column))
        if headers[index] in right:
            column = [cell.rjust(width) for cell in column]
        elif index < len(headers) - 1:
            column = [cell.ljust(width) for cell in column]
        aligned.append(column)
    return "\n".join(map(str.rstrip, map("  ".join, zip(*aligned, strict=True)))) + "\n"


def _column(values: Cells) -> Iterable[str]:
    """`clean` of every value, at a third of the price where all are plain text, as nearly always."""
    if {*map(type, values)} <= {str} and "".join(values).isprintable():
        return values
    return map(clean, values)


_WHOLE = ("ID", "STATUS", "STATE")
"""Columns whose words are not folded on a narrow terminal."""


def _rich_table(headers: Sequence[str], rows: Sequence[Cells], right: Sequence[str]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(
            header, justify="right" if header in right else "left", overflow="fold", no_wrap=header in _WHOLE
        )
    for row in rows:
        table.add_row(*(Text(clean(cell), style=_style(cell)) for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get()


_STYLES = {
    "done": "green", "accepted": "green", "ok": "green", "good": "green", "live": "green",
    "in_progress": "cyan", "review": "cyan", "blocked": "red", "error": "red", "fail": "red", "failed": "red",
    "cancelled": "dim", "deferred": "dim", "warning": "yellow", "warn": "yellow", "stale": "yellow",
}  # fmt: skip


def _style(cell: Any) -> str:
    return _STYLES.get(cell, "") if isinstance(cell, str) else ""


def heading(text: str) -> str:
    """A heading, bold on a terminal that has colours."""
    return painted(text, "1")


def painted(text: str, style: str) -> str:
    """Text in a style of ECMA-48 (`31` red, `33` yellow, `36` cyan) on a terminal that has colours."""
    if is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        return f"\x1b[{style}m{text}\x1b[0m"
    return text


def moment(at: str | None) -> str:
    """A stored time to the second, with its zone, which is always UTC; '' for none."""
    return f"{at[:19]}Z" if at else ""


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 story`, `2 stories`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
