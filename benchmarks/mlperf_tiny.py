"""The networks of MLPerf Tiny as they are published, on every virtual core; on the Cortex-M4 also
built for speed.

python -m benchmarks.mlperf_tiny [FOLDER | model.tflite ...]

Without arguments the folder in $HWKIT_MODELS, if that is set; the files come from the repository
mlcommons/tiny. Each board's integers are compared with the interpreter's, and these with the
file's own in TFLM. Multiply-accumulates are those of the network as published, also where the
optimizer has taken channels away.
Rows of networks that are not given this time stay as they are in results/mlperf_tiny.csv.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.csvfile import FOLDER, read, write
from benchmarks.moved import MODELS, files
from benchmarks.virtual import BOARD, CORES, count
from hwkit.boards import Optimize
from hwkit.errors import HwkitError
from hwkit.flow.source import import_file
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph

INPUTS = 100

BOARDS = (*CORES, "virtual_rv32v")
"""The last one's core has no model of cycles: its instructions alone."""

GOALS: Mapping[str, Sequence[Optimize]] = {BOARD: ("balanced", "speed")}
"""What else than the default is built for a board."""


def row(graph: Graph, board: str, optimize: Optimize = "balanced") -> dict[str, Any]:
    """Counts and bytes of one network on one board; cycles where its core has a model.
    ``unexplained_arena_bytes``: what the arena has more than by the rule and than ``deploy.json``
    says what it bought."""
    counted = count(graph, board, optimize=optimize)
    facts = counted.artifact.facts
    total = sum(macs(graph, op) for op in graph.nodes)
    instructions = sum(counted.layer_instructions)
    cycles = None if counted.layer_cycles is None else sum(counted.layer_cycles)
    choice = facts["kernel_choice"]
    bought = sum(one["arena_bytes"] for one in choice["bought"])
    plain = choice["by_rule"]["arena_bytes"]
    return {
        "network": graph.name,
        "optimize": optimize,
        **counted.context,
        "macs": total,
        "instructions": instructions,
        "cycles": "" if cycles is None else cycles,
        "instructions_per_mac": f"{instructions / total:.3f}",
        "cycles_per_mac": "" if cycles is None else f"{cycles / total:.3f}",
        "channels_removed": counted.artifact.lowered.optimized["channels_removed"],
        "arena_bytes": facts["arena_bytes"],
        "unexplained_arena_bytes": max(facts["arena_bytes"] - plain - bought, 0),
        "ram_bytes": facts["ram_bytes"],
        "code_bytes": facts["code_bytes"],
        "weight_bytes": facts["weight_bytes"],
        "flash_bytes": facts["flash_bytes"],
    }


def main(arguments: list[str]) -> int:
    """Writes results/mlperf_tiny.csv; 2 when a file can't be read or run, or is not exact."""
    paths = arguments or [folder for folder in (os.environ.get(MODELS),) if folder]
    rows = []
    try:
        for path in files(paths):
            graph, proof = import_file(path, INPUTS, required=True)
            assert proof is not None
            proof.check()
            for board in BOARDS:
                for optimize in GOALS.get(board, ("balanced",)):
                    rows.append(row(graph, board, optimize))
                    print(rows[-1], flush=True)
    except HwkitError as error:
        print(error, file=sys.stderr)
        return 2
    taken = {made["network"] for made in rows}
    known = read("mlperf_tiny") if (FOLDER / "mlperf_tiny.csv").exists() else []
    if kept := [*(old for old in known if old["network"] not in taken), *rows]:
        write("mlperf_tiny", kept)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
