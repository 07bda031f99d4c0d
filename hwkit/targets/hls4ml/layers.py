"""hls4ml layers as plain data, each with every precision stated.

Every value in the project is the graph's own integer, stored with no fraction bits. A weighted
layer carries a rescale by powers of two in its weights: they are ``w * 2**-k``, its bias
``b * 2**-k``, so its accumulator is the graph's accumulator times ``2**-k``, exactly, and the type
of its result rounds and clamps. In hardware that costs nothing, since a power of two only moves
the binary point. Any other rescale is a layer of its own, a constant multiplier and an adder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from hwkit.ir.ops import Padding
from hwkit.ir.types import Array, Shape
from hwkit.targets.hls4ml.fixed import Clamped, Fixed, holding, whole

MAX_PARALLEL_MULTIPLIERS = 4096
"""Above this a layer shares multipliers: Vitis HLS partitions no array of more elements."""

MAX_TABLE_BITS = 10

EXACT_BITS = 53
"""Of a constant: it passes through a float64."""

MAX_SUM_BITS = 64
"""Of a sum; the types of the simulation are slow above."""

Attribute = int | str | bool | list[int]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as ``ModelGraph.from_layer_list`` takes it.

    ``data`` holds constants as float64, exact because they are small integers times powers of
    two; ``precision`` a type for each of hls4ml's names (weight, bias, accum, result, ...).
    """

    class_name: str
    name: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    precision: Mapping[str, Fixed]
    data: Mapping[str, Array] = field(default_factory=dict)
    reuse_factor: int = 1


@dataclass(frozen=True, slots=True)
class Value:
    """What a layer gives: its name, its shape, its type, the integers that can occur in it.

    ``traced`` is the layer whose traced output holds it (a reshape has none of its own).
    """

    layer: str
    shape: Shape
    type: Fixed
    low: int
    high: int
    traced: str


def value_of(layer: Layer, shape: Shape, result: Clamped | Value) -> Value:
    """The value that ``layer`` gives with the type and range of ``result``."""
    return Value(layer.name, shape, result.type, result.low, result.high, layer.name)


def as_it_is(low: int, high: int) -> Clamped:
    """The narrowest integer type for ``low..high``: nothing is rounded or clamped."""
    return Clamped(holding(low, high), low, high, True)


def input_layer(name: str, shape: Shape, result: Fixed) -> Layer:
    """The network's input of integers."""
    attributes: dict[str, Attribute] = {"input_shape": list(shape), "data_format": "channels_last"}
    return Layer("Input", name, (), attributes, {"result": result})


@dataclass(frozen=True, slots=True)
class Window:
    """A window that slides over a map."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights (outputs last) as integers in units of ``2**-fraction``, the bias in those of
    ``2**-bias_fraction``, which are as fine or finer, and what the accumulator of ``x`` in
    ``low..high`` can be in units of the bias. The arrays hold Python's integers.

    ``bits`` and ``signed`` are those that a weight is stored with.
    """

    weight: Array
    fraction: int
    bits: int
    signed: bool
    bias: Array
    bias_fraction: int

    def accumulator(self, low: int, high: int) -> tuple[int, int]:
        """Range of every partial sum, taken in any order, for inputs of ``low..high``."""
        w = self.weight.reshape(-1, self.weight.shape[-1])
        positive, negative = np.maximum(w, 0).sum(0), np.minimum(w, 0).sum(0)
        below, above = min(low, 0), max(high, 0)
        finer = self.bias_fraction - self.fraction
        least = positive * below + negative * above << finer
        most = positive * above + negative * below << finer
        first = min(0, int(least.min()), int((least + self.bias).min()))
        return first, max(0, int(most.max()), int((most + self.bias).max()))

    def accumulator_bits(self, low: int, high: int) -> int:
        """Of every partial sum."""
        return holding(*self.accumulator(low, high)).bits

    @property
    def are_exact(self) -> bool:
        """Whether a float64 holds every constant."""
        every = (*self.weight.ravel().tolist(), *self.bias.tolist())
        return all(int(float(value)) == value for value in every)

    def precision(self, low: int, high: int, result: Fixed) -> dict[str, Fixed]:
        """The types of a weighted layer with inputs of ``low..high``."""
        bias = holding(int(self.bias.min()), int(self.bias.max()), self.bias_fraction)
        return {
            "weight": Fixed(self.bits, self.fraction, self.signed),
            "bias": bias,
            "accum": whole(holding(*self.accumulator(low, high), self.bias_fraction)),
            "result": result,
        }

    def data(self, weight: str) -> dict[str, Array]:
        """hls4ml's constants by its names."""
        return {
            weight: self.weight.astype(np.float64) * 2.0**-self.fraction,
            "bias_data": self.bias.astype(np.float64) * 2.0**-self.bias_fraction,
        }


def _reuse_factor(multiplications: int) -> int:
    return -(-multiplications // MAX_PARALLEL_MULTIPLIERS)


def dense(name: str, x: Value, weights: Weights, result: Clamped) -> tuple[Layer, Value]:
    """Dense layer over a flat value; weights (I, O)."""
    inputs, outputs = weights.weight.shape
    attributes: dict[str, Attribute] = {"n_in": inputs, "n_out": outputs}
    precision = weights.precision(x.low, x.high, result.type)
    reuse = _reuse_factor(inputs * outputs)
    data = weights.data("weight_data")
    layer = Layer("Dense", name, (x.layer,), attributes, precision, data, reuse)
    return layer, value_of(layer, (outputs,), result)


def convolution(
    name: str, x: Value, window: Window, shape: Shape, weights: Weights, result: Clamped
) -> tuple[Layer, Value]:
    """Convolution with weights (KH, KW, I, O), or depthwise with (KH, KW, C), to ``shape``."""
    depthwise = weights.weight.ndim == 3
    channels = x.shape[2]
    attributes: dict[str, Attribute] = {
        **_map_attributes(x.shape, shape, window.padding),
        "n_chan": channels,
        "n_filt": shape[2],
        "filt_height": window.kernel[0],
        "filt_width": window.kernel[1],
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
    }
    precision = weights.precision(x.low, x.high, result.type)
    if depthwise:
        attributes["depth_multiplier"] = 1
        data = weights.data("depthwise_data")
        data["depthwise_data"] = data["depthwise_data"][..., np.newaxis]
        layer = Layer("DepthwiseConv2D", name, (x.layer,), attributes, precision, data)
    else:
        data = weights.data("weight_data")
        reuse = _reuse_factor(weights.weight.size)
        layer = Layer("Conv2D", name, (x.layer,), attributes, precision, data, reuse)
    return layer, value_of(layer, shape, result)


def maximum(
    name: str, x: Value, window: Window, shape: Shape, result: Clamped
) -> tuple[Layer, Value]:
    """Window maxima."""
    return _pooling("MaxPooling2D", name, x, window, shape, x.type, result)


def mean(
    name: str,
    x: Value,
    window: Window,
    shape: Shape,
    source: tuple[int, int, int],
    result: Clamped,
) -> tuple[Layer, Value]:
    """Window means; ``source`` is (least sum, largest sum, n) for windows of ``2**n`` places.

    The sum is kept with n fraction bits, so that dividing it loses nothing.
    """
    low, high, n = source
    accum = whole(holding(low << n, high << n, n))
    return _pooling("AveragePooling2D", name, x, window, shape, accum, result)


def _pooling(
    kind: str, name: str, x: Value, window: Window, shape: Shape, accum: Fixed, result: Clamped
) -> tuple[Layer, Value]:
    attributes: dict[str, Attribute] = {
        **_map_attributes(x.shape, shape, window.padding),
        "n_filt": shape[2],
        "pool_height": window.kernel[0],
        "pool_width": window.kernel[1],
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
    }
    precision = {"accum": accum, "result": result.type}
    layer = Layer(kind, name, (x.layer,), attributes, precision)
    return layer, value_of(layer, shape, result)


def zero_padding(name: str, x: Value, padding: Padding) -> tuple[Layer, Value]:
    """Zeros around a map."""
    height, width, channels = x.shape
    shape = (
        height + padding.top + padding.bottom,
        width + padding.left + padding.right,
        channels,
    )
    attributes: dict[str, Attribute] = {
        **_map_attributes(x.shape, shape, padding),
        "n_chan": channels,
    }
    layer = Layer("ZeroPadding2D", name, (x.layer,), attributes, {"result": x.type})
    low, high = min(x.low, 0), max(x.high, 0)
    return layer, Value(name, shape, x.type, low, high, name)


def _map_attributes(x: Shape, y: Shape, padding: Padding) -> dict[str, Attribute]:
    return {
        "data_format": "channels_last",
        "in_height": x[0],
        "in_width": x[1],
        "out_height": y[0],
        "out_width": y[1],
        "pad_top": padding.top,
        "pad_bottom": padding.bottom,
        "pad_left": padding.left,
        "pad_right": padding.right,
    }


def merge(name: str, kind: str, a: Value, b: Value, result: Clamped) -> tuple[Layer, Value]:
    """``kind`` (add, subtract or multiply) of two values of one shape."""
    precision = {"result": result.type}
    layer = Layer("Merge", name, (a.layer, b.layer), {"op": kind}, precision)
    return layer, value_of(layer, a.shape, result)


def concatenate(name: str, a: Value, b: Value, axis: int) -> tuple[Layer, Value]:
    """``a`` and ``b`` after each other along ``axis``."""
    shape = list(a.shape)
    shape[axis] += b.shape[axis]
    result = as_it_is(min(a.low, b.low), max(a.high, b.high))
    # hls4ml counts the batch.
    attributes: dict[str, Attribute] = {"axis": axis + 1, "op": f"concatenate{len(shape)}d"}
    layer = Layer("Concatenate", name, (a.layer, b.layer), attributes, {"result": result.type})
    return layer, value_of(layer, tuple(shape), result)


def transpose(name: str, x: Value, axes: tuple[int, ...]) -> tuple[Layer, Value]:
    """The axes in another order."""
    shape = tuple(x.shape[axis] for axis in axes)
    layer = Layer("Transpose", name, (x.layer,), {"perm": list(axes)}, {"result": x.type})
    return layer, Value(name, shape, x.type, x.low, x.high, name)


def repeat(name: str, x: Value, times: tuple[int, int]) -> tuple[Layer, Value]:
    """Every row and column of a map several times."""
    height, width, channels = x.shape
    shape = (height * times[0], width * times[1], channels)
    attributes: dict[str, Attribute] = {
        "data_format": "channels_last",
        "in_height": height,
        "in_width": width,
        "out_height": shape[0],
        "out_width": shape[1],
        "n_chan": channels,
        "algorithm": "nearest",
    }
    layer = Layer("Resize", name, (x.layer,), attributes, {"result": x.type})
    return layer, Value(name, shape, x.type, x.low, x.high, name)


def cast(name: str, x: Value, result: Clamped) -> tuple[Layer, Value]:
    """Assignment to another type: rounds and clamps, multiplies by nothing."""
    layer = Layer("Activation", name, (x.layer,), {"activation": "linear"}, {"result": result.type})
    return layer, value_of(layer, x.shape, result)


def scaling(name: str, x: Value, weights: Weights, result: Clamped) -> tuple[Layer, Value]:
    """Each channel times its weight (weights (1, C)) and plus its bias: shifts of the binary point
    and an adder in hardware."""
    precision = weights.precision(x.low, x.high, result.type)
    # As an accumulator, the product has a bit before the point (``whole``).
    scale = precision["weight"]
    scale = replace(scale, bits=max(scale.bits, scale.fraction + 1 + scale.signed - x.type.bits))
    precision = {"scale": scale, "bias": precision["bias"], "result": result.type}
    data = weights.data("scale_data")
    data["scale_data"] = data["scale_data"][0]
    attributes: dict[str, Attribute] = {"n_in": prod(x.shape), "n_filt": x.shape[-1]}
    layer = Layer("BatchNormalization", name, (x.layer,), attributes, precision, data)
    return layer, value_of(layer, x.shape, result)


def lookup(name: str, x: Value, table: Mapping[int, int]) -> tuple[Layer, Value]:
    """``table[v]`` for every integer v of ``x``'s type; the table is a ROM of the project."""
    entries = np.zeros(1 << x.type.bits)
    for v, entry in table.items():
        entries[v % len(entries)] = entry
    reachable = [table[v] for v in range(x.low, x.high + 1)]
    result = as_it_is(min(reachable), max(reachable))
    precision = {"table": holding(int(entries.min()), int(entries.max())), "result": result.type}
    layer = Layer(
        "UnaryLUT",
        name,
        (x.layer,),
        {"activation": "unary_lut"},
        precision,
        {"table_data": entries},
    )
    return layer, value_of(layer, x.shape, result)


def reshape(name: str, x: Value, shape: Shape) -> tuple[Layer, Value]:
    """The same integers under another shape."""
    layer = Layer("Reshape", name, (x.layer,), {"target_shape": list(shape)}, {"result": x.type})
    return layer, Value(name, shape, x.type, x.low, x.high, x.traced)
