"""SVDF: features of each input, kept for a while, weighted by how old they are.

A layer of ``units * rank`` filters (Nakkiran et al. 2015). The activations of the last inferences
are a state of the graph, (memory, rank, units), so that filter ``unit * rank + r`` lies at
(r, unit), and the weights in time are those of a depthwise convolution that covers it all.
"""

from __future__ import annotations

import numpy as np

from hwkit.importers.tflite.context import (
    DTYPES,
    Context,
    check_operands,
    constant,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.file import INT8, INT16, INT32, FileOperator
from hwkit.importers.tflite.implicit import add_state
from hwkit.ir.ops import Add, Concat, Dense, DepthwiseConv2d, Requantize, Rescale, Rounding, Slice
from hwkit.ir.tflite import double_rescale
from hwkit.ir.types import S8, S32, Array, Quantization


def svdf(context: Context, position: int, op: FileOperator) -> None:
    """SVDF of int8 with a state and weights in time of int8 or int16; one sample at a time."""
    check_operands(op, position, (5, 5))
    name, rank = node_name(position, op), int(op.options["rank"])
    x, feature, time, bias, state = (
        context.file.tensors[index] if index >= 0 else None for index in op.inputs
    )
    if x is None or feature is None or time is None or state is None or bias is None:
        raise damaged(position, op, "an operand is absent")
    weights = constant(context, op.inputs[1], (INT8,), f"{name}: feature weights")
    in_time = constant(context, op.inputs[2], (INT8, INT16), f"{name}: weights in time")
    added = constant(context, op.inputs[3], (INT32,), f"{name}: bias")
    filters, memory = in_time.shape if in_time.ndim == 2 else (0, 0)
    units = filters // max(rank, 1)
    if rank < 1 or not filters or filters % rank or added.shape != (units,):
        raise damaged(position, op, f"{filters} filters of rank {rank}, biases {added.shape}")
    if weights.ndim != 2 or x.shape != (1, weights.shape[1]) or len(weights) != filters:
        raise damaged(position, op, f"weights {weights.shape} with inputs {x.shape}")
    if state.shape != (1, memory * filters) or state.type != time.type:
        raise damaged(position, op, f"a state of {state.shape} for {memory} steps of {filters}")
    facts = context.facts(op.inputs[4])
    if facts.zero_point or any(feature.zero_point) or any(time.zero_point):
        raise unsupported(position, op, "its state and weights must have zero point 0")
    scales = [tensor.scale[0] for tensor in (x, feature, time) if len(tensor.scale) == 1]
    if len(scales) < 3:
        raise unsupported(position, op, "its weights must have one scale each")
    dtype = DTYPES[state.type]
    output = context.facts(op.outputs[0])
    try:
        ratio = _float32(scales[0], scales[1], facts.scale[0])
        to_state = double_rescale([ratio], 0, dtype.low, dtype.high)
        ratio = _float32(facts.scale[0], scales[2], output.scale[0])
        to_output = double_rescale([ratio], output.zero_point, S8.low, S8.high)
    except ValueError as error:
        raise damaged(position, op, error) from error

    def by_rank(of: Array) -> Array:
        """(filters, n) as (rank, units, n)."""
        return of.reshape(units, rank, -1).swapaxes(0, 1)

    rows = np.ascontiguousarray(by_rank(weights).reshape(filters, -1))
    b = context.builder
    weight = b.constant(f"{name}/feature", rows, S8, Quantization(feature.scale))
    source = context.computed(op.inputs[0])
    zero = context.facts(op.inputs[0]).zero_point
    layer = Dense(
        f"{name}/features", source, weight, None, f"{name}/features", zero, rescale=to_state
    )
    made = b.add(layer, dtype, facts)
    shape = (memory, rank, units)
    held = add_state(context, position, op, 4, np.zeros(shape, np.int64))
    newest = context.reshaped(f"{name}/newest", made, (1, rank, units))
    window = newest
    if memory > 1:
        part = Slice(
            f"{name}/kept", held, f"{name}/kept", (1, 0, 0), (memory - 1, rank, units), (1, 1, 1)
        )
        kept = b.add(part, dtype, facts)
        window = b.add(Concat(f"{name}/window", (kept, newest), f"{name}/window", 0), dtype, facts)
    b.update(held, window)
    taps = by_rank(in_time).transpose(2, 0, 1)[None]
    total = _sums(context, name, window, taps, added)
    moved = b.add(Requantize(f"{name}/output", total, f"{name}/output", to_output), S8, output)
    context.add(op.outputs[0], context.view(name, moved, op.outputs[0]))


def _float32(first: float, second: float, divisor: float) -> float:
    return float(np.float32(first) * np.float32(second) / np.float32(divisor))


def _sums(context: Context, name: str, window: str, taps: Array, bias: Array) -> str:
    """The 32-bit sums of ``taps`` (1, memory, rank, units); of 16 bits by their bytes."""
    b = context.builder
    low = ((taps.astype(np.int64) + 128) & 255) - 128
    high = (taps.astype(np.int64) - low) >> 8
    parts = [(low, 1), (np.clip(high, S8.low, S8.high), 256)]
    parts.append((high - parts[1][0], 256))
    total = ""
    for k, (part, factor) in enumerate(parts):
        if k and not part.any():
            continue
        weight = b.constant(f"{name}/time{k}", np.ascontiguousarray(part), S8)
        added = b.constant(f"{name}/bias", bias, S32) if k == 0 else None
        layer = DepthwiseConv2d(f"{name}/sums{k}", window, weight, added, f"{name}/sums{k}")
        sums = b.add(layer, S32)
        if factor == 1:
            total = sums
            continue
        times = Rescale((factor,), (0,), Rounding.FLOOR, S32.low, S32.high)
        both = Add(f"{name}/total{k}", (sums, total), f"{name}/total{k}", (0, 0), (times, None))
        total = b.add(both, S32)
    return total
