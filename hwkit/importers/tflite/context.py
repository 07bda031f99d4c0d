"""What every converter of a .tflite operator needs: the graph so far and checked operands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from math import prod

from hwkit.errors import FormatError, UnsupportedOp
from hwkit.importers.tflite.file import (
    BOOL,
    INT8,
    INT16,
    TYPE_NAMES,
    UINT8,
    FileOperator,
    FileTensor,
    TfliteFile,
)
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import (
    NO_PADDING,
    Constant,
    Op,
    Padding,
    Reshape,
)
from hwkit.ir.shapes import extent
from hwkit.ir.tflite import (
    NONE,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    activation_range,
    same_padding,
)
from hwkit.ir.types import S8, S16, U8, Array, IntType, Quantization, Shape

DTYPES = {INT8: S8, UINT8: U8, INT16: S16, BOOL: S8}
"""Integer types of activations by number of the schema; a condition is 0 or 1."""
TARGET = "the .tflite importer"
_SAME, _VALID = 0, 1
LARGEST = 1 << 16
"""Strides, dilations, kernels and borders above are taken for damage."""


class Context:
    """The file, the graph so far, and one unique name for each tensor.

    ``litert``: the graph's integers are those of LiteRT's reference kernels, else TFLM's.
    ``known`` are names by which users know some of the tensors.
    """

    def __init__(self, file: TfliteFile, name: str, litert: bool, known: Mapping[int, str]) -> None:
        self.file, self.litert = file, litert
        self.builder = GraphBuilder(name)
        self.names = _unique_names(file, known)

    def computed(self, index: int) -> str:
        """Name of an activation that exists by now; a constant becomes one."""
        if index >= 0 and self.file.tensors[index].data is not None:
            return self.operand(index, len(self.sample_shape(index)))
        name = self.names[index]
        if index < 0 or name not in self.builder.tensors:
            raise FormatError(
                f"tensor {index} is read before it is computed; damaged, copy it again"
            )
        return name

    def operand(self, index: int, rank: int) -> str:
        """Name of an activation or constant with ``rank`` axes: sizes of 1 are put in front."""
        tensor = self.file.tensors[index] if index >= 0 else None
        if tensor is not None and tensor.data is not None:
            return self._constant(tensor, index, rank)
        name = self.computed(index)
        shape = self.builder.shape(name)
        if len(shape) >= rank:
            return name
        wide = f"{name}/rank{rank}"
        if wide not in self.builder.tensors:
            shape = (1,) * (rank - len(shape)) + shape
            self.builder.add(Reshape(wide, name, wide), self.dtype(index), self.facts(index), shape)
        return wide

    def _constant(self, tensor: FileTensor, index: int, rank: int) -> str:
        assert tensor.data is not None
        name = f"{self.names[index]}/constant{rank}"
        if name in self.builder.tensors:
            return name
        facts = self.facts(index)
        shape = with_rank(tensor.shape, rank)
        dtype = self.dtype(index)
        value = self.builder.constant(f"{name}/value", tensor.data.reshape(shape), dtype, facts)
        return self.builder.add(Constant(name, value, name), dtype, facts)

    def dropped(self, index: int) -> int:
        """1 if the tensor's first axis is a batch of 1 that its activation leaves out, else 0."""
        shape = self.file.tensors[index].shape
        return int(len(shape) > 1 and shape[0] == 1)

    def file_shape(self, index: int) -> Shape:
        """Shape without a batch of 1, as many axes as there are; one at least."""
        return self.file.tensors[index].shape[self.dropped(index) :] or (1,)

    def sample_shape(self, index: int) -> Shape:
        """The same as the graph holds it, its leading axes merged into four at most."""
        return held(self.file_shape(index))

    def facts(self, index: int) -> Quantization:
        """Scale and zero point of the file's tensor ``index``."""
        return tensor_facts(self.file.tensors[index])

    def dtype(self, index: int) -> IntType:
        """Integer type of the activation ``index``."""
        return DTYPES.get(self.file.tensors[index].type, S8)

    def add(self, index: int, op: Op) -> None:
        """Appends ``op``, whose output is the file's tensor ``index``; its shape must agree."""
        declared = self.sample_shape(index)
        self.builder.add(op, self.dtype(index), self.facts(index), declared)
        if self.builder.shape(op.output) != declared:
            raise FormatError(
                f"{op.name}: output is declared {declared}, computed "
                f"{self.builder.shape(op.output)}; damaged, copy it again"
            )

    def view(self, name: str, source: str, index: int) -> Reshape:
        """``source`` under the shape of the file's tensor ``index``, which it becomes."""
        return Reshape(f"{name}/shape", source, self.names[index])

    def reshaped(self, name: str, source: str, shape: Shape) -> str:
        """``source`` under ``shape``, by a node ``name`` unless it has that shape already."""
        if self.builder.shape(source) == shape:
            return source
        tensor = self.builder.tensors[source]
        return self.builder.add(
            Reshape(name, source, name), tensor.dtype, tensor.quantization, shape
        )


_GENERATED = re.compile(r"/(rank|constant)\d+(/value)?$|/initial$")
"""Endings of the names that a ``Context`` itself gives."""


def _unique_names(file: TfliteFile, known: Mapping[int, str]) -> list[str]:
    """A name for each tensor: as users know it, or its own, but where that is empty, or taken by an
    earlier tensor, or of the form that the importer's own tensors have: then with its number behind
    it. What users know goes before what a tensor is called inside the file, so that no name means
    another tensor than they mean; a name that they know several by is nobody's.

    Example: of tensors a, b known as b, c the names are b, c; of a, b known as b, -: b, b#1.
    """
    codes = {op.code.lower() for op in file.operators}
    counts = Counter(known.values())
    known = {index: name for index, name in known.items() if counts[name] == 1}
    meant = set(known.values())
    given = [tensor.name for tensor in file.tensors]
    for index, name in enumerate(given):
        given[index] = known.get(index, f"{name}#{index}" if name in meant else name)
    others, taken = set(given), dict[str, None]()
    for index, name in enumerate(given):
        first, _, inside = name.partition("/")
        code = first.rpartition("_")[0]
        own = (inside and code in codes) or _GENERATED.search(name)
        if not name or own or name in taken:
            name = f"{name}#{index}"
            while name in others or name in taken:
                name += "#"
        taken[name] = None
    return list(taken)


_MOST_AXES = 4
"""Of a tensor of a graph."""


def held(shape: Shape) -> Shape:
    """``shape`` with leading axes merged until there are four. Example: (2, 3, 4, 5, 6) is held as
    (6, 4, 5, 6)."""
    first = max(len(shape) - _MOST_AXES, 0) + 1
    return (prod(shape[:first]), *shape[first:]) if first > 1 else shape


def with_rank(shape: Shape, rank: int) -> Shape:
    """``shape`` with leading sizes of 1 added, or taken away, to have ``rank`` axes if it can."""
    while len(shape) > rank and shape[0] == 1:
        shape = shape[1:]
    return (1,) * (rank - len(shape)) + shape


def tensor_facts(tensor: FileTensor) -> Quantization:
    """Scale and zero point of an 8-bit or int16 activation."""
    what = f"tensor {tensor.name!r}"
    if tensor.type not in DTYPES:
        kind = TYPE_NAMES.get(tensor.type, f"type {tensor.type}")
        raise UnsupportedOp(f"{what} ({kind})", TARGET, "convert the model to full int8")
    if not prod(tensor.shape):
        raise UnsupportedOp(what, TARGET, f"its shape {tensor.shape} holds nothing")
    if tensor.type == BOOL:
        return Quantization((1.0,), 0)
    if len(tensor.scale) > 1:
        remedy = f"it has {len(tensor.scale)} scales along axis {tensor.axis}; only weights may"
        raise UnsupportedOp(what, TARGET, remedy)
    if len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
        raise UnsupportedOp(what, TARGET, "it has no scale and zero point; convert to full int8")
    dtype = DTYPES[tensor.type]
    if dtype == S16 and tensor.zero_point[0]:
        raise UnsupportedOp(f"tensor {tensor.name!r}", TARGET, "16-bit zero points must be 0")
    if not dtype.low <= tensor.zero_point[0] <= dtype.high:
        kind = TYPE_NAMES[tensor.type]
        raise FormatError(f"{what}: zero point {tensor.zero_point[0]} is no {kind}")
    return Quantization(tensor.scale, tensor.zero_point[0])


def node_name(position: int, op: FileOperator) -> str:
    """Operator 3, a CONV_2D, is ``conv_2d_3``."""
    return f"{op.code.lower()}_{position}"


def check_operands(
    op: FileOperator, position: int, inputs: tuple[int, int], outputs: int = 1
) -> None:
    """``FormatError`` unless ``op`` has the number of outputs, and of inputs one in the given
    range; the first of these, as many as it must have, are present."""
    low, high = inputs
    if (
        not low <= len(op.inputs) <= high
        or len(op.outputs) != outputs
        or min(*op.outputs, *op.inputs[:low]) < 0
    ):
        raise FormatError(
            f"{node_name(position, op)}: {len(op.inputs)} inputs, {len(op.outputs)} outputs; "
            "damaged, copy it again"
        )


def unsupported(position: int, op: FileOperator, remedy: str) -> UnsupportedOp:
    """The error that names operator and position."""
    return UnsupportedOp(f"operator {position} ({op.code})", TARGET, remedy)


def damaged(position: int, op: FileOperator, reason: object) -> FormatError:
    """The error for an operator whose parts do not fit together."""
    return FormatError(f"{node_name(position, op)}: {reason}; damaged, copy it again")


def size_option(op: FileOperator, key: str) -> int:
    """A stride, dilation or kernel size: above 0 and not absurd."""
    value = int(op.options[key])
    if not 1 <= value <= LARGEST:
        raise FormatError(f"{op.code}: {key} is {value}; damaged, copy it again")
    return value


def fused_range(context: Context, op: FileOperator, position: int) -> tuple[int, int]:
    """Range of the fused activation."""
    activation = int(op.options["activation"])
    if activation not in (NONE, RELU, RELU6, RELU_N1_TO_1):
        raise unsupported(position, op, f"fused activation {activation}; use none or a RELU")
    facts = context.facts(op.outputs[0])
    dtype = context.dtype(op.outputs[0])
    return ordered(*activation_range(activation, facts.scale[0], facts.zero_point, dtype))


def ordered(low: int, high: int) -> tuple[int, int]:
    """A range that is cut off whole keeps its nearer end, as the kernels' max-then-min does."""
    return min(low, high), high


def constant(context: Context, index: int, kinds: tuple[int, ...], what: str) -> Array:
    """The data of a constant of one of the schema types ``kinds``; ``FormatError`` otherwise."""
    tensor = context.file.tensors[index] if index >= 0 else None
    if tensor is not None and context.names[index] in context.builder.tensors:
        raise UnsupportedOp(what, TARGET, "it is computed; convert the model with a constant")
    if tensor is None or tensor.data is None or tensor.type not in kinds:
        raise FormatError(f"{what} is not a constant of the expected type; damaged, copy it again")
    return tensor.data


def window(
    op: FileOperator, shape: Shape, kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[tuple[int, int], Padding]:
    """Stride and padding of an operator that slides a window over a map (H, W, C)."""
    stride = (size_option(op, "stride_h"), size_option(op, "stride_w"))
    if "pad_top" in op.options:
        sides = ("top", "bottom", "left", "right")
        return stride, Padding(*(int(op.options[f"pad_{side}"]) for side in sides))
    if op.options["padding"] == _VALID:
        return stride, NO_PADDING
    if op.options["padding"] != _SAME:
        raise FormatError(f"{op.code}: padding {op.options['padding']}; damaged, copy it again")
    top, bottom = same_padding(shape[0], extent(kernel[0], dilation[0]), stride[0])
    left, right = same_padding(shape[1], extent(kernel[1], dilation[1]), stride[1])
    return stride, Padding(top, bottom, left, right)


def map_shape(context: Context, name: str, position: int, op: FileOperator) -> Shape:
    """Shape (H, W, C) of an activation; ``UnsupportedOp`` for another rank."""
    shape = context.builder.shape(name)
    if len(shape) != 3:
        raise unsupported(position, op, f"it reads one map (1, H, W, C), not a tensor {shape}")
    return shape
