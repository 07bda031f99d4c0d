"""From any graph to the form that a .tflite holds and one runtime computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hwkit.boards import Board
from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    ArgMax,
    Constant,
    Op,
    Prelu,
    Requantize,
    Reshape,
    Rounding,
    SumPool2d,
    rescales,
)
from hwkit.ir.sums import bias_of, folded_bias, largest_sums, rows_of
from hwkit.ir.traits import Binary, Pairwise, Weighted
from hwkit.ir.types import S8, S32, Array
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply
from hwkit.lower.finer_steps import finer_steps
from hwkit.lower.floor_as_half_up import floor_as_half_up
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.offset_to_bias import rounded_to_bias
from hwkit.lower.prelu_to_table import prelu_to_table
from hwkit.lower.saturating import require_saturating
from hwkit.lower.shift_to_signed import shift_to_signed
from hwkit.lower.wide_apart import wide_apart
from hwkit.target import Lowered
from hwkit.targets.edge import bilinear
from hwkit.targets.edge.arithmetic import check_ratios, in_runtime
from hwkit.targets.edge.as_depthwise import as_depthwise
from hwkit.targets.edge.capabilities import CAPABILITIES
from hwkit.targets.edge.exact_add import add_as_depthwise
from hwkit.targets.edge.loaded import arithmetic_of
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.runtime import Products
from hwkit.targets.edge.scales import assign_scales, is_wide
from hwkit.targets.edge.softmax import file_softmax
from hwkit.targets.edge.split import split_borders, split_ranges
from hwkit.targets.edge.wide import float32_rescales
from hwkit.targets.edge.widen import widen_to_8_bits

_BROADCAST_AXES = 3
"""Axes of a sample up to which runtimes repeat sizes of 1."""
_LACKING_IN_ADD = {
    Products.XNNPACK: (Rounding.HALF_EVEN, Rounding.FLOAT32, Rounding.FLOOR),
    Products.DOUBLE: (Rounding.FLOOR,),
    Products.RUY: (Rounding.FLOOR,),
    Products.RUY_EIGHTS: (Rounding.FLOOR,),
}
"""Roundings that a runtime's convolutions come nearer to than its add."""
_FLOAT32_EXACT = 1 << 24
"""Every integer up to here, and so every sum that stays below, is exact in float32."""


def lower(graph: Graph, board: Board) -> Lowered[EdgePlan]:
    """The graph as ``board``'s runtime computes it; what it must equal, integer by integer.

    Every pass but three is exact and checked on golden vectors. Those three rescale 32-bit integers
    in float32, round what is finer than a bias and take over the runtime's rounding; the nodes that
    they changed are named. Raises ``UnsupportedOp``.
    """
    assert board.edge is not None
    runtime, target = arithmetic_of(board.edge), board.name
    _check_interface(graph, target)
    require_saturating(graph, target)
    passes: list[Callable[[Graph], Graph]] = [
        fuse_requantize,
        partial(prelu_to_table, kept=Rounding.DOUBLE),
        partial(wide_apart, also=_rescales_to_32_bits),
    ]
    for step in passes:
        graph = apply(graph, step)
    graph, softmaxes = file_softmax(graph)
    graph, wide = float32_rescales(verify(graph), target)
    graph = apply(verify(graph), partial(widen_to_8_bits, target=target))
    graph = verify(shift_to_signed(graph))
    graph = apply(graph, partial(add_as_depthwise, lacking=_LACKING_IN_ADD[runtime.products]))
    graph, added = float32_rescales(apply(graph, partial(wide_apart, also=_has_offsets)), target)
    graph = apply(verify(graph), partial(as_depthwise, target=target, runtime=runtime))
    _check_scales(graph, target)
    bilinear.check(graph, target)
    passes = [
        floor_as_half_up,
        partial(finer_steps, largest_weight=S8.high),
        partial(split_borders, target=target),
        split_ranges,
    ]
    for step in passes:
        graph = apply(graph, step)
    graph, rounded = rounded_to_bias(graph, target)
    verify(graph)
    _check_sums(graph, target)
    check_ratios(graph, runtime, target)
    graph = apply(graph, assign_scales)
    graph, changed = in_runtime(graph, runtime, target)
    retargeted = tuple(dict.fromkeys((*softmaxes, *wide, *added, *rounded, *changed)))
    return Lowered(verify(graph), board, None, retargeted)


def _rescales_to_32_bits(graph: Graph, op: Add) -> bool:
    return graph.tensors[op.output].dtype == S32 and op.input_rescales != (None, None)


def _has_offsets(graph: Graph, op: Add) -> bool:
    """Whether ``op`` rescales with an offset or by channel, which the file's own add does not."""
    one_shape = len({graph.tensors[name].shape for name in op.inputs}) == 1
    return one_shape and any(any(r.offset) or r.channels > 1 for r in rescales(op))


def _check_interface(graph: Graph, target: str) -> None:
    for op in graph.nodes:
        if type(op) not in CAPABILITIES.ops:
            kind = type(op).__name__
            raise UnsupportedOp(op.name, target, f"{kind} has no operator; end the graph before it")
        if isinstance(op, ArgMax) and graph.tensors[op.input].dtype.bits > 8:
            remedy = "runtimes find the largest of 8-bit integers alone; requantize its input"
            raise UnsupportedOp(op.name, target, remedy)
        if isinstance(op, Pairwise):
            shapes = {graph.tensors[name].shape for name in op.inputs}
            if len(shapes) > 1 and len(graph.tensors[op.output].shape) > _BROADCAST_AXES:
                remedy = "it repeats sizes of 1 in more than 3 axes; reshape its operands"
                raise UnsupportedOp(op.name, target, remedy)
        if isinstance(op, Weighted):
            weight = graph.constants[op.weight]
            if int(weight.min()) < S8.low or int(weight.max()) > S8.high:
                remedy = f"its weights reach {int(weight.max())}; quantize them to signed 8 bits"
                raise UnsupportedOp(op.name, target, remedy)


def _check_scales(graph: Graph, target: str) -> None:
    """What has no weights has one scale for all channels in the file, and a PReLU one range and
    zero point for both sides."""
    for op in graph.nodes:
        if isinstance(op, Binary | Prelu) and any(r.channels > 1 for r in rescales(op)):
            remedy = "it rescales each channel by itself; quantize its output per tensor"
            raise UnsupportedOp(op.name, target, remedy)
        if isinstance(op, Prelu):
            ends = {(r.low, r.high, r.zero_point) for r in (op.positive, op.negative)}
            if len(ends) > 1:
                remedy = "its two sides have ranges or zero points of their own; give both one"
                raise UnsupportedOp(op.name, target, remedy)
            if len(graph.tensors[op.output].shape) > _BROADCAST_AXES:
                raise UnsupportedOp(op.name, target, "it has more than 3 axes; reshape its input")


def _check_sums(graph: Graph, target: str) -> None:
    """What has 32 bits is one of the forms that the file has, and float32 holds every sum."""
    if not graph.nodes and not graph.states:
        raise UnsupportedOp(graph.name, target, "it has no nodes; give a graph that computes")
    for op in graph.nodes:
        if not is_wide(graph, op):
            continue
        if not isinstance(op, Weighted):
            _check_wide(op, target)
            continue
        if graph.tensors[op.input].dtype == S32:
            remedy = "it reads a 32-bit sum; requantize the sum to 8 bits first"
            raise UnsupportedOp(op.name, target, remedy)
        if op.rescale is not None:
            remedy = "it gives 32-bit integers; requantize its output to 8 bits"
            raise UnsupportedOp(op.name, target, remedy)
        largest = _largest_partial_sum(graph, op)
        if largest >= _FLOAT32_EXACT:
            raise UnsupportedOp(
                op.name,
                target,
                f"its sums reach {largest}, and only sums below {_FLOAT32_EXACT} leave the "
                "runtime exactly; quantize its output to 8 bits",
            )


def _check_wide(op: Op, target: str) -> None:
    whole = isinstance(op, Add | SumPool2d) and op.rescale is None
    if isinstance(op, Add) and op.input_rescales != (None, None):
        whole = False
    if not (whole or isinstance(op, Requantize | Reshape | Constant | ArgMax)):
        remedy = "it works on 32-bit integers; requantize them to 8 bits first"
        raise UnsupportedOp(op.name, target, remedy)


def _largest_partial_sum(graph: Graph, op: Weighted) -> int:
    """Bound on any partial sum, in any order, of the raw int8 inputs times the weights."""
    rows, bias = float_weight_and_bias(graph, op)
    return int(largest_sums(rows, -S8.low, bias).max())


def float_weight_and_bias(graph: Graph, op: Weighted) -> tuple[Array, Array]:
    """Weights (outputs, taps) and the bias with the zero point folded in, as int64."""
    rows = rows_of(op, graph.constants[op.weight])
    return rows, folded_bias(rows, bias_of(op, graph.constants), op.input_zero_point)
