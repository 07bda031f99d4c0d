"""hls4ml projects of networks with any scales, their C simulation beside the interpreter:
python -m benchmarks.hls4ml_scales

Ten random Brevitas models with float scales (1 to 8 bits, biases, batch norms, residual sums,
depthwise, asymmetric, every rounding that the door keeps) and every recipe, trained for an epoch on
its own data. ``multiplier_bits`` are those of the widest constant that a layer behind a sum
multiplies by, ``differing`` the integers of the outputs that are not the interpreter's.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.csvfile import write
from hwkit import boards
from hwkit.errors import UnsupportedOp
from hwkit.flow import boundary
from hwkit.importers import load_model
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.lower import legal
from hwkit.targets.hls4ml.layers import Layer
from hwkit.targets.hls4ml.target import TARGET as hls4ml
from hwkit.train.freeze import export
from hwkit.train.pipeline import train
from hwkit.train.recipe import built_in, recipe_path
from tests.conformance.doors_brevitas import drawn
from tests.conformance.graphs import feeds_for

BOARD = "hls4ml_csim"
NETWORKS = 10
INPUTS = 100


def models(count: int) -> Iterator[Graph]:
    """So many random models whose scales are no powers of two, by the order of their seeds."""
    seed = 0
    while count:
        model = drawn(seed)
        if not model.kit.dyadic:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"brevitas_{seed}.onnx"
                export(model, torch.zeros(1, *model.shape), path, path.stem)
                yield load_model(path)
            count -= 1
        seed += 1


def trained(recipe: str) -> Graph:
    """The network of a recipe after an epoch of each kind of training."""
    text = re.sub(r"(?m)^epochs = \d+", "epochs = 1", recipe_path(recipe).read_text())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{recipe}.toml"
        path.write_text(text)
        train(path, Path(folder) / "run")
        return serialize.load(Path(folder) / "run" / "model.hwk")


def row(graph: Graph, name: str) -> dict[str, Any]:
    """One network; a refusal has no integers."""
    board = boards.load(BOARD)
    base = {"network": name, "ops": len(graph.nodes), "evidence": "measured"}
    try:
        lowered = legal.lowered(hls4ml, graph, board)
    except UnsupportedOp as error:
        print(f"{name}: {error}", flush=True)
        return {**base, "layers": "", "multiplier_bits": "", "integers": 0, "differing": ""}
    feeds = boundary.enter(graph, lowered.graph, feeds_for(graph, INPUTS, 1))
    expected = run(lowered.graph, feeds)
    with tempfile.TemporaryDirectory() as folder:
        made = hls4ml.build(hls4ml.emit(lowered), lowered, Path(folder))
        with hls4ml.open(made) as session:
            got = session.infer(feeds)
    made_row = {
        **base,
        "layers": len(lowered.plan.layers),
        "multiplier_bits": max(map(multiplier_bits, lowered.plan.layers)),
        "integers": sum(values.size for values in expected.values()),
        "differing": sum(
            int(np.count_nonzero(got[key] != values)) for key, values in expected.items()
        ),
    }
    print(made_row, flush=True)
    return made_row


def multiplier_bits(layer: Layer) -> int:
    """Of the constants of a scaling layer; 0 for other layers."""
    return layer.precision["scale"].bits if "scale" in layer.precision else 0


def main(arguments: list[str] | None = None) -> None:
    """Writes ``results/hls4ml_scales.csv``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=NETWORKS)
    parser.add_argument("--recipes", nargs="*", default=built_in())
    options = parser.parse_args(arguments)
    rows = [row(graph, graph.name) for graph in models(options.networks)]
    rows += [row(trained(recipe), recipe) for recipe in options.recipes]
    columns = ["network", "ops", "layers", "multiplier_bits", "integers", "differing", "evidence"]
    write("hls4ml_scales", [{key: each[key] for key in columns} for each in rows])


if __name__ == "__main__":
    main()
