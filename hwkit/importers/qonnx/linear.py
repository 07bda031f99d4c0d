"""QDQ and QCDQ files: ``QuantizeLinear``, ``Clip`` of integers and ``DequantizeLinear`` become
``Quant`` nodes, the importer's one form of a quantizer.

A ``QuantizeLinear`` is a ``Quant`` of its type's width that rounds before it adds the zero point.
A ``Clip`` between it and the ``DequantizeLinear`` narrows it: so Brevitas' QCDQ writes widths below
8. What lies between the two only moves integers, so it moves reals as well; then the
``DequantizeLinear`` does nothing, or, where its scale or zero point is another, it is a gain and an
offset. One of a constant stays: a weight or a bias.

ONNX operators QuantizeLinear and DequantizeLinear, opset 10 to 23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.file import Node, OnnxModel
from hwkit.importers.qonnx.qoperators import on_reals
from hwkit.importers.qonnx.rounding import IMPORTER, LINEAR
from hwkit.ir.types import Array, IntType

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
AXIS, LOW, HIGH = "linear_axis", "clip_low", "clip_high"
"""Attributes of a ``Quant`` that was a ``QuantizeLinear``: along which axis its scales run, and
bounds of a ``Clip`` of its integers."""
PARAMETER = "parameter"
"""Attribute of a ``DequantizeLinear``: the name of the weight that it had at first."""

_MOVES = frozenset(
    {"MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice"}
    | {"Split", "Gather", "Identity", "Resize", "Upsample", "GlobalMaxPool", "Expand", "Tile"}
    | {"DepthToSpace", "SpaceToDepth", "Dropout"}
)
_READS_ORDER = frozenset({"ArgMax", "TopK", "Shape"})
"""What comes out the same for reals as for integers of one positive scale."""

_TYPES = {
    "int8": IntType(8, True), "uint8": IntType(8, False), "int16": IntType(16, True),
    "uint16": IntType(16, False), "int4": IntType(4, True), "uint4": IntType(4, False),
    "int2": IntType(2, True), "uint2": IntType(2, False), "int32": IntType(32, True),
}  # fmt: skip
_NAMES = {
    kind: "int8" if kind.bits < 8 and kind.signed else "uint8" if kind.bits < 8 else name
    for name, kind in _TYPES.items()
}
_OUTPUT_TYPES = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 21: "uint4", 22: "int4"}


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """What a tensor of integers stands for: ``scale * (integer - zero_point)``; ``axis`` of the
    scales where there are several."""

    scale: Array
    zero_point: Array
    dtype: IntType
    axis: int

    def equals(self, other: Grid) -> bool:
        """Whether the same integers stand for the same reals."""
        return (
            np.array_equal(self.scale.reshape(-1), other.scale.reshape(-1))
            and np.array_equal(self.zero_point.reshape(-1), other.zero_point.reshape(-1))
            and (self.axis == other.axis or self.scale.size == 1)
        )


def is_linear(model: OnnxModel) -> bool:
    """Whether ONNX Runtime can execute the file: it has no operator of QONNX's domains."""
    return not any("qonnx" in n.domain or "brevitas" in n.domain for n in model.nodes)


def type_of(value: Array) -> IntType | None:
    """The integer type of a constant's dtype, of 4 bits as well."""
    return _TYPES.get(str(value.dtype))


def quantizers(
    nodes: list[Node], model: OnnxModel, outputs: tuple[str, ...]
) -> tuple[list[Node], dict[str, Array], tuple[str, ...]]:
    """``nodes`` with every quantizer in QONNX's form, the constants that they read, and what the
    ``outputs`` are called now.

    Raises ``UnsupportedOp`` for what no graph can hold: scales of blocks, floats of 8 bits, scales
    that are computed, operators that read integers as numbers.
    """
    nodes, constants = on_reals(nodes, model.constants)
    rewriting = _Rewriting(constants, model)
    found = rewriting.run(nodes)
    renamed = tuple(rewriting.renamed.get(n, n) for n in outputs)
    return found, rewriting.constants, renamed


class _Rewriting:
    def __init__(self, constants: dict[str, Array], model: OnnxModel) -> None:
        self.constants = constants
        self.integers = model.integer_inputs
        self.grids: dict[str, Grid] = {}
        self.renamed: dict[str, str] = {}
        self.clips: dict[str, tuple[int, int]] = {}
        self.parameters: dict[str, str] = {}
        self.dequantized: dict[str, Node] = {}
        self.nodes: list[Node] = []

    def run(self, nodes: list[Node]) -> list[Node]:
        self.readers = {name: 0 for node in nodes for name in node.inputs}
        for node in nodes:
            for name in node.inputs:
                self.readers[name] += 1
        for original in nodes:
            try:
                self._take(original)
            except (ValueError, IndexError, TypeError, ArithmeticError) as error:
                raise GraphError(
                    original.name, f"{original.op_type} is malformed ({error}); export again"
                ) from error
        return self.nodes

    def _take(self, original: Node) -> None:
        integers = any(n in self.grids for n in original.inputs)
        inputs = tuple(self.renamed.get(n, n) for n in original.inputs)
        node = replace(original, inputs=inputs)
        if node.op_type == QUANTIZE:
            self._quantize(node)
        elif node.op_type == DEQUANTIZE:
            self._dequantize(node)
        elif integers:
            self._on_integers(node)
        elif node.op_type == "Clip" and node.inputs[0] in self.constants:
            self._clipped_constant(node)
        else:
            self.nodes.append(node)

    # --- quantizers ----------------------------------------------------------------------------

    def _grid(self, node: Node, dtype: IntType | None) -> Grid:
        """Scale, zero point and type of a node; ``dtype`` is that of what it reads, if known."""
        if node.attribute("block_size", 0):
            raise UnsupportedOp(
                node.name, IMPORTER, "scales of blocks (block_size); use one a tensor or a channel"
            )
        given = [self.constants.get(n) if n else None for n in (*node.inputs[1:3], "")[:2]]
        if given[0] is None or (given[1] is None and len(node.inputs) > 2 and node.inputs[2]):
            raise UnsupportedOp(
                node.name, IMPORTER, "a computed scale or zero point; quantize statically"
            )
        scale, zero_point = given
        assert scale is not None
        if zero_point is None:
            zero_point = np.zeros(scale.shape, np.uint8)
            named = _OUTPUT_TYPES.get(node.attribute("output_dtype", 0), "uint8")
            dtype = dtype or _TYPES[named]
        else:
            dtype = type_of(zero_point)
        if dtype is None or scale.size == 0 or zero_point.size not in (1, scale.size):
            raise UnsupportedOp(
                node.name,
                IMPORTER,
                f"zero points of {zero_point.dtype} {zero_point.shape} with scales {scale.shape}; "
                "use int8, uint8, int16 or uint16, one for each scale",
            )
        with np.errstate(all="ignore"):
            if not (np.isfinite(scale) & (scale > 0)).all():
                raise GraphError(node.name, "its scale is no float32 above 0; calibrate it")
        return Grid(
            scale, zero_point.astype(np.int64), dtype,
            node.attribute("axis", 1) if scale.ndim else 0,
        )  # fmt: skip

    def _quantize(self, node: Node) -> None:
        grid = self._grid(node, None)
        if node.inputs[0] in self.dequantized:
            self._read(node.inputs[0])
        if node.inputs[0] in self.constants:
            self._quantized_constant(node, grid)
            return
        zero_point = self._constant(node, "zero_point", grid.zero_point.astype(np.float32))
        bits = self._constant(node, "bits", np.float32(grid.dtype.bits))
        scale = node.inputs[1]
        attributes = {
            "signed": int(grid.dtype.signed), "rounding_mode": LINEAR, AXIS: grid.axis,
        }  # fmt: skip
        inputs = (node.inputs[0], scale, zero_point, bits)
        self.nodes.append(replace(node, op_type="Quant", inputs=inputs, attributes=attributes))
        self.grids[node.outputs[0]] = grid

    def _read(self, name: str) -> None:
        """A dequantized constant as its numbers, for those who quantize it again."""
        node = self.dequantized[name]
        integers = self.constants[node.inputs[0]]
        grid = self._grid(node, type_of(integers))
        scale, zero_point = (
            along(node, v, grid.axis, integers.ndim) for v in (grid.scale, grid.zero_point)
        )
        whole = integers.astype(np.int64) - zero_point
        self.constants[name] = np.asarray(whole.astype(np.float32) * scale.astype(np.float32))

    def _quantized_constant(self, node: Node, grid: Grid) -> None:
        """A weight of reals, quantized in float32 as runtimes do; integers from here on."""
        values = self.constants[node.inputs[0]].astype(np.float32)
        scale, zero_point = (
            along(node, v, grid.axis, values.ndim) for v in (grid.scale, grid.zero_point)
        )
        try:
            with np.errstate(all="ignore"):
                steps = np.rint(values / scale.astype(np.float32)) + zero_point
            if steps.shape != values.shape or not np.isfinite(steps).all():
                raise ValueError
        except ValueError as error:
            raise GraphError(
                node.name, f"scale of shape {grid.scale.shape} does not fit weight {values.shape}"
            ) from error
        integers = np.clip(steps, grid.dtype.low, grid.dtype.high)
        # A constant without axes is an array too.
        self.constants[node.outputs[0]] = np.asarray(integers, _NAMES[grid.dtype])
        self.parameters[node.outputs[0]] = node.inputs[0]

    def _constant(self, node: Node, suffix: str, value: object) -> str:
        name = f"{node.outputs[0]}~{suffix}"
        self.constants[name] = np.asarray(value)
        return name

    def _dequantize(self, node: Node) -> None:
        source, output = node.inputs[0], node.outputs[0]
        if source in self.constants:
            low, high = self.clips.get(source, (None, None))
            extra: dict[str, object] = {} if low is None else {LOW: low, HIGH: high}
            extra[PARAMETER] = self.parameters.get(source, source)
            axis = node.attribute("axis", 1)
            self.nodes.append(replace(node, attributes={AXIS: axis, **extra}))
            self._grid(node, type_of(self.constants[source]))
            self.dequantized[output] = node
            return
        if source in self.integers:
            self._input(node)
            return
        if source not in self.grids:
            raise UnsupportedOp(
                node.name, IMPORTER, f"reads {source!r:.40}, which no QuantizeLinear makes"
            )
        held = self.grids[source]
        grid = self._grid(node, held.dtype)
        if grid.equals(held):
            self.renamed[output] = source
            return
        if max(grid.scale.size, held.scale.size) > 1:
            raise UnsupportedOp(node.name, IMPORTER, "other scales by channel than its quantizer's")
        ratio = float(grid.scale.flat[0]) / float(held.scale.flat[0])
        steps = int(held.zero_point.flat[0]) - int(grid.zero_point.flat[0])
        self._affine(node, source, ratio, steps * float(grid.scale.flat[0]))

    def _affine(self, node: Node, source: str, gain: float, offset: float) -> None:
        """``gain * reals + offset`` under the node's name."""
        output = node.outputs[0]
        moved = f"{output}~gain"
        gained = (source, self._constant(node, "gain_value", np.float64(gain)))
        self.nodes.append(replace(node, op_type="Mul", inputs=gained, outputs=(moved,)))
        added = (moved, self._constant(node, "offset_value", np.float64(offset)))
        self.nodes.append(replace(node, op_type="Add", inputs=added))

    def _input(self, node: Node) -> None:
        """The first reader of an input that is integers already: it quantizes nothing."""
        name = node.inputs[0]
        dtype = self.integers[name]
        grid = self._grid(node, dtype)
        quantizer = replace(
            node, op_type=QUANTIZE, outputs=(f"{node.outputs[0]}~integers",),
            inputs=(name, node.inputs[1], self._constant(node, "zero", _zero(grid, dtype))),
        )  # fmt: skip
        self._quantize(quantizer)
        self.renamed[node.outputs[0]] = quantizer.outputs[0]

    # --- what lies between ---------------------------------------------------------------------

    def _on_integers(self, node: Node) -> None:
        """A node that reads integers and moves them, clips them, or is refused."""
        grids = [self.grids[n] for n in node.inputs if n in self.grids]
        grid = grids[0]
        if node.op_type == "Clip":
            self._clip(node, grid)
        elif node.op_type == "Cast":
            scale, zero_point = float(grid.scale.flat[0]), int(grid.zero_point.flat[0])
            if grid.scale.size > 1:
                raise UnsupportedOp(node.name, IMPORTER, "a Cast of integers of several scales")
            self._affine(node, node.inputs[0], 1 / scale, float(zero_point))
        elif node.op_type in _READS_ORDER:
            self.nodes.append(node)
        elif node.op_type in _MOVES or node.op_type == "Pad":
            joined = node.inputs if node.op_type == "Concat" else node.inputs[:1]
            if len(grids) != len(joined) or not all(g.equals(grid) for g in grids):
                raise UnsupportedOp(
                    node.name, IMPORTER, f"{node.op_type} of integers of unlike scales"
                )
            if node.op_type == "Pad":
                node = self._padded(node, grid)
            self.nodes.append(node)
            for output in node.outputs:
                self.grids[output] = grid
        else:
            raise UnsupportedOp(
                node.name,
                IMPORTER,
                f"ONNX op {node.op_type!r} of integers; put a DequantizeLinear before it",
            )

    def _padded(self, node: Node, grid: Grid) -> Node:
        """Padding with an integer is padding with the real that it stands for."""
        value = self.constants.get(node.inputs[2]) if len(node.inputs) > 2 else None
        integer = 0 if value is None or not value.size else int(value.flat[0])
        real = float(grid.scale.flat[0]) * (integer - int(grid.zero_point.flat[0]))
        filling = self._constant(node, "filling", np.float64(real))
        return replace(node, inputs=(*node.inputs[:2], filling, *node.inputs[3:]))

    def _bounds(self, node: Node) -> tuple[int, int]:
        bounds = [-(1 << 31), (1 << 31) - 1]
        for position in (1, 2):
            if len(node.inputs) > position and node.inputs[position]:
                value = self.constants.get(node.inputs[position])
                if value is None or value.size != 1:
                    raise UnsupportedOp(node.name, IMPORTER, "its bounds are no single constants")
                bounds[position - 1] = int(value.flat[0])
        if bounds[0] > bounds[1]:
            raise GraphError(node.name, f"clips to {bounds[0]}..{bounds[1]}; export again")
        return bounds[0], bounds[1]

    def _clip(self, node: Node, grid: Grid) -> None:
        """Bounds of integers join their quantizer if nobody else reads it."""
        low, high = self._bounds(node)
        last = self.nodes[-1] if self.nodes else node
        source = node.inputs[0]
        self.grids[node.outputs[0]] = grid
        if last.outputs[0] == source and last.op_type == "Quant" and self.readers[source] == 1:
            attributes = {**last.attributes, LOW: low, HIGH: high}
            self.nodes[-1] = replace(last, outputs=node.outputs, attributes=attributes)
            return
        if grid.scale.size > 1:
            raise UnsupportedOp(node.name, IMPORTER, "a Clip of integers of several scales")
        scale, zero_point = float(grid.scale.flat[0]), int(grid.zero_point.flat[0])
        names = tuple(
            self._constant(node, key, np.float64(scale * (bound - zero_point)))
            for key, bound in (("low", low), ("high", high))
        )
        self.nodes.append(replace(node, inputs=(source, *names)))

    def _clipped_constant(self, node: Node) -> None:
        """Brevitas clips integer weights on their way to the ``DequantizeLinear``: that tells
        their width."""
        value = self.constants[node.inputs[0]]
        if type_of(value) is None or node.attributes:
            self.nodes.append(node)
            return
        low, high = self._bounds(node)
        clipped = np.clip(value.astype(np.int64), low, high).astype(value.dtype)
        self.constants[node.outputs[0]] = clipped
        source = node.inputs[0]
        self.parameters[node.outputs[0]] = self.parameters.get(source, source)
        self.clips[node.outputs[0]] = (low, high)


def _zero(grid: Grid, dtype: IntType) -> Array:
    """The zero point of an input's integers in the input's own type."""
    return grid.zero_point.astype(_NAMES[dtype])


def along(node: Node, values: Array, axis: int, rank: int) -> Array:
    """Scales or zero points (n,) of a ``QuantizeLinear`` along its axis of a tensor of ``rank``."""
    if values.ndim == 0 or values.size == 1:
        return values.reshape(())
    if values.ndim != 1 or not -rank <= axis < rank:
        raise GraphError(
            node.name, f"scales of shape {values.shape} along axis {axis} of {rank}; export again"
        )
    sizes = [1] * rank
    sizes[axis] = values.size
    return values.reshape(sizes)


def narrowed(dtype: IntType, attributes: Mapping[str, object]) -> tuple[IntType, int, int]:
    """The narrowest type for integers of ``dtype`` within the bounds of a ``Clip``, and the bounds.

    Example: s8 clipped to -8..7 is s4.
    """
    bounds = attributes.get(LOW, dtype.low), attributes.get(HIGH, dtype.high)
    low, high = max(int(str(bounds[0])), dtype.low), min(int(str(bounds[1])), dtype.high)
    for bits in range(1 + dtype.signed, dtype.bits):
        narrow = IntType(bits, dtype.signed)
        if narrow.low <= low and high <= narrow.high:
            return narrow, low, high
    return dtype, low, high
