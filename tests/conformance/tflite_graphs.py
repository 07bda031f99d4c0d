"""Random .tflite files: any operator that the importer takes, any type, any shape and scale.

``random_file(rng)`` gives a file of one to five operators and says which. Scales are drawn over
orders of magnitude, so that outputs saturate, vanish or fill their range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import numpy as np

from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write

Shape = tuple[int, ...]
TYPES = ("int8", "int16", "uint8")
_LOW = {"int8": -128, "int16": -32768, "uint8": 0}
_HIGH = {"int8": 127, "int16": 32767, "uint8": 255}
_SPREAD = {"int8": 60.0, "int16": 12000.0, "uint8": 60.0}
"""How far integers of an activation lie from their zero point, roughly."""


@dataclass(frozen=True)
class Drawn:
    """A file and what it is made of: operators in order, the type of its activations."""

    data: bytes
    operators: tuple[str, ...]
    dtype: str


T = TypeVar("T")


class Draw:
    """One file that is being drawn; activations are known by name."""

    def __init__(self, rng: np.random.Generator, dtype: str) -> None:
        self.rng, self.dtype = rng, dtype
        self.tensors: dict[str, FileTensor] = {}
        self.operators: list[FileOperator] = []
        self.inputs: list[str] = []
        self.bias: dict[str, Any] = {}
        self.alone = False
        """Whether this is a file of one operator."""

    def pick(self, *of: T) -> T:
        return of[int(self.rng.integers(len(of)))]

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def log(self, low: float, high: float) -> float:
        """A float32 between 10**low and 10**high; now and then a power of two."""
        value = 10 ** self.rng.uniform(low, high)
        return float(
            np.float32(2.0 ** round(np.log2(value)) if self.rng.random() < 0.15 else value)
        )

    def zero_point(self) -> int:
        if self.dtype == "int16":
            return 0
        low, high = _LOW[self.dtype], _HIGH[self.dtype]
        return self.pick(
            self.between(low, high), self.between(low, high), low, high, (low + high + 1) // 2
        )

    def fresh(self, what: str = "t") -> str:
        return f"{what}{len(self.tensors)}"

    def activation(self, shape: Shape, scale: float = 0.0, zero_point: int | None = None) -> str:
        name = self.fresh()
        point = self.zero_point() if zero_point is None else zero_point
        self.tensors[name] = FileTensor(
            name, shape, self.dtype, (scale or self.log(-4, 0.5),), point
        )
        return name

    def input(self, shape: Shape, **facts: Any) -> str:
        name = self.activation(shape, **facts)
        self.inputs.append(name)
        return name

    def truth(self, shape: Shape) -> str:
        """A tensor of conditions."""
        name = self.fresh()
        self.tensors[name] = FileTensor(name, shape, "bool")
        return name

    def like(self, x: str, shape: Shape) -> str:
        tensor = self.tensors[x]
        return self.activation(shape, tensor.scale[0], tensor.zero_point)

    def integers(self, *of: Any) -> str:
        return self.constant(np.array(of if len(of) != 1 else of[0], np.int32), "int32")

    def constant(
        self,
        data: Any,
        dtype: str,
        scale: tuple[float, ...] = (),
        zero_point: int = 0,
        axis: int = 0,
    ) -> str:
        name = self.fresh("c")
        self.tensors[name] = FileTensor(name, data.shape, dtype, scale, zero_point, axis, data)
        return name

    def values(self, shape: Shape, dtype: str | None = None) -> Any:
        dtype = dtype or self.dtype
        low, high = (-8, 7) if dtype == "int4" else (_LOW[dtype], _HIGH[dtype])
        return self.rng.integers(low, high + 1, shape)

    def shape(self, x: str) -> Shape:
        return self.tensors[x].shape

    def scale(self, x: str) -> float:
        return self.tensors[x].scale[0]

    def op(
        self,
        code: str,
        inputs: tuple[str | None, ...],
        output: str,
        options: str = "",
        **fields: Any,
    ) -> str:
        self.operators.append(FileOperator(code, inputs, (output,), options, fields))
        return output

    def file(self, outputs: list[str]) -> bytes:
        return write(
            FileModel(
                "m",
                tuple(self.tensors.values()),
                tuple(self.operators),
                tuple(self.inputs),
                tuple(outputs),
            )
        )


def _a_map(d: Draw, height: int = 6, channels: int = 6) -> Shape:
    return (1, d.between(1, height), d.between(1, height), d.between(1, channels))


def _any_shape(d: Draw) -> Shape:
    return d.pick(_a_map(d), (1, d.between(1, 40)), (1, d.between(1, 6), d.between(1, 8)))


# Weighted operators


def _weights(
    d: Draw,
    x: str,
    form: Shape,
    axis: int,
    taps: int,
    bare: bool = True,
    narrow: bool = True,
    asymmetric: bool = False,
) -> tuple[str, str | None, float]:
    """Weight, bias, and an output scale for which sums may saturate, fit or vanish."""
    unsigned = d.dtype == "uint8"
    dtype = (
        "uint8"
        if unsigned
        else d.pick("int8", "int8", "int4" if d.dtype == "int8" and narrow else "int8")
    )
    channels = form[axis]
    apart = d.rng.random() < 0.6 and not unsigned
    scale = tuple(d.log(-4, -1) for _ in range(channels if apart else 1))
    point = d.between(0, 255) if unsigned else 0
    if asymmetric and dtype == "int8" and not apart and d.rng.random() < 0.4:
        point = d.between(-128, 127)
    weight = d.constant(d.values(form, dtype), dtype, scale, point, axis if apart else 0)
    size = (4 if dtype == "int4" else 73) * _SPREAD[d.dtype] * np.sqrt(taps)
    spread = float(np.mean(scale)) * d.scale(x) * size
    output = spread / _SPREAD[d.dtype] * d.log(-0.7, 0.7)
    if bare and d.rng.random() < 0.3 and d.dtype != "int16":
        return weight, None, output
    kind = "int64" if d.dtype == "int16" else "int32"
    if d.dtype == "int16" and narrow and d.rng.random() < 0.3:
        kind = "int32"
    bias = d.rng.integers(-int(size) - 1, int(size) + 2, channels)
    steps = tuple(float(np.float32(s) * np.float32(d.scale(x))) for s in scale)
    d.bias = {"quantizedBiasType": {"int32": 2, "int64": 4}[kind]} if d.dtype == "int16" else {}
    return weight, d.constant(bias, kind, steps), output


def _window(
    d: Draw, shape: Shape, kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[dict[str, Any], tuple[int, int]]:
    stride = (d.between(1, 3), d.between(1, 3))
    spans = [(k - 1) * s + 1 for k, s in zip(kernel, dilation, strict=True)]
    valid = d.rng.random() < 0.5 and all(n >= s for n, s in zip(shape[1:3], spans, strict=True))
    sides = tuple(
        (n - span) // s + 1 if valid else -(-n // s)
        for n, s, span in zip(shape[1:3], stride, spans, strict=True)
    )
    fields = {"padding": int(valid), "strideH": stride[0], "strideW": stride[1]}
    return fields, (sides[0], sides[1])


def _fused(d: Draw) -> dict[str, Any]:
    return {"fusedActivationFunction": d.pick(0, 0, 1, 2, 3)}


def conv(d: Draw, x: str) -> str:
    shape = d.shape(x)
    kernel = (d.between(1, 3), d.between(1, 3))
    dilation = d.pick((1, 1), (1, 1), (d.between(1, 2), d.between(1, 3)))
    groups = d.pick(1, 1, 1, *[g for g in (2, 3) if shape[3] % g == 0])
    outputs = groups * d.between(1, 4)
    form = (outputs, *kernel, shape[3] // groups)
    w, b, scale = _weights(d, x, form, 0, prod(form[1:]), d.dtype == "int8")
    fields, sides = _window(d, shape, kernel, dilation)
    y = d.activation((shape[0], *sides, outputs), scale)
    fields |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    return d.op(
        "CONV_2D", (x, w, b) if b else (x, w), y, "Conv2DOptions", **fields, **_fused(d), **d.bias
    )


def depthwise(d: Draw, x: str) -> str:
    shape, times = d.shape(x), d.pick(1, 1, 2, 3)
    kernel = (d.between(1, 3), d.between(1, 3))
    dilation = d.pick((1, 1), (1, 1), (d.between(1, 2), d.between(1, 3)))
    form = (1, *kernel, shape[3] * times)
    w, b, scale = _weights(d, x, form, 3, prod(kernel), d.dtype == "int8", d.dtype == "int8")
    fields, sides = _window(d, shape, kernel, dilation)
    y = d.activation((1, *sides, form[3]), scale)
    fields |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    fields |= {"depthMultiplier": times}
    return d.op(
        "DEPTHWISE_CONV_2D",
        (x, w, b) if b else (x, w),
        y,
        "DepthwiseConv2DOptions",
        **fields,
        **_fused(d),
    )


def matmul(d: Draw, x: str) -> str:
    """Of two activations, or of one and a constant."""
    shape = d.shape(x)
    while len(shape) < 3:
        shape = (1, *shape)
    if shape != d.shape(x):
        x = d.op("RESHAPE", (x, d.integers(shape)), d.like(x, shape))
    adjoint = [bool(d.rng.random() < 0.4) for _ in range(2)]
    depth, columns = shape[-2 if adjoint[0] else -1], d.between(1, 6)
    rows = shape[-1 if adjoint[0] else -2]
    lead = tuple(n if d.rng.random() < 0.6 else 1 for n in shape[:-2])
    form = (*lead, *((columns, depth) if adjoint[1] else (depth, columns)))
    point, scale = d.pick(0, d.zero_point()), d.log(-3, -1)
    if d.rng.random() < 0.4 and d.dtype == "int8":
        z = d.constant(d.values(form), d.dtype, (scale,), point)
    else:
        z = d.input(form, scale=scale, zero_point=0 if d.dtype == "int16" else point)
    spread = d.scale(x) * scale * _SPREAD[d.dtype] * np.sqrt(depth)
    y = d.activation((*shape[:-2], rows, columns), float(np.float32(spread * d.log(-0.5, 0.7))))
    fields = {"adjX": adjoint[0], "adjY": adjoint[1]}
    return d.op("BATCH_MATMUL", (x, z), y, "BatchMatMulOptions", **fields)


def dense(d: Draw, x: str) -> str:
    shape, outputs = d.shape(x), d.between(1, 8)
    keep = len(shape) > 2 and d.rng.random() < 0.4
    width = shape[-1] if keep else prod(shape)
    asymmetric = d.dtype == "int8"
    w, b, scale = _weights(d, x, (outputs, width), 0, width, asymmetric=asymmetric)
    y = d.activation((*shape[:-1], outputs) if keep else (1, outputs), scale)
    return d.op(
        "FULLY_CONNECTED",
        (x, w, b),
        y,
        "FullyConnectedOptions",
        keepNumDims=keep,
        **_fused(d),
        **d.bias,
    )


def transpose_conv(d: Draw, x: str) -> str:
    shape, outputs = d.shape(x), d.between(1, 4)
    kernel, stride = (d.between(1, 4), d.between(1, 4)), (d.between(1, 3), d.between(1, 3))
    valid = d.rng.random() < 0.5
    sides = [
        (n - 1) * s + max(k, s) if valid else n * s - d.between(0, s - 1)
        for n, s, k in zip(shape[1:3], stride, kernel, strict=True)
    ]
    w, b, scale = _weights(
        d, x, (outputs, *kernel, shape[3]), 0, prod(kernel) * shape[3], narrow=False
    )
    y = d.activation((1, *sides, outputs), scale)
    size = d.integers(d.shape(y))
    inputs = (size, w, x) if b is None else (size, w, x, b)
    fields = {"padding": int(valid), "strideH": stride[0], "strideW": stride[1]}
    return d.op("TRANSPOSE_CONV", inputs, y, "TransposeConvOptions", **fields)


# Elementwise operators


def _other(d: Draw, x: str, same: bool = False) -> tuple[str, Shape]:
    """A second operand, of a shape that goes with that of ``x``, and the shape of both."""
    shape = d.shape(x)
    other = tuple(n if d.rng.random() < 0.7 else 1 for n in shape)
    if d.rng.random() < 0.4:
        other = d.pick(shape, (1,) * len(shape))
    tensor = d.tensors[x]
    scale = tensor.scale[0] if same else d.pick(tensor.scale[0] * d.log(-1, 1), d.log(-4, 0.5))
    point = tensor.zero_point if same else d.zero_point()
    if d.rng.random() < 0.4:
        other = d.pick(other, other[1:] or (1,), ()) if d.dtype != "int16" else other
        return d.constant(d.values(other), d.dtype, (scale,), point), shape
    return d.input(other, scale=scale, zero_point=point), shape


def binary(d: Draw, x: str) -> str:
    code = d.pick("ADD", "SUB", "MUL")
    z, shape = _other(d, x)
    first, second = d.scale(x), d.scale(z)
    spread = first * second * _SPREAD[d.dtype] if code == "MUL" else max(first, second)
    y = d.activation(shape, float(np.float32(spread * d.log(-0.8, 0.8))))
    fields = _fused(d) | ({} if code == "MUL" else {"potScaleInt16": False})
    operands = d.pick((x, z), (z, x))
    return d.op(code, operands, y, f"{code.title()}Options", **fields)


def extremum(d: Draw, x: str) -> str:
    z, shape = _other(d, x, same=True)
    code = d.pick("MAXIMUM", "MINIMUM")
    return d.op(code, d.pick((x, z), (z, x)), d.like(x, shape), "MaximumMinimumOptions")


def prelu(d: Draw, x: str) -> str:
    shape = d.shape(x)
    form = tuple(n if d.rng.random() < 0.5 else 1 for n in shape[1:])
    slope = d.constant(d.values(form), d.dtype, (d.log(-4, -1),), d.zero_point())
    y = d.activation(shape, d.scale(x) * d.log(-1, 1))
    return d.op("PRELU", (x, slope), y)


_TABLES = {
    "LOGISTIC": {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)},
    "TANH": {"int8": (1 / 128, 0), "uint8": (1 / 128, 128), "int16": (1 / 32768, 0)},
}


def unary(d: Draw, x: str) -> str:
    codes = ["LOGISTIC", "TANH", "LEAKY_RELU", "RELU", "RELU6", "QUANTIZE"]
    more = {
        "int8": ["HARD_SWISH", "RELU_N1_TO_1", "RELU_0_TO_1"],
        "int16": [],
        "uint8": ["HARD_SWISH", "RELU_N1_TO_1", "RELU_0_TO_1"],
    }
    code = d.pick(*codes, *more[d.dtype])
    shape = d.shape(x)
    if code in _TABLES:
        return d.op(code, (x,), d.activation(shape, *_TABLES[code][d.dtype]))
    if code in ("RELU6", "RELU_N1_TO_1") and d.rng.random() < 0.5:
        return d.op(code, (x,), d.like(x, shape))
    y = d.activation(shape, d.scale(x) * d.pick(1.0, d.log(-1, 1), d.log(-2, 2)))
    if code == "LEAKY_RELU":
        return d.op(
            code, (x,), y, "LeakyReluOptions", alpha=d.pick(d.log(-3, 0), -d.log(-2, 0), 0.0)
        )
    return d.op(code, (x,), y)


def function(d: Draw, x: str) -> str:
    """Functions of numbers that scales do not bring along: of reals up to some 4."""
    codes = {
        "int8": ["ABS", "ELU", "EXP", "GELU", "LOG", "NEG", "RSQRT", "SQRT"],
        "int16": ["ABS", "EXP", "GELU", "LOG", "NEG", "RSQRT", "SQRT"],
        "uint8": ["GELU"],
    }
    code, shape = d.pick(*codes[d.dtype]), d.shape(x)
    positive = code in ("RSQRT", "SQRT")
    if positive:  # of squares, which are never below 0
        point = _LOW[d.dtype] if d.dtype != "int16" else 0
        step = 4.0 / _SPREAD[d.dtype]
        x = d.input(shape, scale=step * d.log(-0.5, 0.5))
        x = d.op("RELU", (x,), d.activation(shape, step, point))
    else:
        x = d.input(shape, scale=d.log(-1, 1) / _SPREAD[d.dtype])
    fields = {"approximate": bool(d.rng.random() < 0.5)} if code == "GELU" else {}
    y = d.activation(shape, d.log(-1, 1) / _SPREAD[d.dtype])
    return d.op(code, (x,), y, "GeluOptions" if code == "GELU" else "", **fields)


def quotient(d: Draw, x: str) -> str:
    code = d.pick("DIV", "SQUARED_DIFFERENCE", "SQUARED_DIFFERENCE")
    if d.dtype == "uint8":
        code = "DIV"
    if d.dtype == "int16":
        code = "SQUARED_DIFFERENCE"
    z, shape = _other(d, x)
    if code == "DIV":
        if d.dtype == "uint8":  # LiteRT refuses to divide by 0.
            z = d.constant(d.rng.integers(1, 256, shape), "uint8", (d.scale(x),), 0)
        y = d.activation(shape, float(np.float32(d.scale(x) / d.scale(z) * d.log(-2, 0))))
        return d.op(code, (x, z), y, "DivOptions", **_fused(d))
    spread = 2 * max(d.scale(x), d.scale(z)) * _SPREAD[d.dtype]
    y = d.activation(shape, float(np.float32(spread**2 / _SPREAD[d.dtype] * d.log(-1, 0.5))))
    return d.op(code, d.pick((x, z), (z, x)), y, "SquaredDifferenceOptions")


def softmax(d: Draw, x: str) -> str:
    facts = {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)}[d.dtype]
    beta = d.pick(1.0, d.log(-1, 1))
    if d.dtype == "int16":
        beta = min(beta, 4.9 / d.scale(x))  # TFLM's leaves 32 bits beyond.
    return d.op("SOFTMAX", (x,), d.activation(d.shape(x), *facts), "SoftmaxOptions", beta=beta)


_COMPARISONS = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")


def _condition(d: Draw, shape: Shape) -> str:
    """A comparison of two activations whose scales are below 1, negated now and then."""
    scale = d.log(-4, -0.1)
    w, k = d.input(shape, scale=scale), d.input(shape, scale=d.pick(scale, d.log(-4, -0.1)))
    code = d.pick(*_COMPARISONS)
    if code == "GREATER" and d.dtype == "int16":
        code, w, k = "LESS", k, w  # TFLM takes it, and says always no.
    c = d.op(code, (w, k), d.truth(shape))
    return d.op("LOGICAL_NOT", (c,), d.truth(shape)) if d.rng.random() < 0.3 else c


def choice(d: Draw, x: str) -> str:
    """One of two activations where one comparison holds, or both, or either, or all of a row."""
    z, shape = _other(d, x, same=True)
    c = _condition(d, shape)
    code = d.pick("SELECT", "SELECT_V2", "SELECT_V2")
    if d.rng.random() < 0.5:
        kind = d.pick("LOGICAL_AND", "LOGICAL_OR")
        c = d.op(kind, (c, _condition(d, shape)), d.truth(shape))
    if d.rng.random() < 0.4 and code == "SELECT_V2":
        axes = d.integers(np.array([len(shape) - 1], np.int32))
        kind, kept = d.pick("REDUCE_ALL", "REDUCE_ANY"), (*shape[:-1], 1)
        c = d.op(kind, (c, axes), d.truth(kept), "ReducerOptions", keepDims=True)
    if code == "SELECT" and d.shape(z) != shape:  # It repeats nothing.
        z = d.input(shape, scale=d.scale(x), zero_point=d.tensors[x].zero_point)
    return d.op(code, (c, *d.pick((x, z), (z, x))), d.like(x, shape))


# Pools and reductions


def argmax(d: Draw, x: str) -> str:
    """Places, which nothing else here reads."""
    shape = d.shape(x)
    axis = d.between(1, len(shape) - 1)
    kind = d.pick("int32", "int32", "int64")
    y = d.fresh()
    d.tensors[y] = FileTensor(y, shape[:axis] + shape[axis + 1 :], kind)
    index = d.integers(d.pick(axis, axis - len(shape)))
    number = {"int32": 2, "int64": 4}[kind]
    code, options = d.pick(("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions"))
    return d.op(code, (x, index), y, options, outputType=number)


def pool(d: Draw, x: str) -> str:
    shape = d.shape(x)
    kernel = (d.between(1, min(shape[1], 4)), d.between(1, min(shape[2], 4)))
    fields, sides = _window(d, shape, kernel, (1, 1))
    y = d.like(x, (shape[0], *sides, shape[3]))
    fields |= {"filterHeight": kernel[0], "filterWidth": kernel[1]}
    code = d.pick("AVERAGE_POOL_2D", "MAX_POOL_2D")
    return d.op(code, (x,), y, "Pool2DOptions", **fields, **_fused(d))


def mean(d: Draw, x: str) -> str:
    shape, keep = d.shape(x), bool(d.rng.random() < 0.5)
    axes = (
        d.pick((1, 2), (2, 1), (-1,), (1,), (1, 2, 3), (1, 3), (2, -1), (0, 1) if d.alone else (1,))
        if len(shape) == 4
        else (d.between(1, len(shape) - 1),)
    )
    gone = {axis % len(shape) for axis in axes}
    form = tuple(1 if k in gone else n for k, n in enumerate(shape) if keep or k not in gone)
    code = d.pick("MEAN", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
    if code == "SUM" and d.dtype != "uint8" and not d.alone:
        code = (
            "MEAN"  # LiteRT's reference kernel is wrong, and some neighbour may be LiteRT's alone.
        )
    if code.startswith("REDUCE"):
        y = d.like(x, form)
    else:
        y = d.pick(d.like(x, form), d.activation(form, d.scale(x) * d.log(-1, 1)))
    return d.op(code, (x, d.integers(np.array(axes))), y, "ReducerOptions", keepDims=keep)


# Operators that move integers


def reshape(d: Draw, x: str) -> str:
    shape = d.shape(x)
    form = d.pick(
        (1, prod(shape)),
        (1, 1, prod(shape)),
        shape[::-1] if shape[-1] == 1 else (1, *shape[1:][::-1]),
    )
    return d.op(
        "RESHAPE", (x, d.integers(form)), d.like(x, form), "ReshapeOptions", newShape=list(form)
    )


def concat(d: Draw, x: str) -> str:
    shape, tensor = d.shape(x), d.tensors[x]
    axis = d.between(1, len(shape) - 1)
    parts = [x]
    for _ in range(d.between(1, 2)):
        form = tuple(d.between(1, 4) if k == axis else n for k, n in enumerate(shape))
        other = d.dtype == "uint8" and d.rng.random() < 0.4
        scale = tensor.scale[0] * d.log(-0.5, 0.5) if other else tensor.scale[0]
        point = d.zero_point() if other else tensor.zero_point
        part = (
            d.constant(d.values(form), d.dtype, (scale,), point)
            if d.rng.random() < 0.3
            else d.input(form, scale=scale, zero_point=point)
        )
        parts.insert(d.between(0, len(parts)), part)
    size = sum(d.shape(part)[axis] for part in parts)
    y = d.like(x, tuple(size if k == axis else n for k, n in enumerate(shape)))
    axis = d.pick(axis, axis - len(shape))
    return d.op("CONCATENATION", tuple(parts), y, "ConcatenationOptions", axis=axis)


def pad(d: Draw, x: str) -> str:
    shape, tensor = d.shape(x), d.tensors[x]
    pairs = [(0, 0), *((d.between(0, 2), d.between(0, 2)) for _ in shape[1:])]
    y = d.like(x, tuple(n + sum(pair) for n, pair in zip(shape, pairs, strict=True)))
    amounts = d.integers(pairs)
    if d.rng.random() < 0.5:
        return d.op("PAD", (x, amounts), y, "PadOptions")
    value = d.constant(d.values((1,)), d.dtype, tensor.scale, tensor.zero_point)
    return d.op("PADV2", (x, amounts, value), y, "PadV2Options")


def sliced(d: Draw, x: str) -> str:
    shape = d.shape(x)
    begin = [0, *(d.between(0, n - 1) for n in shape[1:])]
    if d.rng.random() < 0.4:
        size = [1, *(d.between(1, n - b) for n, b in zip(shape[1:], begin[1:], strict=True))]
        return d.op(
            "SLICE",
            (x, d.integers(begin), d.integers(size)),
            d.like(x, tuple(size)),
            "SliceOptions",
        )
    stride = [1, *(d.pick(1, 1, 2, -1) for _ in shape[1:])]
    end = [1]
    size = [1]
    for n, b, s in zip(shape[1:], begin[1:], stride[1:], strict=True):
        stop = d.between(b + 1, n) if s > 0 else -n - 1
        end.append(stop)
        size.append(len(range(b, stop if s > 0 else -1, s)))
    numbers = [d.integers(v) for v in (begin, end, stride)]
    return d.op("STRIDED_SLICE", (x, *numbers), d.like(x, tuple(size)), "StridedSliceOptions")


def transpose(d: Draw, x: str) -> str:
    shape = d.shape(x)
    axes = [0, *(1 + d.rng.permutation(len(shape) - 1)).tolist()]
    y = d.like(x, tuple(shape[axis] for axis in axes))
    return d.op("TRANSPOSE", (x, d.integers(axes)), y, "TransposeOptions")


def repeated(d: Draw, x: str) -> str:
    """What reads places of its input more than once."""
    shape, tensor = d.shape(x), d.tensors[x]
    code = d.pick("TILE", "GATHER", "MIRROR_PAD", *(["BROADCAST_TO"] if d.dtype == "int8" else []))
    axis = d.between(1, len(shape) - 1)
    if code == "TILE":
        times = [1, *(d.between(1, 3) for _ in shape[1:])]
        y = d.like(x, tuple(n * t for n, t in zip(shape, times, strict=True)))
        return d.op("TILE", (x, d.integers(times)), y)
    if code == "GATHER":
        count = d.between(1, 12)
        places = d.integers(d.rng.integers(0, shape[axis], count))
        y = d.like(x, (*shape[:axis], count, *shape[axis + 1 :]))
        return d.op("GATHER", (x, places), y, "GatherOptions", axis=d.pick(axis, axis - len(shape)))
    if code == "MIRROR_PAD":
        mode = d.between(0, 1)
        pairs = [(0, 0), *((d.between(0, n - 1), d.between(0, n - 1)) for n in shape[1:])]
        y = d.like(x, tuple(n + sum(pair) for n, pair in zip(shape, pairs, strict=True)))
        return d.op("MIRROR_PAD", (x, d.integers(pairs)), y, "MirrorPadOptions", mode=mode)
    form = tuple(1 if d.rng.random() < 0.5 else n for n in shape)
    z = d.input(form, scale=tensor.scale[0], zero_point=tensor.zero_point)
    return d.op("BROADCAST_TO", (z, d.integers(shape)), d.like(x, shape))


def reverse(d: Draw, x: str) -> str:
    axis = d.between(1, len(d.shape(x)) - 1)
    return d.op("REVERSE_V2", (x, d.integers(np.array([axis]))), d.like(x, d.shape(x)))


def resize(d: Draw, x: str) -> str:
    code, options = "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"
    shape, sides = d.shape(x), (d.between(1, 9), d.between(1, 9))
    if d.rng.random() < 0.5:
        code, options = "RESIZE_BILINEAR", "ResizeBilinearOptions"
        if d.dtype == "uint8":  # in float32: exact by powers of two alone
            sides = (shape[1] * d.pick(1, 2, 4), shape[2] * d.pick(1, 2, 8))
    align = bool(d.rng.random() < 0.3) and (d.dtype, code) != ("uint8", "RESIZE_BILINEAR")
    centres = not align and bool(d.rng.random() < 0.3)
    y = d.like(x, (1, *sides, shape[3]))
    fields = {"alignCorners": align, "halfPixelCenters": centres}
    return d.op(code, (x, d.integers(sides)), y, options, **fields)


def blocks(d: Draw, x: str) -> str:
    n, h, w, c = d.shape(x)
    block = d.pick(2, 3)
    deep = (n, h, w, c * block**2)
    flat = (n, h * block, w * block, c)
    facts = {"scale": d.scale(x), "zero_point": d.tensors[x].zero_point}
    if d.rng.random() < 0.5:
        x, y = d.input(deep, **facts), d.like(x, flat)
        return d.op("DEPTH_TO_SPACE", (x,), y, "DepthToSpaceOptions", blockSize=block)
    x, y = d.input(flat, **facts), d.like(x, deep)
    return d.op("SPACE_TO_DEPTH", (x,), y, "SpaceToDepthOptions", blockSize=block)


def dealt(d: Draw, x: str) -> str:
    """To several maps, perhaps through a layer, perhaps back."""
    shape, block = d.shape(x), (d.between(1, 2), d.between(1, 3))
    if d.dtype == "int8":  # TFLM's borders are what it finds in memory.
        height, width = (1 if n % b else b for n, b in zip(shape[1:3], block, strict=True))
        block = (height, width)
    borders, sides = [], []
    for n, b in zip(shape[1:3], block, strict=True):
        first = 0 if d.dtype == "int8" else d.between(0, 2)
        borders.append((first, -(n + first) % b))
        sides.append((n + sum(borders[-1])) // b)
    maps = block[0] * block[1]
    y = d.like(x, (maps, *sides, shape[3]))
    numbers = (d.integers(block), d.integers(np.array(borders)))
    y = d.op("SPACE_TO_BATCH_ND", (x, *numbers), y, "SpaceToBatchNDOptions")
    if d.alone and d.rng.random() < 0.5:
        y = d.pick(conv, pool)(d, y)
    maps, *sides, channels = d.shape(y)
    crops = [(0, d.between(0, n * b - 1)) for n, b in zip(sides, block, strict=True)]
    left = [n * b - c[1] for n, b, c in zip(sides, block, crops, strict=True)]
    z = d.like(y, (1, *left, channels))
    numbers = (d.integers(block), d.integers(np.array(crops)))
    return d.op("BATCH_TO_SPACE_ND", (y, *numbers), z, "BatchToSpaceNDOptions")


def split(d: Draw, x: str) -> str:
    shape = d.shape(x)
    axis = d.between(1, len(shape) - 1)
    count = shape[axis]
    parts = d.pick(*[p for p in range(1, count + 1) if count % p == 0])
    even = d.rng.random() < 0.5
    sizes = [count // parts] * parts
    if not even and count > 1:
        first = d.between(1, count - 1)
        sizes = [first, count - first]
    outputs = tuple(d.like(x, (*shape[:axis], size, *shape[axis + 1 :])) for size in sizes)
    at = d.integers(axis)
    if even:
        op = FileOperator("SPLIT", (at, x), outputs, "SplitOptions", {"numSplits": len(sizes)})
    else:
        numbers = (x, d.integers(np.array(sizes)), at)
        op = FileOperator("SPLIT_V", numbers, outputs, "SplitVOptions", {"numSplits": len(sizes)})
    d.operators.append(op)
    return outputs[d.between(0, len(outputs) - 1)]


def pack(d: Draw, x: str) -> str:
    shape, tensor = d.shape(x), d.tensors[x]
    z = d.input(shape, scale=tensor.scale[0], zero_point=tensor.zero_point)
    axis = d.between(1, len(shape))
    form = (*shape[:axis], 2, *shape[axis:])
    return d.op("PACK", (x, z), d.like(x, form), "PackOptions", axis=axis, valuesCount=2)


def unpack(d: Draw, x: str) -> str:
    shape = d.shape(x)
    axis = d.between(1, len(shape) - 1)
    outputs = tuple(d.like(x, (*shape[:axis], *shape[axis + 1 :])) for _ in range(shape[axis]))
    fields = {"axis": axis, "num": shape[axis]}
    d.operators.append(FileOperator("UNPACK", (x,), outputs, "UnpackOptions", fields))
    return outputs[d.between(0, len(outputs) - 1)]


Make = Callable[[Draw, str], str]
MAPS: dict[str, Make] = {
    "conv": conv,
    "depthwise": depthwise,
    "transpose_conv": transpose_conv,
    "pool": pool,
    "resize": resize,
    "blocks": blocks,
    "dealt": dealt,
}
"""Operators of a map (1, H, W, C)."""
ANY: dict[str, Make] = {
    "dense": dense,
    "matmul": matmul,
    "binary": binary,
    "extremum": extremum,
    "prelu": prelu,
    "unary": unary,
    "function": function,
    "quotient": quotient,
    "softmax": softmax,
    "argmax": argmax,
    "mean": mean,
    "reshape": reshape,
    "choice": choice,
    "concat": concat,
    "pad": pad,
    "slice": sliced,
    "transpose": transpose,
    "repeated": repeated,
    "reverse": reverse,
    "split": split,
    "pack": pack,
    "unpack": unpack,
}
"""Operators of tensors of any rank."""
_NOT_16 = frozenset(("blocks", "prelu", "argmax"))
_NOT_UNSIGNED = frozenset(("matmul",))


def random_file(rng: np.random.Generator, dtype: str, kind: str | None = None) -> Drawn:
    """A file of one operator ``kind``, or of two to five of any kind; what nothing reads is an
    output."""
    d = Draw(rng, dtype)
    d.alone = kind is not None
    if kind is not None:
        shape = _a_map(d) if kind in MAPS else _any_shape(d)
        (MAPS | ANY)[kind](d, d.input(shape))
    else:
        last = d.input(_a_map(d))
        for _ in range(d.between(2, 5)):
            shape = d.shape(last)
            if len(shape) < 2:
                break
            fitting = [k for k in kinds(dtype) if k in ANY or len(shape) == 4]
            if len(shape) > 3:
                fitting.remove("pack")
            if len(shape) < 3:
                fitting.remove("unpack")
            drawn = str(d.pick(*fitting))
            last = (MAPS | ANY)[drawn](d, last)
            if drawn == "argmax":
                break
    made = [name for op in d.operators for name in op.outputs]
    read = {name for op in d.operators for name in op.inputs}
    d.inputs = [name for name in d.inputs if name in read]
    outputs = [name for name in made if name not in read]
    return Drawn(d.file(outputs), tuple(op.code for op in d.operators), dtype)


def kinds(dtype: str) -> list[str]:
    """The kinds of operators that activations of ``dtype`` have."""
    left_out = {"int16": _NOT_16, "uint8": _NOT_UNSIGNED}.get(dtype, frozenset())
    return [kind for kind in MAPS | ANY if kind not in left_out]
