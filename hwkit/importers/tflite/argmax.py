"""ARG_MAX: the place of the largest integer along an axis."""

from __future__ import annotations

from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    constant,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.file import INT32, INT64, FileOperator
from hwkit.ir.ops import ArgMax, Reshape, Transpose
from hwkit.ir.types import S32


def arg_max(context: Context, position: int, op: FileOperator) -> None:
    """ARG_MAX along any axis but the batch; of equals the first, as every runtime takes it.

    The graph's output is s32 whether the file says int32 or int64.
    """
    check_operands(op, position, (2, 2))
    name = node_name(position, op)
    axes = constant(context, op.inputs[1], (INT32, INT64), f"{name}: axis").reshape(-1).tolist()
    source = context.computed(op.inputs[0])
    shape, dropped = context.builder.shape(source), context.dropped(op.inputs[0])
    rank = len(shape) + dropped
    if len(axes) != 1 or not -rank <= axes[0] < rank:
        raise damaged(position, op, f"axis {axes[:8]} of {rank}")
    axis = axes[0] % rank - dropped
    if axis < 0:
        raise unsupported(position, op, "it searches the batch; take the largest of each sample")
    if axis != len(shape) - 1:
        order = (*(k for k in range(len(shape)) if k != axis), axis)
        last = Transpose(f"{name}/last", source, f"{name}/last", order)
        tensor = context.builder.tensors[source]
        source = context.builder.add(last, tensor.dtype, tensor.quantization)
    place = context.builder.add(ArgMax(name, source, f"{name}/with_axis"), S32)
    output, declared = context.names[op.outputs[0]], context.sample_shape(op.outputs[0])
    if declared != (shape[:axis] + shape[axis + 1 :] or (1,)):
        raise damaged(position, op, f"shape {shape} without axis {axis} is not {declared}")
    context.builder.add(Reshape(f"{name}/shape", place, output), S32, None, declared)
