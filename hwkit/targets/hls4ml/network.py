"""An integer graph as a list of hls4ml layers."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.identifiers import identifier
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.sums import folded_bias
from hwkit.ir.types import Array, IntType, Shape
from hwkit.lower.short_rescale import short_steps
from hwkit.targets.hls4ml import layers
from hwkit.targets.hls4ml.dyadic import (
    TARGET,
    Factors,
    constant_multiplier,
    factors,
    is_shift,
    offsets,
    without_whole_steps,
)
from hwkit.targets.hls4ml.fixed import (
    HALF_AWAY,
    QUANTIZATION_MODES,
    Clamped,
    clamping,
    holding,
    wrapping,
)
from hwkit.targets.hls4ml.layers import Layer, Value, Weights, Window
from hwkit.targets.hls4ml.streaming import stream_obstacle


@dataclass(frozen=True, slots=True)
class Network:
    """``graph``, whose states are inputs and outputs; its layers in order, those that are its
    inputs and outputs, in its order and each once, the traced layer of each tensor, and how data
    enters.

    ``io_type`` is hls4ml's: ``io_stream`` (one pixel at a time) or ``io_parallel`` (all at once).
    """

    graph: Graph
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    traced: dict[str, str]
    io_type: str


def network(graph: Graph, io_type: str) -> Network:
    """The network of a graph without states whose rescales are fused where they can be.

    ``io_type`` may also be ``auto``: ``io_stream`` where every layer has a stream form, else
    ``io_parallel``. Raises ``UnsupportedOp`` naming the op, the value and the remedy.
    """
    obstacle = stream_obstacle(graph)
    if io_type == "auto":
        io_type = "io_parallel" if obstacle else "io_stream"
    if io_type == "io_stream" and obstacle:
        node, remedy = obstacle
        raise UnsupportedOp(node, f"{TARGET} with io_stream", remedy)
    maker = _Maker(graph)
    for op in graph.nodes:
        maker.add(op)
    inputs = tuple(maker.values[name].layer for name in graph.inputs)
    computing = _ancestors(maker.layers, {maker.values[name].layer for name in graph.outputs})
    if all(layer.class_name in ("Input", "Reshape") for layer in computing):
        raise UnsupportedOp(graph.name, TARGET, "it computes nothing; leave it out")
    outputs = tuple(maker.output(name) for name in distinct_outputs(graph))
    kept = _ancestors(maker.layers, {*inputs, *outputs})
    names = {layer.name for layer in kept}
    values = {name: value for name, value in maker.values.items() if value.layer in names}
    traced = {name: value.traced for name, value in values.items()}
    return Network(graph, kept, inputs, outputs, traced, io_type)


def distinct_outputs(graph: Graph) -> tuple[str, ...]:
    """The tensors that are outputs, each once: a project gives none twice."""
    return tuple(dict.fromkeys(graph.outputs))


def _ancestors(made: list[Layer], outputs: Set[str]) -> tuple[Layer, ...]:
    """The layers that ``outputs`` depend on, and themselves."""
    wanted, kept = set(outputs), []
    for layer in reversed(made):
        if layer.name in wanted:
            wanted.update(layer.inputs)
            kept.append(layer)
    return tuple(reversed(kept))


class _Maker:
    """Collects layers op by op; ``values`` has what each tensor became."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers: list[Layer] = []
        self.values: dict[str, Value] = {}
        for name in graph.inputs:
            tensor = graph.tensors[name]
            low, high = tensor.dtype.low, tensor.dtype.high
            layer = layers.input_layer(self.fresh(name), tensor.shape, holding(low, high))
            self.layers.append(layer)
            self.values[name] = Value(
                layer.name, tensor.shape, holding(low, high), low, high, layer.name
            )

    def fresh(self, name: str) -> str:
        """A C++ identifier like ``name``, used once."""
        return f"{identifier(name).lower()}_{len(self.layers)}"

    def put(self, made: tuple[Layer, Value]) -> Value:
        layer, value = made
        self.layers.append(layer)
        return value

    def output(self, name: str) -> str:
        """The layer that gives the output ``name``. Where there are several, an input or a new
        shape of what another layer gives is copied: hls4ml has one port for the two. The copy has
        a bit more, or hls4ml would leave it out."""
        value = self.values[name]
        shared = {layer.name for layer in self.layers if layer.class_name in ("Input", "Reshape")}
        if len(self.graph.outputs) > 1 and value.layer in shared:
            wider = layers.as_it_is(2 * value.type.low, 2 * value.type.high + 1)
            value = self.put(layers.cast(self.fresh(f"{name}_copy"), value, wider))
        return value.layer

    def add(self, op: Op) -> None:
        shape = self.graph.tensors[op.output].shape
        match op:
            case Conv2d() | DepthwiseConv2d():
                value = self.convolution(op, shape)
            case Dense():
                value = self.dense(op, shape)
            case Add() | Sub():
                value = self.merged(op)
            case Mul():
                value = self.product(op)
            case SumPool2d():
                value = self.sum_pool(op, shape)
            case AvgPool2d():
                value = self.average_pool(op, shape)
            case MaxPool2d():
                value = self.max_pool(op, shape)
            case Requantize():
                x = self.values[op.input]
                value = self.requantized(op.name, x, op.rescale, op.input_zero_point)
            case Clamp():
                value = self.clamp(op)
            case Pad():
                value = self.pad(op)
            case Reshape():
                value = self.put(layers.reshape(self.fresh(op.name), self.values[op.input], shape))
            case Lookup():
                value = self.lookup(op)
            case Concat():
                value = self.joined(op)
            case Transpose():
                x = self.values[op.input]
                moved = [axis for axis in op.permutation if x.shape[axis] > 1]
                if moved == sorted(moved):  # hls4ml drops a layer that moves nothing.
                    value = self.put(layers.reshape(self.fresh(op.name), x, shape))
                else:
                    value = self.put(layers.transpose(self.fresh(op.name), x, op.permutation))
            case ResizeNearest():
                value = self.repeated(op)
            case Prelu():  # One slope for all became a table.
                raise UnsupportedOp(
                    op.name, TARGET, "slopes that differ between channels; take one for all"
                )
            case _:
                remedy = "remove it, or compute it on the host after the network"
                raise UnsupportedOp(op.name, TARGET, f"{type(op).__name__} has no form: {remedy}")
        self.values[op.output] = value

    # What comes out of an accumulator -----------------------------------------------------------

    def result(self, source: tuple[int, int, int], r: Rescale | None) -> Clamped:
        """The type of a result whose values, in units of ``2**-fraction``, are ``source``."""
        if r is None:
            return layers.as_it_is(source[0], source[1])
        rounding = QUANTIZATION_MODES[r.rounding]
        if r.overflow is Overflow.WRAP:
            return wrapping(rounding, r.low, r.high)
        return clamping(source, rounding, r.low, r.high)

    def finished(self, name: str, value: Value, result: Clamped, r: Rescale | None) -> Value:
        """``value``, clamped by a table where its type could not."""
        if result.exact or r is None:
            return value
        return self.clamped(name, value, r.low, r.high)

    def clamped(self, name: str, x: Value, low: int, high: int) -> Value:
        if x.type.bits > layers.MAX_TABLE_BITS:
            remedy = f"clamp to the range of an integer type, not to {low}..{high}"
            raise UnsupportedOp(name, TARGET, remedy)
        table = {v: min(max(v, low), high) for v in range(x.type.low, x.type.high + 1)}
        return self.put(layers.lookup(self.fresh(f"{name}_clamp"), x, table))

    def fits(self, node: str, scaled: Weights, x: Value) -> None:
        """Refuses constants and sums that are wider than the arithmetic here and the simulation's
        fast types."""
        bits = scaled.accumulator_bits(x.low, x.high)
        if bits > layers.MAX_SUM_BITS or not scaled.are_exact:
            remedy = (
                f"its scales and offsets make sums of {bits} bits; train with one scale per tensor"
            )
            raise UnsupportedOp(node, TARGET, remedy)

    def requantized(self, name: str, x: Value, r: Rescale, zero_point: int = 0) -> Value:
        """``r`` of ``x - zero_point``: an assignment, or a scaling where the factor is not 1."""
        if zero_point or not is_shift(r):
            channels = max(r.channels, x.shape[-1])
            low, high = (np.full(channels, end, np.int64) for end in (x.low, x.high))
            r, added = constant_multiplier(r, zero_point, low, high, name)
            if added:
                return self.moved(name, self.rescaled(name, x, r), (added,))
        return self.rescaled(name, x, r)

    def rescaled(self, name: str, x: Value, r: Rescale) -> Value:
        by = factors(r, name)
        if by.is_one and not any(offsets(r)[0]):
            result = self.result((x.low, x.high, 0), r)
            if result.exact and result.type.overflow == "AP_WRAP":
                return x
            value = self.put(layers.cast(self.fresh(name), x, result))
            return self.finished(name, value, result, r)
        if any(o.bit_length() > layers.EXACT_BITS for o in offsets(r)[0]):
            r, steps = without_whole_steps(r)
            x = self.moved(name, x, steps)
        scaled = self.weights(np.ones((1, x.shape[-1]), np.int64), None, IntType(1, False), by, r)
        self.fits(name, scaled, x)
        source = (*scaled.accumulator(x.low, x.high), scaled.bias_fraction)
        result = self.result(source, r)
        value = self.put(layers.scaling(self.fresh(name), x, scaled, result))
        return self.finished(name, value, result, r)

    def moved(self, name: str, x: Value, by: tuple[int, ...]) -> Value:
        """``x`` plus an integer, or one for each channel."""
        if not any(by):
            return x
        channels = x.shape[-1]
        bias = np.broadcast_to(np.array(by, np.int64), channels)
        ones = Weights(np.ones((1, channels), np.int64), 0, 1, False, bias, 0)
        result = layers.as_it_is(x.low + min(by), x.high + max(by))
        return self.put(layers.scaling(self.fresh(f"{name}_moved"), x, ones, result))

    # Weighted ops -------------------------------------------------------------------------------

    def weights(
        self,
        weight: Array,
        bias: Array | None,
        dtype: IntType,
        by: Factors,
        r: Rescale | None,
    ) -> Weights:
        """Weights with outputs last, times the factor ``by`` for each output, and the bias with
        the offset of ``r``, in units as fine as either needs."""
        outputs = weight.shape[-1]
        added, finest = offsets(r)
        bias_fraction = max(by.fraction, finest)
        # In Python's integers, until it is known that they fit.
        multipliers = np.array(by.multipliers, object)
        bias = np.zeros(outputs, object) if bias is None else bias.astype(object)
        bias = (bias * multipliers << (bias_fraction - by.fraction)) + (
            np.array(added, object) << (bias_fraction - finest)
        )
        bits = dtype.bits + by.bits - 1
        return Weights(
            weight.astype(object) * multipliers,
            by.fraction,
            bits,
            dtype.signed,
            bias,
            bias_fraction,
        )

    def weighted(
        self,
        op: Conv2d | DepthwiseConv2d | Dense,
        x: Value,
        weight: Array,
        r: Rescale | None,
        zero_point: int,
    ) -> tuple[Weights, Clamped]:
        bias = None if op.bias is None else self.graph.constants[op.bias]
        if zero_point:
            rows = weight.reshape(-1, weight.shape[-1]).T
            bias = np.zeros(len(rows), np.int64) if bias is None else bias
            bias = folded_bias(rows, bias, zero_point)
        by = factors(r, op.name)
        dtype = self.graph.tensors[op.weight].dtype
        scaled = self.weights(weight, bias, dtype, by, r)
        self.fits(op.name, scaled, x)
        source = (*scaled.accumulator(x.low, x.high), scaled.bias_fraction)
        return scaled, self.result(source, r)

    def then(self, name: str, value: Value, result: Clamped, r: Rescale | None) -> Value:
        """``value``, whose layer holds ``r`` where that only shifts, else behind a layer for it."""
        if r is None or is_shift(r):
            return self.finished(name, value, result, r)
        return self.requantized(name, value, r)

    def dense(self, op: Dense, shape: Shape) -> Value:
        x = self.values[op.input]
        weight = self.graph.constants[op.weight].T
        inside = op.rescale if is_shift(op.rescale) else None
        if len(shape) == 1:
            scaled, result = self.weighted(op, x, weight, inside, op.input_zero_point)
            value = self.put(layers.dense(self.fresh(op.name), x, scaled, result))
        elif len(shape) == 3:
            window = Window((1, 1), (1, 1), NO_PADDING)
            weight = weight[np.newaxis, np.newaxis]
            scaled, result = self.weighted(op, x, weight, inside, op.input_zero_point)
            made = layers.convolution(self.fresh(op.name), x, window, shape, scaled, result)
            value = self.put(made)
        else:
            remedy = f"its input has {len(shape)} axes; reshape it to 1 or 3"
            raise UnsupportedOp(op.name, TARGET, remedy)
        return self.then(op.name, value, result, op.rescale)

    def convolution(self, op: Conv2d | DepthwiseConv2d, shape: Shape) -> Value:
        weight = _spread(self.graph.constants[op.weight], op.dilation)
        x, zero_point = self.centred(op.name, op.input, op.input_zero_point, op.padding)
        kernel = (weight.shape[1], weight.shape[2])
        if isinstance(op, Conv2d):
            weight = np.moveaxis(weight, 0, 3)
        else:
            weight = _depthwise(weight[0], x.shape[2])
        inside = op.rescale if is_shift(op.rescale) else None
        scaled, result = self.weighted(op, x, weight, inside, zero_point)
        window = Window(kernel, op.stride, op.padding)
        made = layers.convolution(self.fresh(op.name), x, window, shape, scaled, result)
        return self.then(op.name, self.put(made), result, op.rescale)

    def centred(
        self, name: str, tensor: str, zero_point: int, padding: Padding
    ) -> tuple[Value, int]:
        """The input of a window, and the zero point that its bias has to take away: hls4ml pads
        with 0, so that a padded map has it taken away beforehand."""
        x = self.values[tensor]
        if padding == NO_PADDING:
            return x, zero_point
        return self.moved(name, x, (-zero_point,)), 0

    # The others ---------------------------------------------------------------------------------

    def merged(self, op: Add | Sub) -> Value:
        self.one_shape(op)
        sign = -1 if isinstance(op, Sub) else 1
        operands, zero_point = [], 0
        named = zip(op.inputs, op.input_zero_points, op.input_rescales, (1, sign), strict=True)
        for name, zero, r, by in named:
            x = self.values[name]
            if r is None:
                zero_point += by * zero
            else:
                x = self.requantized(op.name, x, r, zero)
            operands.append(x)
        a, b = operands
        ends = (a.low + sign * b.low, a.low + sign * b.high)
        tops = (a.high + sign * b.low, a.high + sign * b.high)
        return self.merge(
            "subtract" if sign < 0 else "add", op, (a, b), (min(ends), max(tops)), zero_point
        )

    def product(self, op: Mul) -> Value:
        self.one_shape(op)
        a, b = (
            self.moved(op.name, self.values[name], (-zero,))
            for name, zero in zip(op.inputs, op.input_zero_points, strict=True)
        )
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return self.merge("multiply", op, (a, b), (min(ends), max(ends)), 0)

    def one_shape(self, op: Add | Sub | Mul) -> None:
        if len({self.graph.tensors[name].shape for name in op.inputs}) > 1:
            remedy = "its operands have two shapes: give both one shape"
            raise UnsupportedOp(op.name, TARGET, remedy)

    def merge(
        self,
        kind: str,
        op: Add | Sub | Mul,
        operands: tuple[Value, Value],
        ends: tuple[int, int],
        zero_point: int,
    ) -> Value:
        """``kind`` of both operands, whose results are within ``ends``, minus ``zero_point`` and
        rescaled."""
        r = op.rescale
        plain = r is None or (is_shift(r) and factors(r, op.name).is_one and not any(offsets(r)[0]))
        if plain and not zero_point:
            result = self.result((*ends, 0), r)
            value = self.put(layers.merge(self.fresh(op.name), kind, *operands, result))
            return self.finished(op.name, value, result, r)
        total = layers.as_it_is(*ends)
        value = self.put(layers.merge(self.fresh(op.name), kind, *operands, total))
        if r is None:
            return self.moved(op.name, value, (-zero_point,))
        return self.requantized(op.name, value, r, zero_point)

    def sum_pool(self, op: SumPool2d, shape: Shape) -> Value:
        """A mean where the rescale divides by the window, else a convolution with ones."""
        window, r = Window(op.kernel, op.stride, op.padding), op.rescale
        taps = op.kernel[0] * op.kernel[1]
        by = factors(r, op.name)
        divides = set(by.multipliers) == {1} and 1 << max(by.fraction, 0) == taps
        if (
            divides
            and is_shift(r)
            and not any(offsets(r)[0])
            and _is_tiling(window)
            and not op.input_zero_point
        ):
            x = self.values[op.input]
            source = (min(taps * x.low, 0), max(taps * x.high, 0), by.fraction)
            result = self.result(source, r)
            value = self.put(layers.mean(self.fresh(op.name), x, window, shape, source, result))
            return self.finished(op.name, value, result, r)
        x, zero_point = self.centred(op.name, op.input, op.input_zero_point, op.padding)
        inside = r if is_shift(r) else None
        value, result = self.summed(op.name, x, window, shape, inside, zero_point)
        return self.then(op.name, value, result, r)

    def summed(
        self,
        name: str,
        x: Value,
        window: Window,
        shape: Shape,
        r: Rescale | None,
        zero_point: int,
    ) -> tuple[Value, Clamped]:
        """Sums of ``x - zero_point`` over a window: a convolution with ones."""
        taps = window.kernel[0] * window.kernel[1]
        by = factors(r, name)
        ones = np.ones((*window.kernel, shape[2]), np.int64)
        bias = np.full(shape[2], -zero_point * taps)
        scaled = self.weights(ones, bias, IntType(1, False), by, r)
        self.fits(name, scaled, x)
        source = (*scaled.accumulator(x.low, x.high), scaled.bias_fraction)
        result = self.result(source, r)
        made = layers.convolution(self.fresh(name), x, window, shape, scaled, result)
        return self.put(made), result

    def average_pool(self, op: AvgPool2d, shape: Shape) -> Value:
        x = self.values[op.input]
        taps = op.kernel[0] * op.kernel[1]
        window = Window(op.kernel, op.stride, op.padding)
        if op.padding != NO_PADDING:
            remedy = "its windows leave the map; average without padding"
            raise UnsupportedOp(op.name, TARGET, remedy)
        if taps & (taps - 1):
            value, _ = self.summed(op.name, x, window, shape, None, 0)
            return self.rescaled(op.name, value, _mean(op, taps, value))
        source = (min(taps * x.low, 0), max(taps * x.high, 0), taps.bit_length() - 1)
        result = clamping(source, HALF_AWAY, op.low, op.high)
        value = self.put(layers.mean(self.fresh(op.name), x, window, shape, source, result))
        return value if result.exact else self.clamped(op.name, value, op.low, op.high)

    def max_pool(self, op: MaxPool2d, shape: Shape) -> Value:
        """Borders of unsigned maps are padded with zeros, their smallest integer, beforehand:
        hls4ml would pad them with half of their range."""
        x, padding = self.values[op.input], op.padding
        if padding != NO_PADDING and not x.type.signed:
            x = self.put(layers.zero_padding(self.fresh(f"{op.name}_pad"), x, padding))
            padding = NO_PADDING
        window = Window(op.kernel, op.stride, padding)
        result = Clamped(x.type, x.low, x.high, True)
        made = layers.maximum(self.fresh(op.name), x, window, shape, result)
        return self.put(made)

    def clamp(self, op: Clamp) -> Value:
        x = self.values[op.input]
        result = clamping((x.low, x.high, 0), "AP_TRN", op.low, op.high)
        if not result.exact:
            return self.clamped(op.name, x, op.low, op.high)
        if result.type.overflow == "AP_WRAP":
            return x
        return self.put(layers.cast(self.fresh(op.name), x, result))

    def pad(self, op: Pad) -> Value:
        x = self.moved(op.name, self.values[op.input], (-op.value,))
        padded = self.put(layers.zero_padding(self.fresh(op.name), x, op.padding))
        return self.moved(op.name, padded, (op.value,))

    def joined(self, op: Concat) -> Value:
        if len(self.graph.tensors[op.output].shape) > 3:
            raise UnsupportedOp(op.name, TARGET, "it joins more than 3 axes; reshape to 3")
        value, *others = (self.values[name] for name in op.inputs)
        for other in others:
            value = self.put(layers.concatenate(self.fresh(op.name), value, other, op.axis))
        return value

    def repeated(self, op: ResizeNearest) -> Value:
        x = self.values[op.input]
        times = (len(op.rows) // x.shape[0], len(op.columns) // x.shape[1])
        rows, columns = (
            tuple(k for k in range(size) for _ in range(by))
            for size, by in zip(x.shape[:2], times, strict=True)
        )
        if (op.rows, op.columns) != (rows, columns):
            remedy = "it does not repeat each row and column as often as the others; do so"
            raise UnsupportedOp(op.name, TARGET, remedy)
        return self.put(layers.repeat(self.fresh(op.name), x, times))

    def lookup(self, op: Lookup) -> Value:
        x, table = self.values[op.input], self.graph.constants[op.table]
        first = self.graph.tensors[op.input].dtype.low
        reachable = {v: int(table[v - first]) for v in range(x.low, x.high + 1)}
        return self.put(layers.lookup(self.fresh(op.name), x, reachable))


def _is_tiling(window: Window) -> bool:
    return window.kernel == window.stride and window.padding == NO_PADDING


def _spread(weight: Array, dilation: tuple[int, int]) -> Array:
    """The kernel (O, KH, KW, I) with zeros between its places, as wide as a dilated one."""
    outputs, height, width, inputs = weight.shape
    size = ((height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1)
    wide = np.zeros((outputs, *size, inputs), weight.dtype)
    wide[:, :: dilation[0], :: dilation[1]] = weight
    return wide


def _mean(op: AvgPool2d, taps: int, total: Value) -> Rescale:
    """A sum of ``taps`` integers to their mean, half away from zero, clamped."""

    def mean(sums: Array) -> Array:
        away: Array = np.sign(sums) * ((2 * np.abs(sums) + taps) // (2 * taps))
        return np.clip(away, op.low, op.high)

    ratio = (-(-(1 << 31) // taps), 31)
    found = short_steps(
        mean, [ratio], np.array([total.low]), np.array([total.high]), (op.low, op.high)
    )
    if found is None:
        remedy = f"halves of windows of {taps} places have no exact form; use 2**n places"
        raise UnsupportedOp(op.name, TARGET, remedy)
    return found


def _depthwise(weight: Array, channels: int) -> Array:
    """Weights (KH, KW, C*M) as hls4ml takes them: as they are for M = 1, else as those of a full
    convolution with zeros, for lack of a layer with several outputs per channel."""
    outputs = weight.shape[2]
    if outputs == channels:
        return weight
    full = np.zeros((*weight.shape[:2], channels, outputs), weight.dtype)
    for out in range(outputs):
        full[:, :, out * channels // outputs, out] = weight[:, :, out]
    return full
