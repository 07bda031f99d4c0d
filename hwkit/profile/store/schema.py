"""Tables of the store as they are now; ``migrations`` brings older ones here."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

EVIDENCE = "evidence IN ('measured', 'simulated', 'estimated')"

metadata = MetaData()

measurement = Table(
    "measurement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time_utc", Text, nullable=False),
    Column("board", Text, nullable=False),
    Column("evidence", Text, CheckConstraint(EVIDENCE), nullable=False),
    Column("clock_hz", BigInteger),
    Column("toolchain", Text, nullable=False),
    Column("flags", Text, nullable=False),
    Column("source_commit", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_digest", Text, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("warm_up", Integer, nullable=False),
    Column("identity", Text, nullable=False, server_default=""),
    Column("input_digest", Text, nullable=False, server_default=""),
    Column("options", Text, nullable=False, server_default="{}"),
    Column("drift", Float),
    Column("prediction", Text),
    Index("measurement_by_model", "model_digest", "board"),
)
"""One row for each profile; texts that are JSON: toolchain, flags, identity, options and
prediction."""


def _figures(name: str, *key: Column[int]) -> Table:
    """A table of figures: null is one that the board can't give."""
    return Table(
        name,
        metadata,
        Column("measurement", ForeignKey("measurement.id"), primary_key=True),
        *key,
        Column("name", Text, nullable=False),
        Column("op", Text, nullable=False),
        Column("macs", BigInteger, nullable=False),
        Column("instructions", Float),
        Column("cycles", Float),
        Column("us", Float),
        Column("spread", Text, nullable=False),
    )


layer = _figures("layer", Column("layer_index", Integer, primary_key=True))
"""Layers alone: sums over them are what ``total`` has, where every layer has the figure."""
total = _figures("total")
"""The sums of each measurement."""
whole = _figures("whole")
"""Of measurements that timed a whole inference at once: layers timed one by one need not add up
to it."""

call = _figures("call")
"""Of measurements that timed what an inference takes beside its layers."""

exactness = Table(
    "exactness",
    metadata,
    Column("measurement", ForeignKey("measurement.id"), primary_key=True),
    Column("inputs", Integer, nullable=False),
    Column("integers", BigInteger, nullable=False),
    Column("differing", BigInteger, nullable=False),
)
"""Integers of the very build that was measured, compared with the interpreter's."""

job = Table(
    "job",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("measurement", ForeignKey("measurement.id")),
    Column("attempts", Integer, nullable=False),
    Column("message", Text, nullable=False),
)
"""Jobs of campaigns by the SHA-256 of all that they are made of: done, or why not."""

cost = Table(
    "cost",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("board", Text, nullable=False),
    Column("evidence", Text, CheckConstraint(EVIDENCE), nullable=False),
    Column("layer", Text, nullable=False),
    Column("build", Text, nullable=False),
    Column("macs", BigInteger, nullable=False),
    Column("instructions", Float),
    Column("cycles", Float),
    Column("us", Float),
    Column("spread", Text, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("drift", Float),
    Column("model", Text, nullable=False),
    Column("time_utc", Text, nullable=False),
    Column("source_commit", Text, nullable=False),
    Index("cost_by_board", "board"),
)
"""What layers take, each once, by the SHA-256 of all that decides it: what the layer is (``layer``)
and what runs it (``build``), both JSON; ``model`` that it was measured in."""

figures = {"layer": layer, "total": total, "whole": whole, "call": call}
