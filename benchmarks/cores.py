"""Whole networks on every virtual core: executed instructions, modelled cycles, code and memory.

Two are built here; the others are .tflite files of the kinds that others make, imported. Each
board's integers are compared with the interpreter's, and the interpreter's with TFLM's.

python -m benchmarks.cores [NETWORK ...]
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.csvfile import read, write
from benchmarks.networks import autoencoder, resnet8
from benchmarks.virtual import CORES
from hwkit import boards
from hwkit.flow.build import artifact_for
from hwkit.flow.profiling import profile
from hwkit.flow.verify import verify
from hwkit.ir.graph import Graph
from tests.importers.tflite.every_operator import EVERY_OPERATOR
from tests.importers.tflite.files import as_tflm
from tests.importers.tflite.networks import NETWORKS

IMPORTED = ("ds_cnn", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "streaming")
MADE = {name: NETWORKS[name] for name in IMPORTED} | EVERY_OPERATOR
BOARDS = (*CORES, "virtual_rv32_e31")
_SAMPLES = 2


def imported(name: str, folder: Path) -> Graph:
    """The network, its outputs equal to TFLM's. ``AssertionError`` when they differ."""
    return replace(as_tflm(MADE[name](), folder, _SAMPLES), name=name)


def on_core(graph: Graph, board: str, store: Path) -> dict[str, Any]:
    """One network on one core, its integers checked first.

    Raises ``BitExactnessError`` when they differ, ``ToolMissing`` without the core's emulator.
    """
    verify(graph, board, samples=1).check()
    taken = profile(graph, board, repeats=1, store=store)
    total = taken.total
    assert total.instructions is not None and total.cycles is not None
    _, artifact = artifact_for(graph, board, None)
    mcu = boards.load(board).mcu
    assert mcu is not None
    return {
        "network": graph.name,
        "board": board,
        "core": mcu.core,
        "kernels": " ".join(mcu.kernels),
        "macs": total.macs,
        "instructions": total.instructions,
        "instructions_per_mac": f"{total.instructions / total.macs:.3f}",
        "cycles": total.cycles,
        "cycles_per_mac": f"{total.cycles / total.macs:.3f}",
        "arena_bytes": artifact.facts["arena_bytes"],
        "ram_bytes": artifact.facts["ram_bytes"],
        "code_bytes": artifact.facts["code_bytes"],
        "cycle_model": (taken.cycle_model or "").partition(":")[0],
        "evidence": taken.evidence,
    }


def main(names: list[str]) -> None:
    """Writes results/cores.csv, after each network; rows of those that are not named stay."""
    made = {"resnet8": resnet8, "autoencoder": autoencoder}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "measurements.sqlite"
        for name in names or [*made, *MADE]:
            graph = made[name]() if name in made else imported(name, Path(folder))
            rows = []
            for board in BOARDS:
                rows.append(on_core(graph, board, store))
                print(rows[-1], flush=True)
            write("cores", [*(row for row in read("cores") if row["network"] != name), *rows])


if __name__ == "__main__":
    main(sys.argv[1:])
