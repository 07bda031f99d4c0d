"""What layers load and store, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, DepthwiseConv2d, MaxPool2d, Padding, Requantize
from hwkit.ir.types import S8, IntType
from hwkit.targets.mcu.accesses import accesses
from tests.targets.mcu.models import rescale

_AROUND = Padding(1, 1, 1, 1)


def layers() -> Graph:
    b = GraphBuilder("layers")
    b.input("x", (8, 8, 4), S8)
    b.constant("w", np.ones((8, 3, 3, 4), np.int8), S8)
    b.constant("v", np.ones((1, 3, 3, 8), np.int8), S8)
    b.add(Conv2d("conv", "x", "w", None, "a", padding=_AROUND, rescale=rescale(38)), S8)
    one = DepthwiseConv2d("depthwise", "a", "v", None, "b", padding=_AROUND, rescale=rescale(38))
    b.add(one, S8)
    b.add(MaxPool2d("pool", "b", "c", (2, 2), (2, 2)), S8)
    b.add(Requantize("narrow", "c", "y", replace(rescale(31), low=-8, high=7)), IntType(4, True))
    return b.build(["y"])


def test_of_each_kind_of_layer() -> None:
    graph = layers()
    stored = {name: graph.tensors[name].packed_bytes for name in ("x", "a", "b", "c", "y")}
    conv, depthwise, pool, narrow = graph.nodes
    # 8 * 8 * 8 outputs of 36 products each.
    assert accesses(graph, conv, stored, 64) == {
        "x": 2304, "a": 512, "conv/scratch": 2304 + 9216
    }  # fmt: skip
    assert accesses(graph, conv, stored, 0) == {"x": 9216, "a": 512}
    assert accesses(graph, depthwise, stored, 0) == {"a": 512 * 9, "b": 512}
    assert accesses(graph, pool, stored, 0) == {"b": 512, "c": 128}
    assert accesses(graph, narrow, stored, 0) == {"c": 128, "y": 64}
