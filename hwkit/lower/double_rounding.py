"""One stored network at fewer weight bits: its integers rounded again.

Double Rounding keeps the integers of the highest width and takes a lower one from them by a shift;
a network that was trained for it is good at each width, any other only as far as it bears it.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.errors import ConfigError, GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.ir.traits import Weighted
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.weight_bits import with_weight_bits

BITS = "double_rounding"
"""Key of a graph's metadata: the width that its weights were rounded to."""


def rounded_to(graph: Graph, bits: int) -> Graph:
    """``graph`` with every weight of more than ``bits`` bits (2 to 8) in ``bits`` signed ones.

    With ``s`` the bits that go, a weight ``w`` becomes ``clamp((w + 2**(s-1)) >> s)`` and so does a
    bias, unclamped; the shifts of the layer's rescale shrink by ``s``, its offsets are shifted
    right by ``s``, and of sums that leave the network as they are the scale grows by ``2**s``.
    Narrower weights, and all that has none, stay as they are.

    ``GraphError`` where that has no exact form: a shift below ``s``, sums that are read unscaled,
    unsigned weights. Example: s8 weights -128, 24, 23, 127 in 4 bits are -8, 2, 1, 7.
    """
    if not 2 <= bits <= 8:
        raise ConfigError(f"--bits {bits}: is not in 2..8; give for example 4")
    graph = fuse_requantize(graph)
    tensors = dict(graph.tensors)
    for op in graph.nodes:
        if not isinstance(op, Weighted):
            continue
        dtype = graph.tensors[op.weight].dtype
        by = dtype.bits - bits
        if by <= 0:
            continue
        if not dtype.signed:
            raise GraphError(op.name, f"its {dtype} weights are not rounded; they must be signed")
        if op.rescale is None:
            _check_leaves(graph, op.name, op.output)
            facts = tensors[op.output].quantization
            if facts is not None:
                grown = replace(facts, scale=tuple(one * 2.0**by for one in facts.scale))
                tensors[op.output] = replace(tensors[op.output], quantization=grown)
        elif low := _least_shift(op.rescale.multiplier, op.rescale.shift, by):
            raise GraphError(
                op.name,
                f"a shift of {low[0]} cannot shrink by {by}; take at least {dtype.bits - low[0]} "
                "bits",
            )
        if (facts := tensors[op.weight].quantization) is not None:
            grown = replace(facts, scale=tuple(one * 2.0**by for one in facts.scale))
            tensors[op.weight] = replace(tensors[op.weight], quantization=grown)
    described = graph.with_nodes(graph.nodes, tensors, dict(graph.constants))
    found = with_weight_bits(described, bits, widen=False)
    return replace(found, metadata={**graph.metadata, BITS: str(bits)})


def _check_leaves(graph: Graph, name: str, output: str) -> None:
    """Sums without a rescale may only leave the network, all of them by one factor."""
    if output not in graph.outputs or any(output in activations(op) for op in graph.nodes):
        raise GraphError(name, "its sums are read unscaled; fewer weight bits would change them")


def _least_shift(multiplier: tuple[int, ...], shift: tuple[int, ...], by: int) -> list[int]:
    """The smallest shift of a channel that is not always zero, where it is below ``by``."""
    return sorted(s for m, s in zip(multiplier, shift, strict=True) if m and s < by)[:1]
