"""Whole networks: counts and memory on the virtual Cortex-M4, wall time in LiteRT.

python -m benchmarks.models [model.hwk | model.tflite ...]
"""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks.csvfile import write
from benchmarks.networks import autoencoder, resnet8
from benchmarks.virtual import count
from hwkit.errors import HwkitError
from hwkit.flow.build import artifact_for
from hwkit.flow.models import load
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.profile.medians import medians
from tests import sessions
from tests.sessions import random_inputs

RUNTIME = "host_litert"
REPEATS = 200


def on_microcontroller(graph: Graph) -> dict[str, Any]:
    """Instructions, modelled cycles and bytes; RAM beside the arena is stack and runtime."""
    counted = count(graph)
    facts = counted.artifact.facts
    total = sum(macs(graph, op) for op in graph.nodes)
    assert counted.layer_cycles is not None, "the board's core has a cost model"
    cycles = sum(counted.layer_cycles)
    instructions = sum(counted.layer_instructions)
    return {
        "network": graph.name,
        "macs": total,
        "instructions": instructions,
        "cycles": cycles,
        "instructions_per_mac": f"{instructions / total:.3f}",
        "cycles_per_mac": f"{cycles / total:.3f}",
        "arena_bytes": facts["arena_bytes"],
        "other_ram_bytes": facts["ram_bytes"] - facts["arena_bytes"],
        "stack_reserved_bytes": facts["stack_bytes"],
        "stack_used_bytes": counted.stack_used_bytes,
        "code_bytes": facts["code_bytes"],
        "weight_bytes": facts["weight_bytes"],
        "flash_bytes": facts["flash_bytes"],
        **counted.context,
    }


def in_runtime(graph: Graph) -> dict[str, Any]:
    """Wall time of one inference, one sample a call."""
    _, artifact = artifact_for(graph, RUNTIME, None)
    edge = artifact.board.edge
    assert edge is not None
    x = sessions.entered(graph, artifact.lowered.graph, random_inputs(graph, 1, 0))
    whole = medians(RUNTIME, sessions.profile(artifact, x, REPEATS), 1).whole
    assert whole is not None
    spread = whole.spread["us"]
    return {
        "network": graph.name,
        "macs": whole.macs,
        "runtime": " ".join(f"{name} {number}" for name, number in artifact.facts["tools"].items()),
        "threads": edge.threads,
        "cores": os.cpu_count(),
        "repeats": REPEATS,
        "us_min": f"{spread.min:.1f}",
        "us_median": f"{spread.median:.1f}",
        "us_p95": f"{spread.p95:.1f}",
        "model_file_bytes": artifact.facts["flash_bytes"],
        "evidence": artifact.board.evidence,
    }


def main(arguments: list[str]) -> int:
    """Writes results/models.csv and results/models_litert.csv for the built-in networks.

    Only prints for given files, and 2 when one of them can't be read or run.
    """
    if arguments:
        try:
            _taken([load(path) for path in arguments])
        except HwkitError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    counted, timed = _taken([resnet8(), autoencoder()])
    write("models", counted)
    write("models_litert", timed)
    return 0


def _taken(networks: list[Graph]) -> list[list[dict[str, Any]]]:
    """Rows of each network, by the microcontroller and by the runtime."""
    taken = []
    for measure in (on_microcontroller, in_runtime):
        rows = [measure(graph) for graph in networks]
        print(*rows, sep="\n", flush=True)
        taken.append(rows)
    return taken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
