"""Which channels of which tensors have to be computed: liveness, channel by channel.

A channel is needed where a result of the graph, or a needed channel of a reader, depends on it.
It does not where the channel holds one integer for every input (``intervals``) and the reader can
take that integer into its bias: a dense layer, or a convolution that pads nothing, or nothing but
that integer. Nor does a reader depend on what it multiplies by 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    ArgMax,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    MatMul,
    Op,
    Reshape,
    Slice,
    Softmax,
    Transpose,
    activations,
)
from hwkit.ir.traits import Pairwise
from hwkit.ir.types import Array
from hwkit.lower.optimize.intervals import Interval, channels_of

Channels = dict[str, Array]
"""For each activation, bool (channels,): whether the channel is needed."""


def needed_channels(graph: Graph, found: Mapping[str, Interval]) -> Channels:
    """The least set of channels that the outputs can be computed from.

    A tensor of which anything is needed keeps at least one channel. Inputs and outputs of the
    graph, its states and their next values are kept whole. Example: of a convolution whose second
    channel saturates at 127 and whose reader is a dense layer, only the first is needed.
    """
    needed = {name: np.zeros(len(x.low), np.bool_) for name, x in found.items()}
    for name in (*graph.sources, *graph.results):
        needed[name][:] = True
    before = -1
    while (total := sum(int(keep.sum()) for keep in needed.values())) != before:
        before = total
        for op in reversed(graph.nodes):
            if needed[op.output].any():
                _ask(graph, op, found, needed)
    return needed


def _ask(graph: Graph, op: Op, found: Mapping[str, Interval], needed: Channels) -> None:
    """Adds what ``op`` needs of its inputs, and what it then can't but compute."""
    out = needed[op.output]
    if isinstance(op, Conv2d | Dense):
        needed[op.input] |= _of_products(graph, op, found[op.input], out)
    else:
        for name, (there, here) in zip(activations(op), links(graph, op), strict=True):
            source = needed[name]
            np.logical_or.at(source, here, out[there])
            if not isinstance(op, Pairwise) or len(source) == len(out):  # none repeated
                np.logical_or.at(out, there, source[here])
    for name in activations(op):
        if not needed[name].any():
            needed[name][0] = True


def links(graph: Graph, op: Op) -> list[tuple[Array, Array]]:
    """For each input of an op that keeps channels apart: pairs of a channel of the output and the
    channel of the input that it comes from. An op that mixes them pairs all with all."""
    outputs = channels_of(graph, op.output)
    sizes = [channels_of(graph, name) for name in activations(op)]
    there = np.arange(outputs)
    match op:
        case DepthwiseConv2d():
            return [(there, there // (outputs // sizes[0]))]
        case Concat() if op.axis == len(graph.tensors[op.output].shape) - 1:
            starts = np.cumsum([0, *sizes[:-1]])
            return [(np.arange(n) + s, np.arange(n)) for n, s in zip(sizes, starts, strict=True)]
        case Slice() if op.stride[-1] == 1:
            return [(there, there + op.begin[-1])]
        case Reshape() if outputs % sizes[0] == 0:
            return [(there, there % sizes[0])]
        case Transpose() if op.permutation[-1] == len(op.permutation) - 1:
            return [(there, there)]
        case Slice() | Reshape() | Transpose() | Softmax() | ArgMax() | MatMul() | LayerNorm():
            return [(np.repeat(there, n), np.tile(np.arange(n), outputs)) for n in sizes]
        case _:
            return [(there, there if n == outputs else np.zeros_like(there)) for n in sizes]


def foldable(op: Conv2d | Dense, source: Interval) -> Array:
    """Channels of the input that ``op`` can take into its bias: bool (channels,).

    At a border a convolution sees its zero point instead, so there the constant must be that.
    """
    constant = source.constant()
    if isinstance(op, Dense) or op.padding == NO_PADDING:
        return constant
    unpadded: Array = constant & (source.low == op.input_zero_point)
    return unpadded


def _of_products(graph: Graph, op: Conv2d | Dense, source: Interval, out: Array) -> Array:
    weight = graph.constants[op.weight]
    by_output = weight.reshape(len(weight), -1, len(source.low))
    multiplied: Array = (by_output[out] != 0).any(axis=(0, 1))
    needed: Array = np.logical_and(multiplied, ~foldable(op, source))
    return needed
