"""Executed instructions of one kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwkit.ir.graph import Graph
from tests import sessions
from tests.firmware.single import artifact


def check_products(graph: Graph, board: str, kernel: str, most: float, folder: Path) -> None:
    """At most so many for each multiply-accumulate of the layer."""
    made = artifact(graph, board, folder, kernel)
    shape = graph.tensors["x"].shape
    ((layer,),) = sessions.profile(made, np.zeros((1, *shape), np.int8), 1)
    assert layer.instructions is not None
    assert layer.instructions <= most * layer.macs, layer.instructions / layer.macs
