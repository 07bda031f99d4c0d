"""Version 4: what layers take by what they are, what an inference takes beside its layers, what was
predicted of it, and how far the machine drifted meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("measurement", sa.Integer, sa.ForeignKey("measurement.id"), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("macs", sa.BigInteger, nullable=False),
        sa.Column("instructions", sa.Float),
        sa.Column("cycles", sa.Float),
        sa.Column("us", sa.Float),
        sa.Column("spread", sa.Text, nullable=False),
    )
    op.create_table(
        "cost",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column(
            "evidence",
            sa.Text,
            sa.CheckConstraint("evidence IN ('measured', 'simulated', 'estimated')"),
            nullable=False,
        ),
        sa.Column("layer", sa.Text, nullable=False),
        sa.Column("build", sa.Text, nullable=False),
        sa.Column("macs", sa.BigInteger, nullable=False),
        sa.Column("instructions", sa.Float),
        sa.Column("cycles", sa.Float),
        sa.Column("us", sa.Float),
        sa.Column("spread", sa.Text, nullable=False),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("drift", sa.Float),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("time_utc", sa.Text, nullable=False),
        sa.Column("source_commit", sa.Text, nullable=False),
    )
    op.create_index("cost_by_board", "cost", ["board"])
    op.add_column("measurement", sa.Column("drift", sa.Float))
    op.add_column("measurement", sa.Column("prediction", sa.Text))
