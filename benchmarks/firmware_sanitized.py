"""Random graphs as generated firmware under ASan and UBSan, every integer compared.

python -m benchmarks.firmware_sanitized [GRAPHS]

A program holds a batch of models, of all families of kernels that compile for this machine. What a
sanitizer finds, or a differing integer, ends the run with the graph.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.csvfile import write
from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import rescales
from tests.conformance.graphs import graphs
from tests.conformance.spaces import MCU
from tests.targets.mcu import together

Row = dict[str, Any]

GRAPHS = 1000
_BATCH = 25


def batch(number: int) -> list[Row]:
    """Draws the graphs of seed ``number``, builds them into one program and runs it; a row a
    model."""
    models: list[together.Model] = []

    @seed(number)
    @settings(
        max_examples=_BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(MCU))
    def collect(graph: Graph) -> None:
        try:
            models.append(together.lowered_as(graph, len(models)))
        except UnsupportedOp:
            return

    collect()
    with tempfile.TemporaryDirectory() as folder:
        integers = together.check(models, Path(folder))
    return [_row(model, n) for model, n in zip(models, integers, strict=True)]


def _row(model: together.Model, integers: int) -> Row:
    nodes = model.graph.nodes
    return {
        "board": model.lowered.board.name,
        "graphs": 1,
        "layers": len(nodes),
        "layers_with_offsets": sum(any(any(r.offset) for r in rescales(op)) for op in nodes),
        "integers": integers,
        "evidence": "measured",
    }


def by_board(rows: Sequence[Row]) -> list[Row]:
    """The sums of the rows of each board."""
    numbers = [name for name in rows[0] if name not in ("board", "evidence")]
    sums: dict[str, Row] = {}
    for row in rows:
        total = sums.setdefault(row["board"], {**row, **dict.fromkeys(numbers, 0)})
        for name in numbers:
            total[name] += row[name]
    return list(sums.values())


def main(argv: Sequence[str] | None = None) -> None:
    """Writes ``results/firmware_sanitized.csv`` after each batch, until there are enough graphs."""
    arguments = sys.argv[1:] if argv is None else argv
    wanted = int(arguments[0]) if arguments else GRAPHS
    rows: list[Row] = []
    for number in count():
        rows += batch(number)
        write("firmware_sanitized", by_board(rows))
        print(f"{len(rows)} graphs, {sum(row['integers'] for row in rows)} integers", flush=True)
        if len(rows) >= wanted:
            return


if __name__ == "__main__":
    main()
