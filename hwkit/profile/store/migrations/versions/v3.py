"""Version 3: sums and whole inferences in tables of their own, exactness, jobs of campaigns.

Rows of version 2 have sums at index -2 and whole inferences at -1 among the layers, those of
version 1 have no sums: they are added up here, where every layer has the figure.
"""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_COPIED = "measurement, name, op, macs, instructions, cycles, us, spread"


def _summed(figure: str) -> str:
    """A sum over a measurement's layers; of fewer than all the whole inference's, or none."""
    return (
        f"CASE WHEN count(layer.{figure}) = count(*) THEN sum(layer.{figure}) "
        f"ELSE max(whole.{figure}) END"
    )


def upgrade() -> None:
    for name in ("total", "whole"):
        op.create_table(
            name,
            sa.Column("measurement", sa.Integer, sa.ForeignKey("measurement.id"), primary_key=True),
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("op", sa.Text, nullable=False),
            sa.Column("macs", sa.BigInteger, nullable=False),
            sa.Column("instructions", sa.Float),
            sa.Column("cycles", sa.Float),
            sa.Column("us", sa.Float),
            sa.Column("spread", sa.Text, nullable=False),
        )
    for name, index in (("total", -2), ("whole", -1)):
        op.execute(
            f"INSERT INTO {name} ({_COPIED}) SELECT {_COPIED} FROM layer "
            f"WHERE layer_index = {index}"
        )
    op.execute("DELETE FROM layer WHERE layer_index < 0")
    op.execute(
        f"INSERT INTO total ({_COPIED}) SELECT layer.measurement, 'total', 'Model', "
        f"sum(layer.macs), {_summed('instructions')}, {_summed('cycles')}, {_summed('us')}, '{{}}' "
        "FROM layer LEFT JOIN whole ON whole.measurement = layer.measurement "
        "WHERE layer.measurement NOT IN (SELECT measurement FROM total) "
        "GROUP BY layer.measurement"
    )
    op.create_table(
        "exactness",
        sa.Column("measurement", sa.Integer, sa.ForeignKey("measurement.id"), primary_key=True),
        sa.Column("inputs", sa.Integer, nullable=False),
        sa.Column("integers", sa.BigInteger, nullable=False),
        sa.Column("differing", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "job",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("measurement", sa.Integer, sa.ForeignKey("measurement.id")),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
