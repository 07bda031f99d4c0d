"""In which order of axes a model input enters the graph: that which its first reader works in."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.layout import NONE, Layout, default_layout, in_order
from hwkit.importers.qonnx.unary import FUNCTIONS

_ON_MAPS = frozenset(
    {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
    | {"BatchNormalization", "Resize", "Upsample"}
)
_ON_FEATURES = frozenset({"MatMul", "Gemm", "LayerNormalization", "Softmax"})
_PASS = frozenset({"Quant", "Relu", "Clip", "Add", "Sub", "Mul", "Div", "Cast", *FUNCTIONS})


def wanted_layout(nodes: Sequence[Node], name: str, rank: int) -> Layout:
    """The layout of the tensor ``name`` of ``rank`` axes, without the batch.

    Channels last, unless what comes next transposes it or multiplies its last axis: tokens (T, C)
    before a matrix stay (T, C), a row (T, C) that is turned for a convolution is (1, T, C).
    """
    # Where each axis of what is followed was in the tensor.
    followed = {name: in_order(rank)}
    for node in nodes:
        places = next((followed[n] for n in node.inputs if n in followed), None)
        if places is None:
            continue
        wanted: Layout | None = None
        if node.op_type in _ON_MAPS:
            wanted = default_layout(rank)
        elif node.op_type in _ON_FEATURES:
            wanted = in_order(rank)
        elif node.op_type == "Transpose":
            axes = node.attribute("perm", []) or list(reversed(range(rank + 1)))
            if sorted(axes) == list(range(rank + 1)) and axes[0] == 0:
                followed[node.outputs[0]] = tuple(places[axis - 1] for axis in axes[1:])
        elif node.op_type in _PASS:
            followed[node.outputs[0]] = places
        if wanted is not None:
            return tuple(NONE if axis == NONE else places[axis] for axis in wanted)
    return default_layout(rank)
