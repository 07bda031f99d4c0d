"""Version 1: measurements and their layers."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time_utc", sa.Text, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("clock_hz", sa.BigInteger),
        sa.Column("toolchain", sa.Text, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("source_commit", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("model_digest", sa.Text, nullable=False),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("warm_up", sa.Integer, nullable=False),
        sa.CheckConstraint("evidence IN ('measured', 'simulated', 'estimated')"),
    )
    op.create_table(
        "layer",
        sa.Column("measurement", sa.Integer, sa.ForeignKey("measurement.id"), primary_key=True),
        sa.Column("layer_index", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("macs", sa.BigInteger, nullable=False),
        sa.Column("instructions", sa.Float),
        sa.Column("cycles", sa.Float),
        sa.Column("us", sa.Float),
        sa.Column("spread", sa.Text, nullable=False),
    )
    op.create_index("measurement_by_model", "measurement", ["model_digest", "board"])
