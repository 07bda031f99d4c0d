"""Real functions over rows as calls of kernels: softmax from a table, layer norm."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from hwkit.ir import layer_norm as norm
from hwkit.ir import softmax_table as parts
from hwkit.ir.graph import Graph
from hwkit.ir.ops import LayerNorm, Softmax
from hwkit.targets.mcu.call import Call, Fields, named, output_bytes
from hwkit.targets.mcu.rescales import rescale
from hwkit.targets.mcu.structs import Struct, Table


def softmax_table(graph: Graph, op: Softmax) -> Call:
    """A softmax from a table of exponentials."""
    tensor = graph.tensors[op.input]
    exponentials = parts.exponentials(op.input_scale).astype(np.uint32)
    most = 1 << parts.FRACTION_BITS
    fields: Fields = {
        "rows": tensor.elements // tensor.shape[-1],
        "depth": tensor.shape[-1],
        "exponentials": Table("exponentials", exponentials),
        "rescale": rescale(op.rescale, most, "", output_bytes(graph, op)),
    }
    return Call("softmax_table_s8", Struct(fields), (op.input,))


def layer_norm(graph: Graph, op: LayerNorm) -> Call:
    """A layer norm."""
    tensor = graph.tensors[op.input]
    channels = tensor.shape[-1]
    most = ceil(sqrt(channels) * (1 << norm.FRACTION_BITS)) + 1
    low = op.epsilon & 0xFFFFFFFF
    signs = None
    if op.signs is not None:
        signs = Table("signs", graph.constants[op.signs].astype(np.int8))
    fields: Fields = {
        "rows": tensor.elements // channels,
        "channels": channels,
        "epsilon_high": op.epsilon >> 32,
        "epsilon_low": low - (low >> 31 << 32),
        "signs": signs,
        "rescale": rescale(op.rescale, most, "", output_bytes(graph, op)),
    }
    return Call(named("layer_norm", graph, op), Struct(fields), (op.input,))
