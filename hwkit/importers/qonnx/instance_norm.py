"""``InstanceNormalization``: a layer norm of each channel's places, turned back behind it."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod, sqrt

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import arranged
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import narrow
from hwkit.importers.qonnx.layout import default_layout, graph_shape, in_order
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Integers, one_or_all
from hwkit.ir.layer_norm import FRACTION_BITS, epsilon_of
from hwkit.ir.ops import LayerNorm, Reshape, Transpose
from hwkit.ir.types import S32, Array, Quantization


def instance_norm(ctx: Context, node: Node) -> None:
    """Over all axes behind the channels; a gain and a bias for each channel."""
    real = narrow(ctx, node, 0)
    rank = len(real.shape)
    if rank < 2 or real.scale.size > 1 or real.order is not None:
        raise UnsupportedOp(node.name, IMPORTER, f"of {real.shape} without the batch; give a map")
    channels, places = real.shape[0], prod(real.shape[1:])
    gamma, beta = (_by_channel(ctx, node, k, channels) for k in (1, 2))
    if (gamma <= 0).any():
        raise UnsupportedOp(node.name, IMPORTER, "a gain that is not above 0; turn the layer's")
    eps = node.attribute("epsilon", 1e-5)
    if not eps >= 0:
        raise GraphError(node.name, f"epsilon {eps} is below 0; export again")
    real = arranged(ctx, node, real, in_order(rank))
    name, source, step = ctx.name(node), real.integers, 2.0**-FRACTION_BITS
    add, facts = ctx.builder.add, Quantization((step,))
    rows, normed, turned = (f"{name}.{key}" for key in ("rows", "normed", "turned"))
    add(Reshape(rows, source.tensor, rows), source.dtype, None, (channels, places))
    add(LayerNorm(normed, rows, normed, epsilon_of(eps, float(real.scale[0]), places)), S32, facts)
    add(Transpose(turned, normed, turned, (1, 0)), S32, facts)
    layout = default_layout(rank) if rank < 4 else (*in_order(rank)[1:], 0)
    scale = one_or_all(gamma * step)
    by_channel = Quantization(tuple(float(s) for s in scale))
    add(Reshape(name, turned, name), S32, by_channel, graph_shape(real.shape, layout))
    largest = ceil(sqrt(places) * (1 << FRACTION_BITS)) + 1
    made = Integers(name, S32, -largest, largest)
    real = replace(real, source=made, scale=scale, offset=one_or_all(beta))
    ctx.put(node, real.under(real.shape, layout))


def _by_channel(ctx: Context, node: Node, place: int, channels: int) -> Array:
    values = ctx.numbers(node, place)
    if values is None or values.size not in (1, channels):
        raise UnsupportedOp(node.name, IMPORTER, "its gain or bias is no constant of one a channel")
    return np.broadcast_to(values.reshape(-1), (channels,)).astype(np.float64)
