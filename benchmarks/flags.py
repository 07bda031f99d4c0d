"""Levels of optimisation and LTO: what each makes of the networks' kernels on the Cortex-M4.

python -m benchmarks.flags

The sources are those of the normal build, chosen copies included; only the compiler's flags differ.
The runtime stays at its own level. ``zig cc`` knows one speed level: -O1, -O2 and -O3 give the
same code, clang's -O2. The others are asked of clang itself.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.csvfile import write
from benchmarks.networks import autoencoder, resnet8
from benchmarks.stages import SIDE, network
from benchmarks.virtual import BOARD
from hwkit import boards
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.lower.checked import golden_inputs
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.target import Artifact, Lowered
from hwkit.targets.mcu.choice import choose
from hwkit.targets.mcu.emit import emit, weight_bytes
from hwkit.targets.mcu.lower import lower
from hwkit.toolchain import firmware, zig
from hwkit.train.freeze import freeze
from tests.sessions import profile

LEVELS = ("-O1", "-O2", "-O3", "-Os", "-Oz")
DIGITS_SIDE = 8


def networks() -> list[Graph]:
    """Two of MLPerf Tiny's, and those of the recipes mnist5k and digits, untrained."""
    return [
        resnet8(),
        autoencoder(),
        _of_recipe("mnist5k", SIDE),
        _of_recipe("digits", DIGITS_SIDE),
    ]


def _of_recipe(recipe: str, side: int) -> Graph:
    """Its channels get biases and shifts that differ, as training gives them: LTO sees tables of
    equal integers and folds them."""
    graph = fuse_requantize(freeze(network(recipe, side), torch.zeros(1, 1, side, side)))
    rng = np.random.default_rng(0)
    constants, nodes = dict(graph.constants), []
    for op in graph.nodes:
        if isinstance(op, Conv2d | DepthwiseConv2d | Dense):
            if op.bias is not None:
                drawn = rng.integers(-500, 500, constants[op.bias].shape)
                constants[op.bias] = drawn.astype(constants[op.bias].dtype)
            if op.rescale is not None:
                shifts = tuple(shift + k % 2 for k, shift in enumerate(op.rescale.shift))
                op = replace(op, rescale=replace(op.rescale, shift=shifts))
        nodes.append(op)
    return replace(graph.with_nodes(tuple(nodes), graph.tensors, constants), name=recipe)


def row(name: str, lowered: Lowered[Any], level: str, lto: bool) -> dict[str, Any]:
    """Bytes and counts of one inference, everything but the flags as in a deploy."""
    mcu = lowered.board.mcu
    assert mcu is not None
    flags = ("-Xclang", level, *(("-flto",) if lto else ()))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for path, content in emit(lowered).files.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(content)
        made = firmware.build(
            [out / "model.c", out / "model_data.c"],
            mcu,
            out,
            include=(out / "kernels",),
            flags=flags,
            layers=len(lowered.graph.nodes),
        )
        artifact = Artifact(out, made.path, lowered.board, lowered)
        x = golden_inputs(lowered.graph)[lowered.graph.inputs[0]]
        (timings,) = profile(artifact, x, 1)
    return {
        "network": name,
        "level": level,
        "lto": "yes" if lto else "no",
        "code_bytes": made.image.flash_bytes - weight_bytes(lowered.graph, lowered.plan),
        "ram_bytes": made.image.ram_bytes,
        "instructions": sum(timing.instructions or 0 for timing in timings),
        "cycles": sum(timing.cycles or 0 for timing in timings),
        "compiler": f"zig {zig.version()} {' '.join(mcu.cpu_flags)}",
        "board": BOARD,
        "evidence": lowered.board.evidence,
    }


def main() -> None:
    """Writes results/flags.csv."""
    rows = []
    for graph in networks():
        lowered = choose(lower(graph, boards.load(BOARD)))
        for level, lto in (*((level, False) for level in LEVELS), ("-O2", True)):
            rows.append(row(graph.name, lowered, level, lto))
            print(rows[-1], flush=True)
    write("flags", rows)


if __name__ == "__main__":
    main()
