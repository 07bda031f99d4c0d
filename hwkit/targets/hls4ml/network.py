"""An integer graph with power-of-two scales as a list of hls4ml layers."""

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
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Overflow,
    Pad,
    Requantize,
    Rescale,
    Reshape,
    SumPool2d,
)
from hwkit.ir.types import Array, IntType, Shape
from hwkit.targets.hls4ml import layers
from hwkit.targets.hls4ml.dyadic import TARGET, check_scales, offsets, shifts
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
    check_scales(graph)
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
            case Add():
                value = self.addition(op)
            case SumPool2d():
                value = self.sum_pool(op, shape)
            case AvgPool2d():
                value = self.average_pool(op, shape)
            case MaxPool2d():
                value = self.max_pool(op, shape)
            case Requantize():
                self.no_zero_point(op, op.input_zero_point)
                value = self.requantized(op.name, self.values[op.input], op.rescale)
            case Clamp():
                value = self.clamp(op)
            case Pad():
                value = self.pad(op)
            case Reshape():
                value = self.put(layers.reshape(self.fresh(op.name), self.values[op.input], shape))
            case Lookup():
                value = self.lookup(op)
            case _:
                remedy = "remove it, or compute it on the host after the network"
                raise UnsupportedOp(op.name, TARGET, f"{type(op).__name__} has no form: {remedy}")
        self.values[op.output] = value

    # What comes out of an accumulator -----------------------------------------------------------

    def no_zero_point(self, op: Op, zero_point: int) -> None:
        if zero_point:
            remedy = f"its input's zero point is {zero_point}: train with symmetric quantizers"
            raise UnsupportedOp(op.name, TARGET, remedy)

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

    def fits(self, node: str, bits: int, factors: tuple[int, ...], r: Rescale | None) -> None:
        """Refuses sums of ``bits`` (32 at least: the bias) that the spread of scales, or an offset
        finer than them, makes wider than 62: the arithmetic here and the simulation's fast types
        end there."""
        spread = max(factors) - min(factors)
        if max(bits, 32) + spread > 62:
            remedy = f"its channels' scales differ by 2**{spread}; train with one scale per tensor"
            raise UnsupportedOp(node, TARGET, remedy)
        added, fraction = offsets(r)
        finer = max(fraction - min(factors), 0)
        wide = max(max(bits, 32) + finer, *(abs(o).bit_length() + 2 for o in added))
        if wide > 62:
            remedy = f"its offset makes sums of {wide} bits; quantize its bias"
            raise UnsupportedOp(node, TARGET, remedy)

    def requantized(self, name: str, x: Value, r: Rescale) -> Value:
        """``r`` of ``x``: an assignment, or a scaling where the factor is not 1."""
        factors = shifts(r, name)
        if not any(factors) and not any(offsets(r)[0]):
            result = self.result((x.low, x.high, 0), r)
            if result.exact and result.type.overflow == "AP_WRAP":
                return x
            value = self.put(layers.cast(self.fresh(name), x, result))
        else:
            self.fits(name, x.type.bits, factors, r)
            ones = np.ones((1, x.shape[-1]), np.int64)
            scaled = self.weights(ones, None, IntType(1, False), factors, r)
            source = (*scaled.accumulator(x.low, x.high), scaled.bias_fraction)
            result = self.result(source, r)
            value = self.put(layers.scaling(self.fresh(name), x, scaled, result))
        return self.finished(name, value, result, r)

    # Weighted ops -------------------------------------------------------------------------------

    def weights(
        self,
        weight: Array,
        bias: Array | None,
        dtype: IntType,
        factors: tuple[int, ...],
        r: Rescale | None,
    ) -> Weights:
        """Weights with outputs last, times ``2**-factor`` for each output, and the bias with the
        offset of ``r``, in units as fine as either needs."""
        outputs = weight.shape[-1]
        added, finest = offsets(r)
        fraction = max(factors)
        bias_fraction = max(fraction, finest)
        up = np.array([fraction - k for k in factors], np.int64)
        bias = np.zeros(outputs, np.int64) if bias is None else bias.astype(np.int64)
        bias = (bias << (up + bias_fraction - fraction)) + (
            np.array(added, np.int64) << (bias_fraction - finest)
        )
        bits = dtype.bits + int(up.max())
        return Weights(
            weight.astype(np.int64) << up, fraction, bits, dtype.signed, bias, bias_fraction
        )

    def weighted(
        self, op: Conv2d | DepthwiseConv2d | Dense, weight: Array
    ) -> tuple[Weights, Clamped]:
        self.no_zero_point(op, op.input_zero_point)
        x = self.values[op.input]
        bias = None if op.bias is None else self.graph.constants[op.bias]
        factors = (0,) if op.rescale is None else shifts(op.rescale, op.name)
        dtype = self.graph.tensors[op.weight].dtype
        taps = weight.size // weight.shape[-1]
        bits = dtype.bits + x.type.bits + taps.bit_length()
        self.fits(op.name, bits, factors, op.rescale)
        scaled = self.weights(weight, bias, dtype, factors, op.rescale)
        source = (*scaled.accumulator(x.low, x.high), scaled.bias_fraction)
        return scaled, self.result(source, op.rescale)

    def dense(self, op: Dense, shape: Shape) -> Value:
        x = self.values[op.input]
        weight = self.graph.constants[op.weight].T
        if len(shape) == 1:
            scaled, result = self.weighted(op, weight)
            value = self.put(layers.dense(self.fresh(op.name), x, scaled, result))
        elif len(shape) == 3:
            window = Window((1, 1), (1, 1), NO_PADDING)
            scaled, result = self.weighted(op, weight[np.newaxis, np.newaxis])
            made = layers.convolution(self.fresh(op.name), x, window, shape, scaled, result)
            value = self.put(made)
        else:
            remedy = f"its input has {len(shape)} axes; reshape it to 1 or 3"
            raise UnsupportedOp(op.name, TARGET, remedy)
        return self.finished(op.name, value, result, op.rescale)

    def convolution(self, op: Conv2d | DepthwiseConv2d, shape: Shape) -> Value:
        if op.dilation != (1, 1):
            remedy = f"its dilation is {op.dilation}; use a denser kernel"
            raise UnsupportedOp(op.name, TARGET, remedy)
        x = self.values[op.input]
        weight = self.graph.constants[op.weight]
        kernel = (weight.shape[1], weight.shape[2])
        if isinstance(op, Conv2d):
            weight = np.moveaxis(weight, 0, 3)
        else:
            weight = _depthwise(weight[0], x.shape[2])
        scaled, result = self.weighted(op, weight)
        window = Window(kernel, op.stride, op.padding)
        made = layers.convolution(self.fresh(op.name), x, window, shape, scaled, result)
        return self.finished(op.name, self.put(made), result, op.rescale)

    # The others ---------------------------------------------------------------------------------

    def addition(self, op: Add) -> Value:
        if len({self.graph.tensors[name].shape for name in op.inputs}) > 1:
            remedy = "its operands have two shapes: give both one shape"
            raise UnsupportedOp(op.name, TARGET, remedy)
        for zero_point in op.input_zero_points:
            self.no_zero_point(op, zero_point)
        a, b = (
            self.values[name] if r is None else self.requantized(op.name, self.values[name], r)
            for name, r in zip(op.inputs, op.input_rescales, strict=True)
        )
        low, high, r = a.low + b.low, a.high + b.high, op.rescale
        if r is None or not any((*shifts(r, op.name), *offsets(r)[0])):
            result = self.result((low, high, 0), r)
            value = self.put(layers.addition(self.fresh(op.name), a, b, result))
            return self.finished(op.name, value, result, r)
        total = layers.as_it_is(low, high)
        value = self.put(layers.addition(self.fresh(op.name), a, b, total))
        return self.requantized(op.name, value, r)

    def sum_pool(self, op: SumPool2d, shape: Shape) -> Value:
        """A mean where the rescale divides by the window, else a convolution with ones."""
        self.no_zero_point(op, op.input_zero_point)
        x = self.values[op.input]
        window = Window(op.kernel, op.stride, op.padding)
        taps = op.kernel[0] * op.kernel[1]
        factors = (0,) if op.rescale is None else shifts(op.rescale, op.name)
        divides = {1 << max(k, 0) for k in factors} == {taps} and not any(offsets(op.rescale)[0])
        if divides and _is_tiling(window):
            source = (min(taps * x.low, 0), max(taps * x.high, 0), factors[0])
            result = self.result(source, op.rescale)
            made = layers.mean(self.fresh(op.name), x, window, shape, source, result)
        else:
            ones = np.ones((*op.kernel, shape[2]), np.int64)
            self.fits(op.name, x.type.bits + taps.bit_length(), factors, op.rescale)
            scaled = self.weights(ones, None, IntType(1, False), factors, op.rescale)
            source = (*scaled.accumulator(x.low, x.high), scaled.bias_fraction)
            result = self.result(source, op.rescale)
            made = layers.convolution(self.fresh(op.name), x, window, shape, scaled, result)
        return self.finished(op.name, self.put(made), result, op.rescale)

    def average_pool(self, op: AvgPool2d, shape: Shape) -> Value:
        x = self.values[op.input]
        taps = op.kernel[0] * op.kernel[1]
        if op.padding != NO_PADDING or taps & (taps - 1):
            remedy = "use a window of 2**n places and no padding"
            raise UnsupportedOp(op.name, TARGET, remedy)
        source = (min(taps * x.low, 0), max(taps * x.high, 0), taps.bit_length() - 1)
        result = clamping(source, HALF_AWAY, op.low, op.high)
        window = Window(op.kernel, op.stride, op.padding)
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
        if op.value:
            raise UnsupportedOp(op.name, TARGET, f"it pads with {op.value}; pad with 0")
        x = self.values[op.input]
        return self.put(layers.zero_padding(self.fresh(op.name), x, op.padding))

    def lookup(self, op: Lookup) -> Value:
        x, table = self.values[op.input], self.graph.constants[op.table]
        first = self.graph.tensors[op.input].dtype.low
        reachable = {v: int(table[v - first]) for v in range(x.low, x.high + 1)}
        return self.put(layers.lookup(self.fresh(op.name), x, reachable))


def _is_tiling(window: Window) -> bool:
    return window.kernel == window.stride and window.padding == NO_PADDING


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
