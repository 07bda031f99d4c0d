"""What every operator of a float ``.tflite`` needs: its operands as nodes, constants and axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwkit.errors import FormatError
from hwkit.importers.tflite.file import FLOAT32, FileOperator, TfliteFile
from hwkit.ir.types import Array, Shape
from hwkit.train.ptq import pieces
from hwkit.train.ptq.drawing import Drawing
from hwkit.train.ptq.standard import NotHandled

FIRST, LAST, EITHER = "first", "last", "either"
"""Layouts that an operator takes maps in: channels first, as the file has them, or as they are."""
_LONGEST_NAME = 60


def has_batch(shape: Shape) -> bool:
    """Whether the first axis is the batch: it is 1 and there are others."""
    return len(shape) > 1 and shape[0] == 1


def sample_shape(shape: Shape) -> Shape:
    """A tensor's shape without the batch. Example: (1, 8, 8, 3) has samples (8, 8, 3), and (6, 4)
    is a sample as it is."""
    return shape[1:] if has_batch(shape) else shape


@dataclass(slots=True)
class Tensors:
    """The file's tensors as nodes of a ``drawing``: those of ``last`` in the file's order, and maps
    of ``first`` with their channels first; a map may be there in both."""

    drawing: Drawing
    file: TfliteFile
    last: dict[int, fx.Node] = field(default_factory=dict)
    first: dict[int, fx.Node] = field(default_factory=dict)

    def put(self, index: int, node: fx.Node, first: bool = False) -> None:
        """A tensor's node in one of the two orders."""
        (self.first if first else self.last)[index] = node

    def read(self, index: int, first: bool = False) -> fx.Node:
        """A tensor in the order that is asked for, turned into it once."""
        here, other = (self.first, self.last) if first else (self.last, self.first)
        if index not in here and index not in other:
            other[index] = here[index] = self._constant(index, first)
            del other[index]
        if index not in here:
            turned = pieces.Permuted((0, 3, 1, 2) if first else (0, 2, 3, 1))
            wish = "input" if other[index].op == "placeholder" else "turned"
            here[index] = self.drawing.call(wish, turned, other[index])
        return here[index]

    def _constant(self, index: int, first: bool) -> fx.Node:
        tensor = self.file.tensors[index]
        if tensor.data is None or tensor.type != FLOAT32:
            raise FormatError(
                f"tensor {tensor.name!r:.60} has no value yet; damaged, copy it again"
            )
        value = torch.from_numpy(np.array(tensor.data).reshape(1, *sample_shape(tensor.shape)))
        value = value.movedim(-1, 1) if first else value
        return self.drawing.call("constant", pieces.Constant(value))


@dataclass(frozen=True, slots=True)
class Step:
    """One operator; ``first``: its maps have their channels first."""

    tensors: Tensors
    position: int
    op: FileOperator
    first: bool

    @classmethod
    def of(cls, tensors: Tensors, position: int, op: FileOperator, layout: str) -> Step:
        """The operator at ``position``, in a layout that it takes: of two the one there is."""
        file = tensors.file
        moving = [k for k in op.inputs if k >= 0 and file.tensors[k].data is None]
        maps = all(len(sample_shape(file.tensors[k].shape)) == 3 for k in (*moving, *op.outputs))
        there = any(k in tensors.first and k not in tensors.last for k in moving)
        return cls(tensors, position, op, layout == FIRST or (layout == EITHER and maps and there))

    def shape(self, place: int = 0) -> Shape:
        """The shape of an input in the file, batch included."""
        return self.tensors.file.tensors[self.index(place)].shape

    @property
    def after(self) -> Shape:
        """The shape of the output in the file."""
        if len(self.op.outputs) != 1:
            raise FormatError(f"{self.name}: {len(self.op.outputs)} outputs; damaged")
        return self.tensors.file.tensors[self.op.outputs[0]].shape

    @property
    def name(self) -> str:
        """For messages: operator and place in the file."""
        return f"{self.op.code}_{self.position}"

    def index(self, place: int) -> int:
        """The tensor of an input; ``FormatError`` where there is none."""
        if place >= len(self.op.inputs) or self.op.inputs[place] < 0:
            raise FormatError(f"{self.name}: input {place} is missing; damaged, copy it again")
        return self.op.inputs[place]

    def has(self, place: int) -> bool:
        """Whether an optional input is given."""
        return place < len(self.op.inputs) and self.op.inputs[place] >= 0

    def is_constant(self, place: int) -> bool:
        """Whether an input is a constant of the file."""
        return self.tensors.file.tensors[self.index(place)].data is not None

    def constant(self, place: int) -> Array:
        """An input that is a constant."""
        value = self.tensors.file.tensors[self.index(place)].data
        if value is None:
            raise NotHandled(f"its input {place} is computed; make it a constant")
        return value

    def integers(self, place: int) -> list[int]:
        """A constant of integers, flat."""
        return [int(n) for n in self.constant(place).reshape(-1)[:64]]

    def x(self, place: int = 0) -> fx.Node:
        """An input as a node, in this operator's layout."""
        return self.tensors.read(self.index(place), self.first)

    def call(self, module: nn.Module | None, *reads: fx.Node) -> fx.Node:
        """``module`` of nodes, called as the operator's output is."""
        return self.tensors.drawing.call(self.wish, module, *reads)

    @property
    def wish(self) -> str:
        """A name for modules: the output's, without what converters put behind and before it."""
        output = self.op.outputs[0] if self.op.outputs else -1
        text = self.tensors.file.tensors[output].name if output >= 0 else ""
        words = [w for w in text.split(";")[0].split("/") if w and w not in _SAID_OF_ALL]
        found = "_".join(words[-2:]).split(":")[0]
        return found[:_LONGEST_NAME].replace(".", "_") or self.name.lower()

    def give(self, node: fx.Node, output: int = 0) -> None:
        """Makes ``node`` an output of the operator, behind its fused activation function."""
        made = activation(int(self.op.options.get("activation", 0)))
        shape = self.tensors.file.tensors[self.op.outputs[output]].shape
        first = self.first and len(sample_shape(shape)) == 3
        self.tensors.put(self.op.outputs[output], self.call(made, node), first)

    def axis(self, axis: int, shape: Shape | None = None) -> int:
        """An axis of the file as the node has it; ``NotHandled`` for the batch.

        Example: axis 3 of (1, 8, 8, 4) is 3, with channels first 1; axis 0 of (6, 4) is 1.
        """
        shape = self.shape() if shape is None else shape
        if not -len(shape) <= axis < len(shape):
            raise FormatError(f"{self.name}: axis {axis} of {shape}; damaged, copy it again")
        axis %= len(shape)
        if has_batch(shape):
            if axis == 0:
                raise NotHandled("leave the batch as it is")
        else:
            axis += 1
        return {1: 2, 2: 3, 3: 1}[axis] if self.first else axis

    def beside(self, value: Array) -> Tensor:
        """A constant operand (1, ...) that broadcasts against this operator's output."""
        rank = len(self.after)
        if value.ndim > rank or (value.ndim == rank and has_batch(self.after) and len(value) != 1):
            raise NotHandled(f"a constant of shape {value.shape}; keep the batch as first axis")
        wide = value.reshape((1,) * (rank - value.ndim) + value.shape)
        wide = wide if has_batch(self.after) else wide[None]
        tensor = torch.from_numpy(np.array(wide, np.float32))
        return tensor.movedim(-1, 1) if self.first else tensor

    def operand(self, place: int) -> fx.Node:
        """An activation that broadcasts against the output: with as many axes as that has."""
        found, axes = sample_shape(self.shape(place)), sample_shape(self.after)
        if len(found) == len(axes):
            return self.x(place)
        if len(found) > len(axes) or self.first:
            raise NotHandled(f"operands of shape {self.shape(0)} and {self.shape(1)}")
        return self.call(pieces.Reshaped((1,) * (len(axes) - len(found)) + found), self.x(place))

    def require_after(self, shape: Shape) -> None:
        """``FormatError`` unless the file gives its output the ``shape`` that it has."""
        if tuple(shape) != self.after:
            raise FormatError(f"{self.name}: gives {tuple(shape)}, not {self.after}; damaged")

    def reshaped(self, node: fx.Node, before: Shape, after: Shape) -> fx.Node:
        """A sample under another shape; ``FormatError`` where the numbers differ."""
        if prod(before) != prod(after):
            raise FormatError(f"{self.name}: {before} to {after}; damaged, copy it again")
        return node if before == after else self.call(pieces.Reshaped(after), node)


_SAID_OF_ALL = frozenset({
    "BiasAdd", "Conv2D", "MatMul", "Relu", "Relu6", "add", "convolution", "depthwise", "Add",
    "AddV2", "Reshape", "Tensordot", "StatefulPartitionedCall", "StatefulPartitionedCall_1:0",
})  # fmt: skip


def activation(number: int) -> nn.Module | None:
    """A fused activation function by its number in the schema."""
    match number:
        case 0:
            return None
        case 1:
            return nn.ReLU()
        case 2:
            return nn.Hardtanh(-1.0, 1.0)
        case 3:
            return nn.ReLU6()
        case 4:
            return nn.Tanh()
    raise NotHandled(f"activation {number}; use ReLU, ReLU6 or none")
