"""A lowered graph as layers of a core: ranges, accumulators, weights with zero points folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.softmax_table import FRACTION_BITS
from hwkit.ir.sums import bias_of, folded_bias
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType, Shape
from hwkit.targets.rtl import khot
from hwkit.targets.rtl.layers import (
    MAXIMUM,
    MULTIPLY,
    ONES,
    Border,
    Lanewise,
    Largest,
    Layer,
    Matrix,
    Pointwise,
    Sum,
    Table,
    Window,
)
from hwkit.targets.rtl.moving import Gather, Join, Source
from hwkit.targets.rtl.pairs import Choice, Product
from hwkit.targets.rtl.ranges import Range, of_type, signed_bits, sums
from hwkit.targets.rtl.rescaling import TARGET, Scaling, mean, scaling
from hwkit.targets.rtl.softmax import KINDS, Normalized


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor in the core: the wires' type, and what the integers on them can be."""

    dtype: IntType
    range: Range


@dataclass(frozen=True, slots=True)
class Delay:
    """A state: ``update`` of one inference is ``tensor`` of the next, ``initial`` (flat) of the
    first; ``update`` is stored as ``dtype``."""

    tensor: str
    update: str
    dtype: IntType
    initial: Array


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in order of flow; ``aliases`` the tensors that are another's integers; ``sinks`` the
    tensor of each output, in the type that the graph declares for it."""

    layers: tuple[Layer, ...]
    values: dict[str, Value]
    aliases: dict[str, str]
    sources: tuple[str, ...]
    sinks: tuple[tuple[str, IntType], ...]
    delays: tuple[Delay, ...]

    @property
    def read(self) -> Iterator[str]:
        """The tensor of every reader: layers, then states, then outputs."""
        for layer in self.layers:
            yield from layer.inputs
        yield from (delay.update for delay in self.delays)
        yield from (name for name, _ in self.sinks)


def network(graph: Graph) -> Network:
    """The layers and states of ``graph`` that reach its outputs.

    Raises ``UnsupportedOp`` naming the op for what has no circuit.
    """
    maker = _Maker(graph)
    for op in graph.nodes:
        maker.add(op)
    sinks = tuple((maker.real(name), graph.tensors[name].dtype) for name in graph.outputs)
    delays = [
        Delay(
            state.tensor,
            maker.real(state.update),
            graph.tensors[state.tensor].dtype,
            graph.constants[state.initial].astype(np.int64).reshape(-1),
        )
        for state in graph.states
    ]
    layers, live = _leading_to({name for name, _ in sinks}, maker.layers, delays)
    return Network(layers, maker.values, maker.aliases, graph.inputs, sinks, live)


def _leading_to(
    sinks: Set[str], layers: Sequence[Layer], delays: Sequence[Delay]
) -> tuple[tuple[Layer, ...], tuple[Delay, ...]]:
    """Those whose output reaches one of ``sinks``: others would wait for a reader forever."""
    wanted: set[str] = set()
    more = set(sinks)
    while not more <= wanted:
        wanted |= more
        for layer in reversed(layers):
            if layer.output in wanted:
                wanted |= set(layer.inputs)
        more = {delay.update for delay in delays if delay.tensor in wanted}
    return (
        tuple(layer for layer in layers if layer.output in wanted),
        tuple(delay for delay in delays if delay.tensor in wanted),
    )


class _Maker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        given = (*graph.inputs, *(state.tensor for state in graph.states))
        types = {name: graph.tensors[name].dtype for name in given}
        self.values = {name: Value(dtype, of_type(dtype)) for name, dtype in types.items()}
        self.layers: list[Layer] = []
        self.aliases: dict[str, str] = {}
        self.signs: dict[str, str] = {}  # of a tensor of 1 and -1 the tensor of bits, 1 and 0
        self.constants: dict[str, Array] = {}

    def real(self, name: str) -> str:
        """The tensor whose stream carries ``name``."""
        return self.aliases.get(name, name)

    def value(self, name: str) -> Value:
        return self.values[self.real(name)]

    def add(self, op: Op) -> None:
        match op:
            case Conv2d() | Dense():
                self.matrix(op)
            case DepthwiseConv2d():
                self.depthwise(op)
            case SumPool2d() | AvgPool2d() | MaxPool2d():
                self.pool(op)
            case Requantize() | Clamp():
                self.pointwise(op)
            case Add() | Sub():
                self.sum(op)
            case Lookup():
                self.lookup(op)
            case Pad():
                self.pad(op)
            case ArgMax():
                self.largest(op)
            case Reshape():
                self.aliases[op.output] = self.real(op.input)
            case Softmax():
                self.softmax(op)
            case Mul():
                self.product(op)
            case Prelu():
                self.prelu(op)
            case Slice() | Transpose() | ResizeNearest():
                self.moved(op)
            case Concat():
                self.joined(op)
            case Constant():
                value = self.graph.constants[op.value].astype(np.int64)
                self.constants[op.output] = value
                self.constant(op.name, op.output, value, self.graph.tensors[op.output].dtype)
            case _:
                kind = type(op).__name__
                remedy = f"{kind} has no circuit; end the network in front of it"
                raise UnsupportedOp(op.name, TARGET, remedy)

    def put(self, layer: Layer, dtype: IntType, r: Range) -> None:
        self.layers.append(layer)
        self.values[layer.output] = Value(dtype, r)

    def finished(
        self, op: Op, total: Range, r: Rescale | None
    ) -> tuple[IntType, Scaling | None, Value]:
        """Type of the accumulator, its rescale, and what leaves the layer."""
        acc = IntType(signed_bits(total), True)
        if r is None:
            return acc, None, Value(acc, total)
        dtype = self.graph.tensors[op.output].dtype
        made = scaling(r, acc, total, 0, dtype, op.name)
        return acc, made, Value(dtype, made.result)

    # Layers that slide a window over a map ------------------------------------------------------

    def window(
        self,
        op: Conv2d | DepthwiseConv2d | SumPool2d | AvgPool2d | MaxPool2d | Pad,
        kernel: tuple[int, int],
        padding: Padding,
        pad: int,
    ) -> Window:
        height, width, channels = self.graph.tensors[op.input].shape
        out_height, out_width, _ = self.graph.tensors[op.output].shape
        stride = (1, 1) if isinstance(op, Pad) else op.stride
        dilation = op.dilation if isinstance(op, Conv2d | DepthwiseConv2d) else (1, 1)
        return Window(
            height, width, channels, kernel, stride, dilation, padding, out_height, out_width, pad
        )

    def bias(self, op: Weighted, matrix: Array) -> Array:
        """Bias of sums over the stored integers: the zero point's share is constant, since
        borders are padded with it."""
        return folded_bias(matrix, bias_of(op, self.graph.constants), op.input_zero_point)

    def matrix(self, op: Conv2d | Dense) -> None:
        weight = self.graph.constants[op.weight].astype(np.int64)
        shape = self.graph.tensors[op.input].shape
        if isinstance(op, Conv2d):
            kernel = (weight.shape[1], weight.shape[2])
            window = self.window(op, kernel, op.padding, op.input_zero_point)
        else:
            places = int(np.prod(shape[:-1]))
            ones = (1, 1)
            window = Window(places, 1, shape[-1], ones, ones, ones, NO_PADDING, places, 1, 0)
        weights = weight.reshape(len(weight), -1, weight.shape[-1])
        flat = weights.reshape(len(weights), -1)
        source, bias = self.real(op.input), self.bias(op, flat)
        total = sums(flat, bias, self.padded(self.values[source].range, window))
        acc, made, value = self.finished(op, total, op.rescale)
        bits = self.signs.get(source) if window.padding == NO_PADDING else None
        signs = bits is not None and bool((np.abs(weights) == 1).all())
        if bits is not None and signs:
            source, bias = bits, bias - flat.shape[1]
        layer = Matrix(
            op.name,
            (source,),
            op.output,
            window,
            self.values[source].dtype,
            weights,
            1 if signs else _weight_bits(weights),
            _hot(weights),
            bias,
            acc.bits,
            made,
            signs,
        )
        self.put(layer, value.dtype, value.range)

    def padded(self, x: Range, window: Window) -> Range:
        return x if window.padding == NO_PADDING else x.with_value(window.pad)

    def depthwise(self, op: DepthwiseConv2d) -> None:
        weight = self.graph.constants[op.weight].astype(np.int64)
        kernel = (weight.shape[1], weight.shape[2])
        matrix = np.moveaxis(weight[0], 2, 0).reshape(weight.shape[3], -1)
        window = self.window(op, kernel, op.padding, op.input_zero_point)
        self.lanewise(op, window, matrix, self.bias(op, matrix), op.rescale, MULTIPLY)

    def lanewise(
        self,
        op: DepthwiseConv2d | SumPool2d,
        window: Window,
        matrix: Array,
        bias: Array,
        r: Rescale | None,
        kind: int,
    ) -> None:
        x = self.value(op.input)
        total = sums(matrix, bias, self.padded(x.range, window))
        acc, made, value = self.finished(op, total, r)
        layer = Lanewise(
            op.name,
            (self.real(op.input),),
            op.output,
            window,
            x.dtype,
            matrix if kind == MULTIPLY else None,
            _weight_bits(matrix),
            _hot(matrix),
            bias,
            acc.bits,
            made,
            kind,
            len(matrix) // window.channels,
        )
        self.put(layer, value.dtype, value.range)

    def pool(self, op: SumPool2d | AvgPool2d | MaxPool2d) -> None:
        x = self.value(op.input)
        if isinstance(op, MaxPool2d):
            self.maximum(op, self.real(op.input), op.name, op.output)
            bits = self.signs.get(self.real(op.input))
            if bits is not None and op.padding == NO_PADDING:
                self.signs[op.output] = f"{op.output}/bits"
                self.maximum(op, bits, f"{op.name}/bits", self.signs[op.output])
            return
        if isinstance(op, SumPool2d):
            window = self.window(op, op.kernel, op.padding, op.input_zero_point)
            ones = np.ones((window.channels, window.taps), np.int64)
            bias = np.full(window.channels, -op.input_zero_point * window.taps)
            self.lanewise(op, window, ones, bias, op.rescale, ONES)
            return
        window = self.window(op, op.kernel, op.padding, 0)
        total = Range(min(x.range.low, 0) * window.taps, max(x.range.high, 0) * window.taps)
        acc = IntType(signed_bits(total), True)
        dtype = self.graph.tensors[op.output].dtype
        made = mean(window.counts, op.low, op.high, acc, total, dtype, op.name)
        self.whole(op.name, self.real(op.input), op.output, window, acc, made, ONES)

    def maximum(self, op: MaxPool2d, tensor: str, name: str, output: str) -> None:
        """``output`` is the pool ``op`` of ``tensor``."""
        x = self.values[tensor]
        window = self.window(op, op.kernel, op.padding, x.dtype.low)
        total = self.padded(x.range, window)
        acc = IntType(signed_bits(total), True)
        copied = Rescale((1,), (0,), Rounding.FLOOR, x.dtype.low, x.dtype.high)
        made = scaling(copied, acc, total, 0, x.dtype, name)
        self.whole(name, tensor, output, window, acc, made, MAXIMUM)

    def whole(
        self,
        name: str,
        tensor: str,
        output: str,
        window: Window,
        acc: IntType,
        made: Scaling,
        kind: int,
    ) -> None:
        """A pool without weights, of kind ``ONES`` or ``MAXIMUM``."""
        x = self.values[tensor]
        layer = Lanewise(
            name,
            (tensor,),
            output,
            window,
            x.dtype,
            None,
            1,
            1,
            np.zeros(window.channels, np.int64),
            acc.bits,
            made,
            kind,
        )
        self.put(layer, made.dtype, made.result)

    def pad(self, op: Pad) -> None:
        x = self.value(op.input)
        window = self.window(op, (1, 1), op.padding, op.value)
        surrounded, dtype = x.range.with_value(op.value), x.dtype
        if not dtype.low <= op.value <= dtype.high:
            dtype = IntType(max(signed_bits(of_type(dtype)), signed_bits(surrounded)), True)
        layer = Border(op.name, (self.real(op.input),), op.output, window, dtype)
        self.put(layer, dtype, surrounded)

    # Integer by integer -------------------------------------------------------------------------

    def pointwise(self, op: Requantize | Clamp) -> None:
        offset = 0
        if isinstance(op, Clamp):
            r = Rescale((1,), (0,), Rounding.FLOOR, op.low, op.high)
        else:
            r, offset = op.rescale, -op.input_zero_point
        self.scaled(op.name, op.input, op.output, r, offset, op.output)

    def scaled(
        self, name: str, tensor: str, output: str, r: Rescale, offset: int, like: str
    ) -> Range:
        """``output``, of shape and type as ``like``, is ``r`` of ``tensor + offset``."""
        x, made_of = self.value(tensor), self.graph.tensors[like]
        made = scaling(r, x.dtype, x.range, offset, made_of.dtype, name)
        layer = Pointwise(
            name,
            (self.real(tensor),),
            output,
            made_of.elements,
            made_of.shape[-1],
            x.dtype,
            made,
        )
        self.put(layer, made_of.dtype, made.result)
        return made.result

    def lookup(self, op: Lookup) -> None:
        x, tensor = self.value(op.input), self.graph.tensors[op.output]
        declared = self.graph.tensors[op.input].dtype
        table = self.graph.constants[op.table].astype(np.int64)
        patterns = np.arange(1 << x.dtype.bits)
        if x.dtype.signed:
            patterns = np.where(patterns > x.dtype.high, patterns - len(patterns), patterns)
        entries = table[np.clip(patterns - declared.low, 0, len(table) - 1)]
        if set(table.tolist()) == {-1, 1}:
            self.signs[op.output] = self.bits(op, x, entries > 0)
        layer = Table(
            op.name,
            (self.real(op.input),),
            op.output,
            tensor.elements,
            tensor.shape[-1],
            x.dtype,
            entries,
            tensor.dtype,
        )
        self.put(layer, tensor.dtype, Range(int(table.min()), int(table.max())))

    def bits(self, op: Lookup, x: Value, entries: Array) -> str:
        """The tensor of a bit for each integer of the table's output, by the bits of its input."""
        bit, tensor = IntType(1, False), self.graph.tensors[op.output]
        if x.dtype == bit and entries.tolist() == [False, True]:
            return self.real(op.input)
        name, output = f"{op.name}/bits", f"{op.output}/bits"
        layer = Table(
            name,
            (self.real(op.input),),
            output,
            tensor.elements,
            tensor.shape[-1],
            x.dtype,
            entries.astype(np.int64),
            bit,
        )
        self.put(layer, bit, Range(0, 1))
        return output

    def largest(self, op: ArgMax) -> None:
        x, channels = self.value(op.input), self.graph.tensors[op.input].shape[-1]
        dtype = IntType(max((channels - 1).bit_length(), 1), False)
        size = self.graph.tensors[op.output].elements
        layer = Largest(op.name, (self.real(op.input),), op.output, size, channels, x.dtype, dtype)
        self.put(layer, dtype, Range(0, channels - 1))

    def softmax(self, op: Softmax) -> None:
        x, tensor = self.value(op.input), self.graph.tensors[op.output]
        if op.kind not in KINDS or x.dtype.bits > 8:
            remedy = f"Softmax {op.kind} of {x.dtype} has no circuit; end the network at its logits"
            raise UnsupportedOp(op.name, TARGET, remedy)
        dtype, made = tensor.dtype, None
        result = of_type(dtype)
        if op.kind is SoftmaxKind.TABLE:
            dtype, result = IntType(32, True), Range(0, 1 << FRACTION_BITS)
        value = Value(dtype, result)
        if op.rescale is not None:
            made = scaling(op.rescale, dtype, result, 0, tensor.dtype, op.name)
            value = Value(tensor.dtype, made.result)
        layer = Normalized(
            op.name,
            (self.real(op.input),),
            op.output,
            tensor.elements,
            tensor.shape[-1],
            x.dtype,
            op.input_scale,
            op.kind,
            dtype,
            made,
        )
        self.put(layer, value.dtype, value.range)

    def sum(self, op: Add | Sub) -> None:
        names = self.broadcast(op)
        scalings: list[Scaling | None] = []
        ranges: list[Range] = []
        offset = 0
        signs = (1, -1 if isinstance(op, Sub) else 1)
        operands = zip(names, op.input_zero_points, op.input_rescales, signs, strict=True)
        for name, zero_point, r, sign in operands:
            x = self.values[name]
            if r is None:
                scalings.append(None)
                offset -= sign * zero_point
                ranges.append(x.range)
            else:
                made = self.operand(r, x, zero_point, op)
                scalings.append(made)
                ranges.append(made.result)
        second = -ranges[1] if isinstance(op, Sub) else ranges[1]
        total = (ranges[0] + second).moved(offset)
        acc, made_out, value = self.finished(op, total, op.rescale)
        tensor = self.graph.tensors[op.output]
        layer = Sum(
            op.name,
            names,
            op.output,
            tensor.elements,
            tensor.shape[-1],
            (self.values[names[0]].dtype, self.values[names[1]].dtype),
            (scalings[0], scalings[1]),
            isinstance(op, Sub),
            offset,
            acc.bits,
            made_out,
        )
        self.put(layer, value.dtype, value.range)

    def operand(self, r: Rescale, x: Value, zero_point: int, op: Add | Sub) -> Scaling:
        """A rescale to a common step, on wires as wide as its results need."""
        wide = IntType(32, True)
        made = scaling(r, x.dtype, x.range, -zero_point, wide, op.name)
        return scaling(
            r, x.dtype, x.range, -zero_point, IntType(signed_bits(made.result), True), op.name
        )

    def product(self, op: Mul) -> None:
        names = self.broadcast(op)
        offsets = (-op.input_zero_points[0], -op.input_zero_points[1])
        first, second = (
            self.values[name].range.moved(by) for name, by in zip(names, offsets, strict=True)
        )
        acc, made, value = self.finished(op, first * second, op.rescale)
        tensor = self.graph.tensors[op.output]
        layer = Product(
            op.name,
            names,
            op.output,
            tensor.elements,
            tensor.shape[-1],
            offsets,
            (first, second),
            acc.bits,
            made,
        )
        self.put(layer, value.dtype, value.range)

    def broadcast(self, op: Add | Sub | Mul) -> tuple[str, str]:
        """Tensors of the operands, each in the shape of the output."""
        shape = self.graph.tensors[op.output].shape
        first, second = (self.in_shape(op, k, name, shape) for k, name in enumerate(op.inputs))
        return first, second

    def in_shape(self, op: Add | Sub | Mul, k: int, name: str, shape: Shape) -> str:
        """The tensor of operand ``k``, its sizes of 1 repeated to ``shape``."""
        tensor = self.graph.tensors[name]
        if tensor.shape == shape:
            return self.real(name)
        made = f"{op.name}/{k}"
        if name in self.constants:
            value = np.broadcast_to(self.constants[name], shape)
            return self.constant(made, made, value, tensor.dtype)
        index = np.broadcast_to(np.arange(tensor.elements).reshape(tensor.shape), shape)
        self.gather(made, name, made, index)
        return self.real(made)

    def prelu(self, op: Prelu) -> None:
        """Both branches, and the one that the input's sign chooses."""
        tensor, x = self.graph.tensors[op.output], self.value(op.input)
        names = {part: f"{op.name}/{part}" for part in ("slope", "above", "below")}
        slope = self.graph.constants[op.slope].astype(np.int64) - op.slope_zero_point
        bits = IntType(signed_bits(Range(int(slope.min()), int(slope.max()))), True)
        self.constant(names["slope"], names["slope"], np.broadcast_to(slope, tensor.shape), bits)
        zero = -op.input_zero_point
        above = self.scaled(names["above"], op.input, names["above"], op.positive, zero, op.output)
        ranges = (x.range.moved(zero), self.values[names["slope"]].range)
        total = ranges[0] * ranges[1]
        acc = IntType(signed_bits(total), True)
        below = scaling(op.negative, acc, total, 0, tensor.dtype, op.name)
        product = Product(
            names["below"],
            (self.real(op.input), names["slope"]),
            names["below"],
            tensor.elements,
            tensor.shape[-1],
            (zero, 0),
            ranges,
            acc.bits,
            below,
        )
        self.put(product, tensor.dtype, below.result)
        layer = Choice(
            op.name,
            (self.real(op.input), names["above"], names["below"]),
            op.output,
            tensor.elements,
            tensor.shape[-1],
            op.input_zero_point,
            tensor.dtype,
        )
        self.put(layer, tensor.dtype, above | below.result)

    # Nothing but integers elsewhere ---------------------------------------------------------------

    def constant(self, name: str, output: str, value: Array, dtype: IntType) -> str:
        """A stream of ``value``, for every inference; returns its tensor."""
        layer = Source(name, output, value.reshape(-1), value.shape[-1], dtype)
        self.put(layer, dtype, Range(int(value.min()), int(value.max())))
        return output

    def gather(self, name: str, tensor: str, output: str, index: Array) -> None:
        """``output`` is ``tensor`` at ``index``, which counts its integers in C order."""
        x, size = self.value(tensor), self.graph.tensors[tensor].elements
        flat = index.reshape(-1)
        if np.array_equal(flat, np.arange(size)):
            self.aliases[output] = self.real(tensor)
            return
        layer = Gather(name, (self.real(tensor),), output, size, flat, x.dtype)
        self.put(layer, x.dtype, x.range)

    def moved(self, op: Slice | Transpose | ResizeNearest) -> None:
        tensor = self.graph.tensors[op.input]
        index = np.arange(tensor.elements).reshape(tensor.shape)
        match op:
            case Slice():
                axes = zip(op.begin, op.size, op.stride, strict=True)
                index = index[np.ix_(*(b + s * np.arange(n) for b, n, s in axes))]
            case Transpose():
                index = index.transpose(op.permutation)
            case ResizeNearest():
                index = index[np.ix_(op.rows, op.columns)]
        self.gather(op.name, op.input, op.output, index)

    def joined(self, op: Concat) -> None:
        if len(op.inputs) == 1:
            self.aliases[op.output] = self.real(op.inputs[0])
            return
        shape = self.graph.tensors[op.output].shape
        parts = [self.value(name) for name in op.inputs]
        low = min(part.range.low for part in parts)
        high = max(part.range.high for part in parts)
        dtype = parts[0].dtype
        if any(part.dtype != dtype for part in parts):
            dtype = IntType(max(signed_bits(of_type(part.dtype)) for part in parts), True)
        turns = [int(np.prod(self.graph.tensors[name].shape[op.axis :])) for name in op.inputs]
        layer = Join(
            op.name,
            tuple(self.real(name) for name in op.inputs),
            op.output,
            tuple(turns),
            int(np.prod(shape[: op.axis])),
            dtype,
        )
        self.put(layer, dtype, Range(low, high))


def _weight_bits(weights: Array) -> int:
    """Bits of the weights that are really there, signed."""
    return signed_bits(Range(int(weights.min()), int(weights.max())))


def _hot(weights: Array) -> int:
    """The most signed powers of two in one of the weights, at least one."""
    return max(int(khot.digits(weights).max()), 1)
