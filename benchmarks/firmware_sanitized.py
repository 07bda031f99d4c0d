"""Random graphs as generated firmware under ASan and UBSan, every integer compared.

python -m benchmarks.firmware_sanitized [GRAPHS]

A program holds a batch of models, of all families of kernels that compile for this machine. A row
a batch; what a sanitizer finds, or a differing integer, ends the run with the graph.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.csvfile import write
from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import rescales
from tests.conformance.graphs import graphs
from tests.conformance.test_targets import MCU
from tests.targets.mcu import together

GRAPHS = 1000
_BATCH = 25


def batch(number: int) -> dict[str, Any]:
    """Draws the graphs of seed ``number``, builds them into one program and runs it."""
    models: list[together.Model] = []
    refused = 0

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
        nonlocal refused
        try:
            models.append(together.lowered_as(graph, len(models)))
        except UnsupportedOp:
            refused += 1

    collect()
    with tempfile.TemporaryDirectory() as folder:
        compared = together.check(models, Path(folder))
    return {
        "seed": number,
        "graphs": len(models),
        "refused": refused,
        "layers": sum(len(model.lowered.graph.nodes) for model in models),
        "offsets": sum(
            any(any(r.offset) for r in rescales(op)) for m in models for op in m.graph.nodes
        ),
        "integers": compared,
        "differing": 0,
        "evidence": "measured",
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Writes ``results/firmware_sanitized.csv`` after each batch, until there are enough graphs."""
    arguments = sys.argv[1:] if argv is None else argv
    wanted = int(arguments[0]) if arguments else GRAPHS
    rows: list[dict[str, Any]] = []
    while sum(row["graphs"] for row in rows) < wanted:
        rows.append(batch(len(rows)))
        print(rows[-1], flush=True)
        write("firmware_sanitized", rows)


if __name__ == "__main__":
    main()
