"""Seconds from a trained network to something that runs: freeze, import, lower and emit, build.

python -m benchmarks.stages

The network is that of the recipe mnist5k, untrained: its scales come from random images. The FPGA
lane takes the same network with power-of-two scales. Builds start from an empty cache.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.csvfile import write
from hwkit.flow.build import lower
from hwkit.importers import load_model
from hwkit.train.freeze import export, freeze
from hwkit.train.networks import Network
from hwkit.train.pipeline import deterministic
from hwkit.train.recipe import read_recipe
from hwkit.train.twins import quantized_network

SIDE = 28
REPEATS = 3
SCALE_BATCHES = 20
"""Brevitas takes an activation's first scale from so many training batches."""

BOARDS = {
    "virtual_m4": "mnist5k",
    "host_litert": "mnist5k",
    "host_tflm": "mnist5k",
    "hls4ml_csim": "mnist5k_po2",
}
"""A board of each lane, and the recipe whose network it gets."""


def network(recipe: str, side: int = SIDE) -> Network:
    """The quantized network of ``recipe`` for images of ``side`` pixels, with random weights and
    scales that fit them."""
    with deterministic(0):
        made, _ = quantized_network(read_recipe(recipe), (1, side, side), {})
        made.train()
        with torch.no_grad():
            for _ in range(SCALE_BATCHES):
                made(torch.rand(16, 1, side, side))
        made.eval()
    return made


def taken(name: str, stage: str, board: str, call: Callable[[], Any]) -> dict[str, Any]:
    """One row: ``call`` timed ``REPEATS`` times."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    row = {
        "network": name,
        "stage": stage,
        "board": board,
        "cores": os.cpu_count(),
        "repeats": REPEATS,
        "s_min": f"{min(seconds):.3f}",
        "s_median": f"{statistics.median(seconds):.3f}",
        "s_max": f"{max(seconds):.3f}",
        "evidence": "measured",
    }
    print(row, flush=True)
    return row


@contextmanager
def empty_cache() -> Iterator[Path]:
    """A folder for a build, and caches with nothing in them."""
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        try:
            yield Path(folder) / "build"
        finally:
            if before is None:
                del os.environ["XDG_CACHE_HOME"]
            else:
                os.environ["XDG_CACHE_HOME"] = before


def before_boards(recipe: str, folder: Path) -> list[dict[str, Any]]:
    """Freezing (QONNX export and import), and the import by itself."""
    model, example = network(recipe), torch.zeros(1, 1, SIDE, SIDE)
    path = folder / f"{recipe}.onnx"
    export(model, example, path, recipe)  # Warms up imports of the exporters.
    load_model(path)
    return [
        taken(recipe, "freeze", "", lambda: freeze(model, example)),
        taken(recipe, "import", "", lambda: load_model(path)),
    ]


def on_board(recipe: str, board: str, folder: Path) -> list[dict[str, Any]]:
    """Lowering with emission, and the build of what was emitted."""
    graph = load_model(folder / f"{recipe}.onnx")

    def emitted() -> Any:
        target, lowered = lower(graph, board)
        return target, lowered, target.emit(lowered)

    target, lowered, plan = emitted()

    def build() -> None:
        with empty_cache() as out:
            out.mkdir()
            target.build(plan, lowered, out)

    return [
        taken(recipe, "lower and emit", board, emitted),
        taken(recipe, "build", board, build),
    ]


def main() -> None:
    """Writes results/stages.csv."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for recipe in dict.fromkeys(BOARDS.values()):
            rows += before_boards(recipe, folder)
        for board, recipe in BOARDS.items():
            rows += on_board(recipe, board, folder)
    write("stages", rows)


if __name__ == "__main__":
    main()
