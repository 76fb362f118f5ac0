"""The views of each revision: frozen SQL in `views/REVISION.sql`, beside the revisions that need it.

Every migration drops all views first and creates those of its own revision last, in both directions, so
that no view stands in the way of a changed table.
"""

import pathlib
import re

import sqlalchemy as sa

FOLDER = pathlib.Path(__file__).parent / "views"
CREATED = re.compile(r"^CREATE VIEW (\w+)", re.MULTILINE)


def drop_all(op):
    """Drop every view of ours, in any order of dependence; in a script, all that ever were."""
    if op.get_context().as_sql:
        names = {name for file in FOLDER.glob("*.sql") for name in re.findall(CREATED, file.read_text())}
    else:
        names = {name for name in sa.inspect(op.get_bind()).get_view_names() if name.startswith("v_")}
    for name in sorted(names):
        op.execute(f"DROP VIEW IF EXISTS {name}")


def create(op, revision):
    """Create the views of a revision; statements are separated by a line of `;`."""
    for statement in (FOLDER / f"{revision}.sql").read_text(encoding="utf-8").split("\n;\n"):
        if statement.strip():
            op.execute(sa.text(statement.replace(":", r"\:")))
