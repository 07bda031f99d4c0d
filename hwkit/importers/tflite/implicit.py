"""Variable tensors: what a recurrent operator leaves for its next inference, as states."""

from __future__ import annotations

from hwkit.importers.tflite.context import Context, unsupported
from hwkit.importers.tflite.file import FileOperator
from hwkit.ir.types import Array


def add_state(context: Context, position: int, op: FileOperator, place: int, initial: Array) -> str:
    """A state for the operator's variable tensor, input ``place``, that starts as ``initial``; its
    name. ``UnsupportedOp`` where the tensor is no variable, or another operator's."""
    index = op.inputs[place]
    name = context.names[index]
    if not context.file.tensors[index].is_variable:
        raise unsupported(position, op, f"tensor {name!r} must be a variable of its own")
    if name in context.builder.tensors:
        raise unsupported(position, op, f"tensor {name!r} is a variable of two operators")
    return context.builder.state(name, initial, context.dtype(index), context.facts(index))
