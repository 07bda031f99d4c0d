"""The ops of float ONNX files, each as the PyTorch modules that do the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.layers import read_padding, read_pair
from hwkit.ir.ops import Padding
from hwkit.ir.types import Array
from hwkit.train.ptq import pieces
from hwkit.train.ptq.standard import NotHandled, maximum, upsampled

Modules = list[nn.Module | None]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnnxCall:
    """A node with the shapes of its inputs and outputs, and its ``constants`` by position."""

    node: Node
    shapes: tuple[Shape, ...]
    after: tuple[Shape, ...]
    constants: Mapping[int, Array | None]

    def constant(self, position: int) -> Array | None:
        """An input that is a constant; None where it is not given."""
        if position >= len(self.node.inputs) or self.node.inputs[position] == "":
            return None
        value = self.constants.get(position)
        if value is None:
            raise NotHandled(f"its input {position} is computed; make it a constant")
        return value

    def is_computed(self, position: int) -> bool:
        """Whether an input is given and no constant."""
        given = position < len(self.node.inputs) and self.node.inputs[position] != ""
        return given and self.constants.get(position) is None

    def number(self, position: int, key: str, default: float) -> float:
        """A scalar that is an attribute in old files and an input in new ones."""
        value = self.constant(position)
        return (
            float(value.reshape(-1)[0]) if value is not None else self.node.attribute(key, default)
        )

    def axes(self, position: int, key: str = "axes") -> list[int]:
        """Axes by attribute or input."""
        value = self.constant(position)
        given = self.node.attribute(key, []) if value is None else [int(a) for a in value.flat]
        return [a % len(self.shapes[0]) for a in given]


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def _parameter(values: Array) -> nn.Parameter:
    return nn.Parameter(_tensor(values))


def padding_of(node: Node, shape: Shape, kernel: Shape) -> Padding:
    """The padding of a convolution or pool of ``kernel`` over ``shape`` (N, C, ...)."""
    rows, columns = (1, *kernel)[-2:]
    pair = (read_pair(node, "strides"), read_pair(node, "dilations"))
    return read_padding(node, shape[1:], (rows, columns), *pair)


def _padding(c: OnnxCall, kernel: Shape) -> tuple[Shape, nn.Module | None]:
    """Padding as PyTorch's layers take it, equal on both sides, or by a module in front."""
    two = len(kernel) == 2
    p = padding_of(c.node, c.shapes[0], kernel)
    sides = [p.left, p.right] + ([p.top, p.bottom] if two else [])
    if p.left == p.right and p.top == p.bottom:
        return ((p.top, p.left) if two else (p.left,)), None
    return (0,) * len(kernel), pieces.Padded(sides)


def _last(values: tuple[int, int], rank: int) -> Shape:
    return values[-rank:]


def _conv(c: OnnxCall) -> Modules:
    weight, bias = c.constant(1), c.constant(2)
    if weight is None or weight.ndim not in (3, 4):
        raise NotHandled("give it a constant weight of one or two spatial axes")
    rank = weight.ndim - 2
    padding, front = _padding(c, weight.shape[2:])
    kind: Any = nn.Conv1d if rank == 1 else nn.Conv2d
    groups = c.node.attribute("group", 1)
    layer = kind(
        weight.shape[1] * groups, weight.shape[0], weight.shape[2:],
        _last(read_pair(c.node, "strides"), rank), padding,
        _last(read_pair(c.node, "dilations"), rank), groups, bias is not None,
    )  # fmt: skip
    layer.weight = _parameter(weight)
    if bias is not None:
        layer.bias = _parameter(bias)
    return [*([front] if front else []), layer]


def _conv_transpose(c: OnnxCall) -> Modules:
    weight, bias = c.constant(1), c.constant(2)
    if weight is None or weight.ndim not in (3, 4):
        raise NotHandled("give it a constant weight of one or two spatial axes")
    rank = weight.ndim - 2
    pads = c.node.attribute("pads", [0] * 2 * rank)
    if pads[:rank] != pads[rank:] or c.node.attribute("auto_pad", "NOTSET") != "NOTSET":
        raise NotHandled("pad alike on both sides")
    kind: Any = nn.ConvTranspose1d if rank == 1 else nn.ConvTranspose2d
    groups = c.node.attribute("group", 1)
    layer = kind(
        weight.shape[0], weight.shape[1] * groups, weight.shape[2:],
        _last(read_pair(c.node, "strides"), rank), tuple(pads[:rank]),
        tuple(c.node.attribute("output_padding", [0] * rank)), groups, bias is not None,
        _last(read_pair(c.node, "dilations"), rank),
    )  # fmt: skip
    layer.weight = _parameter(weight)
    if bias is not None:
        layer.bias = _parameter(bias)
    return [layer]


def _linear(weight: Array, bias: Array | None) -> nn.Module:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    layer.weight = _parameter(weight)
    if bias is not None:
        layer.bias = _parameter(np.broadcast_to(bias.reshape(-1), weight.shape[:1]))
    return layer


def _gemm(c: OnnxCall) -> Modules:
    weight, bias = c.constant(1), c.constant(2)
    factors = c.node.attribute("alpha", 1.0), c.node.attribute("beta", 1.0)
    if weight is None or c.node.attribute("transA", 0):
        raise NotHandled("give it a constant weight, and no transA")
    weight = (weight if c.node.attribute("transB", 0) else weight.T) * factors[0]
    return [_linear(weight, None if bias is None else bias * factors[1])]


def _matmul(c: OnnxCall) -> Modules:
    if not c.constants:
        return [pieces.MatMul()]
    if 0 in c.constants:
        raise NotHandled("a constant matrix first; give it a constant weight second")
    weight = c.constant(1)
    if weight is None or weight.ndim != 2:
        raise NotHandled("give it a constant weight of two axes")
    return [_linear(weight.T, None)]


def _batch_norm(c: OnnxCall) -> Modules:
    gamma, beta, mean, variance = (c.constant(i) for i in range(1, 5))
    if gamma is None or beta is None or mean is None or variance is None:
        raise NotHandled("its statistics are no constants; export in evaluation mode")
    kind: Any = nn.BatchNorm2d if len(c.shapes[0]) == 4 else nn.BatchNorm1d
    norm = kind(len(gamma), c.node.attribute("epsilon", 1e-5))
    norm.weight, norm.bias = _parameter(gamma), _parameter(beta)
    norm.running_mean, norm.running_var = _tensor(mean), _tensor(variance)
    return [norm]


def _clip(c: OnnxCall) -> Modules:
    low, high = c.number(1, "min", -np.inf), c.number(2, "max", np.inf)
    if low == 0:
        return [
            nn.ReLU6() if high == 6 else nn.ReLU() if high == np.inf else nn.Hardtanh(0.0, high)
        ]
    return [nn.Hardtanh(low, high)]


def _pool(c: OnnxCall, kinds: tuple[Any, Any], average: bool) -> Modules:
    kernel = c.node.attribute("kernel_shape", [1])
    padding, front = _padding(c, tuple(kernel))
    stride = _last(read_pair(c.node, "strides"), len(kernel))
    ceil = bool(c.node.attribute("ceil_mode", 0))
    kind = kinds[len(kernel) - 1]
    if average:
        counted = bool(c.node.attribute("count_include_pad", 0)) or not any(padding)
        if front is not None and not c.node.attribute("count_include_pad", 0):
            raise NotHandled("pad alike on both sides, or count the padding")
        return (
            [front, kind(kernel, stride, padding, ceil, counted)]
            if front
            else [kind(kernel, stride, padding, ceil, counted)]
        )
    if front is not None:
        raise NotHandled("pad a max pool alike on both sides")
    return [
        kind(
            kernel,
            stride,
            padding,
            _last(read_pair(c.node, "dilations"), len(kernel)),
            ceil_mode=ceil,
        )
    ]


def _mean(c: OnnxCall) -> Modules:
    axes = c.axes(1)
    if not axes or 0 in axes:
        raise NotHandled("name the axes of the mean, the batch not among them")
    return [pieces.Mean(axes, bool(c.node.attribute("keepdims", 1)))]


def _global_mean(c: OnnxCall) -> Modules:
    return [nn.AdaptiveAvgPool1d(1) if len(c.shapes[0]) == 3 else nn.AdaptiveAvgPool2d(1)]


def _binary(
    module: type[nn.Module], constant: Callable[[Tensor, bool], tuple[Tensor, Tensor]]
) -> Callable[[OnnxCall], Modules]:
    def make(c: OnnxCall) -> Modules:
        if not c.constants:
            return [module()]
        position = next(iter(c.constants))
        value = c.constant(position)
        assert value is not None  # Both inputs of a binary op are given.
        return [pieces.Affine(*constant(_tensor(value), position == 0))]

    return make


def _quotient(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    if first or not bool(number.all()):
        raise NotHandled("divide activations by a constant that is not 0")
    return 1 / number, torch.zeros(())


class _NoQuotient(nn.Module):
    def __init__(self) -> None:
        raise NotHandled("a quotient of two activations; divide by a constant")


def _reshaped(c: OnnxCall) -> Modules:
    before, after = c.shapes[0], c.after[0]
    if not after or after[0] != before[0]:
        raise NotHandled(f"shape {before} to {after}; keep the batch as first axis")
    return [pieces.Reshaped(after[1:])]


def _concat(c: OnnxCall) -> Modules:
    axis = c.node.attribute("axis", 1) % len(c.after[0])
    if c.constants or axis == 0:
        raise NotHandled("join activations along channels or space")
    return [pieces.Join(axis)]


def _transpose(c: OnnxCall) -> Modules:
    order = c.node.attribute("perm", list(range(len(c.shapes[0])))[::-1])
    if order[0] != 0:
        raise NotHandled(f"axes {order}; keep the batch as first axis")
    return [pieces.Permuted(order)]


def _pad(c: OnnxCall) -> Modules:
    given = c.constant(1)
    pads = c.node.attribute("pads", []) if given is None else [int(p) for p in given.flat]
    rank = len(pads) // 2
    if (
        c.node.attribute("mode", "constant") != "constant"
        or c.number(2, "value", 0.0)
        or min(pads) < 0
    ):
        raise NotHandled("pad with zeros")
    sides = [pads[a + e * rank] for a in reversed(range(rank)) for e in (0, 1)]
    if any(sides[-2:]):
        raise NotHandled("padding of the batch")
    return [pieces.Padded(sides)]


def _resize(c: OnnxCall) -> Modules:
    mode = c.node.attribute("mode", "nearest")
    form = c.node.attribute("coordinate_transformation_mode", "half_pixel")
    if mode == "linear" and form not in ("half_pixel", "pytorch_half_pixel"):
        raise NotHandled(f"coordinates {form!r:.30}; use half_pixel")
    return [upsampled(mode, c.shapes[0], c.after[0])]


def _slice(c: OnnxCall) -> Modules:
    before, after = c.shapes[0], c.after[0]
    cut = [a for a, (b, n) in enumerate(zip(before, after, strict=True)) if b != n]
    axes, starts, steps = c.axes(3), c.constant(1), c.constant(4)
    if len(cut) != 1 or cut[0] == 0 or starts is None:
        raise NotHandled("cut one axis, not the batch")
    at = (axes or list(range(len(starts)))).index(cut[0])
    step = 1 if steps is None else int(steps[at])
    start = int(starts[at]) + (before[cut[0]] if starts[at] < 0 else 0)
    if step < 1:
        raise NotHandled("a slice in steps above 0")
    return [pieces.Part(cut[0], start, start + (after[cut[0]] - 1) * step + 1, step)]


def _split(c: OnnxCall) -> Modules:
    axis = c.node.attribute("axis", 0) % len(c.shapes[0])
    if axis == 0:
        raise NotHandled("split channels or space, not the batch")
    ends = np.cumsum([0, *(shape[axis] for shape in c.after)]).tolist()
    return [pieces.Part(axis, a, b) for a, b in pairwise(ends)]


def _prelu(c: OnnxCall) -> Modules:
    slopes = c.constant(1)
    if slopes is None or slopes.size not in (1, c.shapes[0][1]):
        raise NotHandled("one slope, or one for each channel")
    layer = nn.PReLU(slopes.size)
    layer.weight = _parameter(slopes.reshape(-1))
    return [layer]


def _hard_sigmoid(c: OnnxCall) -> Modules:
    alpha, beta = c.node.attribute("alpha", 0.2), c.node.attribute("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-6 or beta != 0.5:
        raise NotHandled(f"alpha {alpha}, beta {beta}; PyTorch's has 1/6 and 0.5")
    return [nn.Hardsigmoid()]


def _selu(c: OnnxCall) -> Modules:
    alpha, gamma = c.node.attribute("alpha", 1.67326), c.node.attribute("gamma", 1.0507)
    if abs(alpha - 1.67326) > 1e-4 or abs(gamma - 1.0507) > 1e-4:
        raise NotHandled(f"alpha {alpha}, gamma {gamma}; PyTorch's has 1.67326 and 1.0507")
    return [nn.SELU()]


def _layer_norm(c: OnnxCall) -> Modules:
    gain, bias = c.constant(1), c.constant(2)
    axis = c.node.attribute("axis", -1) % len(c.shapes[0])
    if gain is None or axis == 0 or gain.shape != c.shapes[0][axis:]:
        raise NotHandled("give it a constant gain, and leave the batch out")
    layer = nn.LayerNorm(gain.shape, c.node.attribute("epsilon", 1e-5))
    layer.weight = _parameter(gain)
    layer.bias = _parameter(np.zeros_like(gain) if bias is None else bias)
    return [layer]


def _softmax(c: OnnxCall) -> Modules:
    return [nn.Softmax(c.node.attribute("axis", -1))]


def _gelu(c: OnnxCall) -> Modules:
    return [nn.GELU(c.node.attribute("approximate", "none"))]


def _plain(make: Callable[[], nn.Module]) -> Callable[[OnnxCall], Modules]:
    return lambda c: [make()]


def _nothing(c: OnnxCall) -> Modules:
    return [None]


_ONE, _ZERO = torch.ones(()), torch.zeros(())
_PLAIN: Mapping[str, Callable[[], nn.Module]] = {
    "Relu": nn.ReLU, "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "HardSwish": nn.Hardswish,
    "Mish": nn.Mish, "Softplus": nn.Softplus, "Softsign": nn.Softsign,
    **{name: partial(pieces.Curve, name.lower()) for name in
       ("Abs", "Cos", "Erf", "Exp", "Log", "Sin", "Sqrt")},
}  # fmt: skip

OPS: Mapping[str, Callable[[OnnxCall], Modules]] = {
    **{name: _plain(make) for name, make in _PLAIN.items()},
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "LeakyRelu": lambda c: [nn.LeakyReLU(c.node.attribute("alpha", 0.01))],
    "Elu": lambda c: [nn.ELU(c.node.attribute("alpha", 1.0))],
    "Celu": lambda c: [nn.CELU(c.node.attribute("alpha", 1.0))],
    "Selu": _selu,
    "Neg": lambda c: [pieces.Affine(-_ONE, _ZERO)],
    "LayerNormalization": _layer_norm,
    "PRelu": _prelu,
    "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu,
    "Softmax": _softmax,
    "LogSoftmax": lambda c: [nn.LogSoftmax(c.node.attribute("axis", -1))],
    "MaxPool": lambda c: _pool(c, (nn.MaxPool1d, nn.MaxPool2d), False),
    "AveragePool": lambda c: _pool(c, (nn.AvgPool1d, nn.AvgPool2d), True),
    "GlobalAveragePool": _global_mean,
    "GlobalMaxPool": lambda c: [maximum(c.shapes[0], c.after[0])],
    "ReduceMean": _mean,
    "Add": _binary(pieces.Add, lambda n, first: (_ONE, n)),
    "Sub": _binary(pieces.Subtract, lambda n, first: (-_ONE, n) if first else (_ONE, -n)),
    "Mul": _binary(pieces.Multiply, lambda n, first: (n, _ZERO)),
    "Div": _binary(_NoQuotient, _quotient),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _reshaped),
    "Concat": _concat,
    "Transpose": _transpose,
    "Pad": _pad,
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    "Slice": _slice,
    "Split": _split,
    **dict.fromkeys(("Identity", "Dropout", "Cast"), _nothing),
}
"""By ONNX op."""
