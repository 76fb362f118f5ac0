"""the runs of jobs, and incidents

Revision: 0002, after 0001
"""

import importlib.util
import pathlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_spec = importlib.util.spec_from_file_location(
    "storysync_views", pathlib.Path(__file__).parent.parent / "views.py"
)
views = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(views)


def upgrade() -> None:
    views.drop_all(op)
    op.create_table(
        "jobs",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("trigger", TEXT, nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("finished_at", UTC_TIME, nullable=False),
        sa.Column("succeeded_at", UTC_TIME, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("message", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("state = 'good' OR state = 'failed' OR state = 'late'", name="ck_jobs_state"),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "incidents",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("acknowledged_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "kind = 'recovered' OR kind = 'restored' OR kind = 'damaged'", name="ck_incidents_kind"
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    views.create(op, "0002")


def downgrade() -> None:
    views.drop_all(op)
    op.drop_table("incidents")
    op.drop_table("jobs")
    views.create(op, "0001")
