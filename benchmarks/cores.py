"""Whole networks on every virtual core: executed instructions, code and memory.

python -m benchmarks.cores
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.csvfile import write
from benchmarks.networks import autoencoder, resnet8
from benchmarks.virtual import CORES
from hwkit import boards
from hwkit.flow.build import artifact_for
from hwkit.flow.profiling import profile
from hwkit.flow.verify import verify
from hwkit.ir.graph import Graph


def on_core(graph: Graph, board: str, store: Path) -> dict[str, Any]:
    """One network on one core, its integers checked first.

    Raises ``BitExactnessError`` when they differ, ``ToolMissing`` without the core's emulator.
    """
    verify(graph, board, samples=1).check()
    total = profile(graph, board, repeats=1, store=store)["total"]
    _, artifact = artifact_for(graph, board, None)
    mcu = boards.load(board).mcu
    assert mcu is not None
    return {
        "network": graph.name,
        "board": board,
        "core": mcu.core,
        "kernels": " ".join(mcu.kernels),
        "macs": total["macs"],
        "instructions": total["instructions"],
        "instructions_per_mac": f"{total['instructions'] / total['macs']:.3f}",
        "arena_bytes": artifact.facts["arena_bytes"],
        "ram_bytes": artifact.facts["ram_bytes"],
        "code_bytes": artifact.facts["code_bytes"],
        "evidence": artifact.board.evidence,
    }


def main() -> None:
    """Writes results/cores.csv."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "measurements.sqlite"
        rows = [on_core(g, board, store) for g in (resnet8(), autoencoder()) for board in CORES]
    print(*rows, sep="\n", flush=True)
    write("cores", rows)


if __name__ == "__main__":
    main()
