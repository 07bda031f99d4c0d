"""Arenas of .tflite files with stages in turns, measured in TFLM: python -m benchmarks.patches_tflm

``python -m benchmarks.patches_tflm FOLDER`` adds the person detection of MLPerf Tiny. Each network
whole and with its first ``layers`` in turns of ``rows`` rows, as TFLM places the tensors itself and
as hwkit's plan in the file does, and as it is deployed within a ``limit`` of arena; the outputs of
all are compared on random inputs. Channels that hold one integer are removed before (``optimize``);
"as given" they are not. ``arena bytes`` are TFLM's on a 64-bit host,
``tensors`` what the plan takes of it; the rest is what TFLM keeps for each node and channel.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import FOLDER, read
from benchmarks.csvfile import write as write_csv
from benchmarks.patch_networks import cifar_resnet, mobilenet_v2_035
from benchmarks.patches import VWW
from hwkit import boards
from hwkit.ir.graph import Graph
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.optimize import optimize
from hwkit.lower.patch.turns import Stage, by_output
from hwkit.targets.edge.emit import file_model, has_functions
from hwkit.targets.edge.fitted import within
from hwkit.targets.edge.flatbuffer import write
from hwkit.targets.edge.loaded import load
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.offline import planned
from hwkit.targets.edge.patched import patched

INPUTS = {"vww": 1000}
"""How many are compared; else 20."""
LIMITS = {"vww": 50_354}
"""Half of what the network takes as it is given, with TFLM's own kernels for a Cortex-M."""
STAGES = {"vww": (4, 6), "cifar_resnet": (8, 4), "mobilenet_v2_035": (7, 6)}
"""Layers of the stage and rows of its result a turn: the best of a few that were measured."""


def first_in_rows(layers: int, rows: int) -> Callable[[Graph], Sequence[Stage]]:
    """Chooses the first ``layers`` as a stage of ``rows`` rows of its result a turn."""
    return lambda graph: [by_output(graph, graph.nodes[:layers], rows)]


def rows(name: str, graph: Graph) -> Iterator[dict[str, Any]]:
    """Of one network: whole and in turns, by TFLM's plan and by hwkit's."""
    board = boards.load("host_tflm")
    assert board.edge is not None
    whole = lower(optimize(fuse_requantize(graph)).graph, board)
    (shape,) = (graph.tensors[source].shape for source in graph.inputs)
    count = INPUTS.get(name, 20)
    x = np.random.default_rng(0).integers(-128, 128, (count, *shape)).astype(np.int8)
    expected = whole.graph.predict(x)  # The graph in the runtime's arithmetic.
    assert isinstance(expected, np.ndarray)
    given = lower(graph, board)
    parts = patched(whole, first_in_rows(*STAGES[name]))
    builds = [(0, 0, 0, given), (0, 0, 0, whole), (*STAGES[name], 0, parts)]
    if limit := LIMITS.get(name, 0):
        builds.append((0, 0, limit, within(whole, limit)))
    for layers, taken, limit, lowered in builds:
        model, plan = planned(file_model(lowered.graph, has_functions(board.edge)))
        for who, one in (("TFLM's", replace(model, offsets=())), ("hwkit's", model)):
            loaded = load(board.edge, write(one), 1)
            (got,) = loaded.run([x])
            yield {
                "network": name,
                "channels": "as given" if lowered is given else "",
                "layers": layers,
                "rows": taken,
                "limit": limit,
                "plan": who,
                "arena_bytes": loaded.facts["arena_bytes"],
                "tensors": plan.arena_bytes,
                "differing": int((got.reshape(expected.shape) != expected).sum()),
                "evidence": "measured",
            }


def main(arguments: list[str]) -> None:
    """Writes ``patches_tflm.csv``; rows of networks that are not there stay."""
    found: list[dict[str, Any]] = []
    if arguments:
        from hwkit.importers import load_model

        found += rows("vww", load_model(Path(arguments[0]) / VWW))
    found += rows("cifar_resnet", cifar_resnet())
    found += rows("mobilenet_v2_035", mobilenet_v2_035())
    taken = {row["network"] for row in found}
    known = read("patches_tflm") if (FOLDER / "patches_tflm.csv").exists() else []
    write_csv("patches_tflm", [*(old for old in known if old["network"] not in taken), *found])


if __name__ == "__main__":
    main(sys.argv[1:])
