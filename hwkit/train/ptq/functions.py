"""PyTorch's functions, operators and methods, each with the module that does the same."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from hwkit.train.ptq import pieces
from hwkit.train.ptq.standard import (
    NotHandled,
    averaged,
    maximum,
    padded,
    reshaped,
    upsampled,
)

Made = tuple[nn.Module | None, list[fx.Node]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function or method in a traced network whose shapes are known."""

    network: fx.GraphModule
    node: fx.Node

    def given(self, position: int, name: str, default: Any = None) -> Any:
        """An argument by position or name; a constant of the network as its tensor."""
        args = self.node.args
        value = args[position] if position < len(args) else self.node.kwargs.get(name, default)
        return self.constant(value) if isinstance(value, fx.Node) else value

    def constant(self, value: fx.Node) -> Any:
        """The tensor of a constant; activations and sizes stay nodes."""
        if value.op != "get_attr":
            return value
        found: Any = self.network
        for part in str(value.target).split("."):
            found = getattr(found, part)
        return found

    @property
    def x(self) -> fx.Node:
        """The first argument, an activation."""
        value = self.given(0, "input")
        if not isinstance(value, fx.Node):
            raise NotHandled("give it an activation first")
        return value

    @property
    def before(self) -> tuple[int, ...]:
        """Shape of ``x``, batch first."""
        return _shape(self.x)

    @property
    def after(self) -> tuple[int, ...]:
        """Shape of the result."""
        return _shape(self.node)


def _shape(node: fx.Node) -> tuple[int, ...]:
    meta = node.meta.get("tensor_meta")
    if not hasattr(meta, "shape"):
        raise NotHandled("it gives several tensors; take one of them by its index")
    return tuple(meta.shape)


def _same(make: Callable[[Call], nn.Module | None]) -> Callable[[Call], Made]:
    """A function of one activation."""
    return lambda call: (make(call), [call.x])


def _clamped(c: Call) -> nn.Module:
    low, high = c.given(1, "min"), c.given(2, "max")
    if isinstance(low, Tensor | fx.Node) or isinstance(high, Tensor | fx.Node):
        raise NotHandled("clamp between numbers")
    if high is None and low == 0:
        return nn.ReLU()
    bounds = (float("-inf") if low is None else low, float("inf") if high is None else high)
    return nn.Hardtanh(*bounds)


def _hard_tanh(c: Call) -> nn.Module:
    return nn.Hardtanh(c.given(1, "min_val", -1.0), c.given(2, "max_val", 1.0))


def _max_pool(kind: type[nn.Module]) -> Callable[[Call], Made]:
    def make(c: Call) -> nn.Module:
        if c.given(6, "return_indices", False):
            raise NotHandled("leave return_indices out")
        kernel, stride, padding = (
            c.given(1, "kernel_size"),
            c.given(2, "stride"),
            c.given(3, "padding", 0),
        )
        return kind(
            kernel,
            stride or kernel,
            padding,
            c.given(4, "dilation", 1),
            ceil_mode=c.given(5, "ceil_mode", False),
        )

    return _same(make)


def _average_pool(kind: type[nn.Module]) -> Callable[[Call], Made]:
    def make(c: Call) -> nn.Module:
        kernel = c.given(1, "kernel_size")
        options = (
            c.given(2, "stride") or kernel,
            c.given(3, "padding", 0),
            c.given(4, "ceil_mode", False),
        )
        return kind(kernel, *options, c.given(5, "count_include_pad", True))

    return _same(make)


def _mean(c: Call) -> nn.Module:
    axes, rank = c.given(1, "dim"), len(c.before)
    if axes is None or isinstance(axes, fx.Node):
        raise NotHandled("name the axes of the mean")
    axes = sorted(a % rank for a in ([axes] if isinstance(axes, int) else axes))
    if 0 in axes:
        raise NotHandled("a mean over the batch; leave axis 0 out")
    return pieces.Mean(axes, bool(c.given(2, "keepdim", False)))


def _normed(c: Call) -> Made:
    sizes, gain, bias = c.given(1, "normalized_shape"), c.given(2, "weight"), c.given(3, "bias")
    layer = nn.LayerNorm(sizes, c.given(4, "eps", 1e-5), elementwise_affine=gain is not None)
    if not isinstance(gain, Tensor | None) or not isinstance(bias, Tensor | None):
        raise NotHandled("its gain is computed; make it a parameter")
    if gain is not None:
        layer.weight = nn.Parameter(gain.detach().clone())
        layer.bias = nn.Parameter(torch.zeros_like(gain) if bias is None else bias.detach().clone())
    return layer, [c.x]


def _permuted(c: Call) -> nn.Module:
    order = c.node.args[1:]
    order = order[0] if len(order) == 1 else order or c.given(1, "dims")
    return _order(len(c.before), list(order))


def _transposed(c: Call) -> nn.Module:
    rank = len(c.before)
    order = list(range(rank))
    i, j = c.given(1, "dim0") % rank, c.given(2, "dim1") % rank
    order[i], order[j] = order[j], order[i]
    return _order(rank, order)


def _order(rank: int, order: list[int]) -> nn.Module:
    order = [a % rank for a in order]
    if order[0] != 0:
        raise NotHandled(f"axes {order}; keep the batch as first axis")
    return pieces.Permuted(order)


def _joined(c: Call) -> Made:
    parts, axis = c.given(0, "tensors"), c.given(1, "dim", 0)
    rank = len(c.after)
    if axis % rank == 0 or not all(isinstance(p, fx.Node) and p.op != "get_attr" for p in parts):
        raise NotHandled("join activations along channels or space")
    return pieces.Join(axis % rank), list(parts)


def _binary(
    module: type[nn.Module], constant: Callable[[Tensor, bool], tuple[Tensor, Tensor]]
) -> Callable[[Call], Made]:
    """An operator: ``module`` for two activations; gain and offset by ``constant`` of a number and
    whether that number came first."""

    def make(c: Call) -> Made:
        if c.node.kwargs.get("alpha", 1) != 1:
            raise NotHandled("leave alpha out")
        a, b = c.given(0, "input"), c.given(1, "other")
        if isinstance(a, fx.Node) and isinstance(b, fx.Node):
            return module(), [a, b]
        first = not isinstance(a, fx.Node)
        number = torch.as_tensor(a if first else b, dtype=torch.float32)
        gain, offset = constant(number, first)
        return pieces.Affine(gain, offset), [b if first else a]

    return make


_ONE, _ZERO = torch.ones(()), torch.zeros(())


def _quotient(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    if first or not bool(number.all()):
        raise NotHandled("divide activations by a constant that is not 0")
    return 1 / number, _ZERO


def _no_matrix(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    raise NotHandled("multiply by a constant matrix in an nn.Linear")


class _NoQuotient(nn.Module):
    def __init__(self) -> None:
        raise NotHandled("a quotient of two activations; divide by a constant")


def _part(c: Call) -> Made:
    """``x[...]`` of an activation, or one of the parts of a split or chunk."""
    source, index = c.node.args
    if not isinstance(source, fx.Node):
        raise NotHandled("")
    if not hasattr(source.meta.get("tensor_meta"), "shape"):
        return _split_part(c, source, index)
    entries = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in entries:
        at, rank = entries.index(Ellipsis), len(_shape(source))
        entries[at : at + 1] = [slice(None)] * (rank - len(entries) + 1)
    cut = [a for a, e in enumerate(entries) if e != slice(None)]
    if len(cut) != 1 or cut[0] == 0 or not isinstance(entries[cut[0]], slice):
        raise NotHandled("cut one axis by a slice, as in x[:, :8]")
    start, stop, step = entries[cut[0]].indices(_shape(source)[cut[0]])
    return pieces.Part(cut[0], start, stop, step), [source]


def _split_part(c: Call, source: fx.Node, index: Any) -> Made:
    name = getattr(source.target, "__name__", str(source.target))
    x = source.args[0]
    if name not in ("chunk", "split") or not isinstance(x, fx.Node) or not isinstance(index, int):
        raise NotHandled("take parts by chunk, split or a slice")
    shapes = [tuple(m.shape) for m in source.meta["tensor_meta"]]
    axis = Call(c.network, source).given(2, "dim", 0) % len(shapes[0])
    if axis == 0:
        raise NotHandled("split channels or space, not the batch")
    index %= len(shapes)
    start = sum(s[axis] for s in shapes[:index])
    return pieces.Part(axis, start, start + shapes[index][axis]), [x]


def _weighted(kind: type[nn.Module], rank: int) -> Callable[[Call], Made]:
    """A convolution or dense layer written as a function of the module's own parameters."""

    def make(c: Call) -> Made:
        weight, bias = c.given(1, "weight"), c.given(2, "bias")
        if not isinstance(weight, Tensor) or not isinstance(bias, Tensor | None):
            raise NotHandled("its weight is computed; make it a parameter")
        options: dict[str, Any] = {"bias": bias is not None}
        sizes: list[Any]
        if rank:
            names = ("stride", "padding", "dilation", "groups")
            given = [c.given(3 + i, n, 0 if n == "padding" else 1) for i, n in enumerate(names)]
            options |= dict(zip(names, given, strict=True))
            sizes = [weight.shape[1] * given[3], weight.shape[0], tuple(weight.shape[2:])]
        else:
            sizes = [weight.shape[1], weight.shape[0]]
        layer = kind(*sizes, **options)
        layer.weight = nn.Parameter(weight.detach().clone())
        if bias is not None:
            layer.bias = nn.Parameter(bias.detach().clone())
        return layer, [c.x]

    return make


_relu = _same(lambda c: nn.ReLU())
_nothing = _same(lambda c: None)
_reshape = _same(lambda c: reshaped(c.before, c.after))
_softmax = _same(lambda c: nn.Softmax(c.given(1, "dim")))
_log_softmax = _same(lambda c: nn.LogSoftmax(c.given(1, "dim")))
_add = _binary(pieces.Add, lambda n, first: (_ONE, n))
_subtract = _binary(pieces.Subtract, lambda n, first: (-_ONE, n) if first else (_ONE, -n))
_multiply = _binary(pieces.Multiply, lambda n, first: (n, _ZERO))
_matmul = _binary(pieces.MatMul, _no_matrix)
_divide = _binary(_NoQuotient, _quotient)
_average = _same(lambda c: averaged(c.before, c.after))
_maximum = _same(lambda c: maximum(c.before, c.after))
_pad = _same(
    lambda c: padded(
        list(c.given(1, "pad")), c.given(2, "mode", "constant"), c.given(3, "value") or 0.0
    )
)
_larger = _same(
    lambda c: upsampled(
        c.given(3, "mode", "nearest"), c.before, c.after, bool(c.given(4, "align_corners"))
    )
)

CURVES = ("abs", "cos", "erf", "exp", "log", "rsqrt", "sin", "sqrt", "square")
"""What ``torch`` has as a function and a tensor as a method."""


def _curve(name: str) -> Callable[[Call], Made]:
    return _same(lambda c: pieces.Curve(name))


FUNCTIONS: dict[Any, Callable[[Call], Made]] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), _relu),
    F.relu6: _same(lambda c: nn.ReLU6()),
    **dict.fromkeys((torch.clamp, torch.clip), _same(_clamped)),
    F.hardtanh: _same(_hard_tanh),
    **dict.fromkeys((torch.sigmoid, F.sigmoid), _same(lambda c: nn.Sigmoid())),
    **dict.fromkeys((torch.tanh, F.tanh), _same(lambda c: nn.Tanh())),
    F.hardswish: _same(lambda c: nn.Hardswish()),
    F.hardsigmoid: _same(lambda c: nn.Hardsigmoid()),
    F.silu: _same(lambda c: nn.SiLU()),
    F.mish: _same(lambda c: nn.Mish()),
    F.gelu: _same(lambda c: nn.GELU(c.given(1, "approximate", "none"))),
    F.softplus: _same(lambda c: nn.Softplus(c.given(1, "beta", 1.0))),
    F.softsign: _same(lambda c: nn.Softsign()),
    F.selu: _same(lambda c: nn.SELU()),
    F.celu: _same(lambda c: nn.CELU(c.given(1, "alpha", 1.0))),
    **{getattr(torch, name): _curve(name) for name in CURVES},
    operator.abs: _curve("abs"),
    F.elu: _same(lambda c: nn.ELU(c.given(1, "alpha", 1.0))),
    F.leaky_relu: _same(lambda c: nn.LeakyReLU(c.given(1, "negative_slope", 0.01))),
    **dict.fromkeys((F.softmax, torch.softmax), _softmax),
    **dict.fromkeys((F.log_softmax, torch.log_softmax), _log_softmax),
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), _max_pool(nn.MaxPool1d)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _max_pool(nn.MaxPool2d)),
    F.avg_pool1d: _average_pool(nn.AvgPool1d),
    F.avg_pool2d: _average_pool(nn.AvgPool2d),
    **dict.fromkeys((F.adaptive_avg_pool1d, F.adaptive_avg_pool2d), _average),
    **dict.fromkeys((F.adaptive_max_pool1d, F.adaptive_max_pool2d), _maximum),
    **dict.fromkeys((torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze), _reshape),
    torch.mean: _same(_mean),
    torch.permute: _same(_permuted),
    torch.transpose: _same(_transposed),
    **dict.fromkeys((torch.cat, torch.concat, pieces.joined), _joined),
    **dict.fromkeys((operator.add, operator.iadd, torch.add), _add),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub), _subtract),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), _multiply),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div), _divide),
    **dict.fromkeys((operator.matmul, torch.matmul, torch.bmm), _matmul),
    F.layer_norm: _normed,
    operator.neg: _same(lambda c: pieces.Affine(-_ONE, _ZERO)),
    operator.getitem: _part,
    **dict.fromkeys((torch.chunk, torch.split), _nothing),
    F.pad: _pad,
    F.interpolate: _larger,
    **dict.fromkeys((F.dropout, torch.dropout), _nothing),
    F.linear: _weighted(nn.Linear, 0),
    F.conv1d: _weighted(nn.Conv1d, 1),
    F.conv2d: _weighted(nn.Conv2d, 2),
}  # fmt: skip
"""By function, as torch.fx records it."""

METHODS: dict[str, Callable[[Call], Made]] = {
    **dict.fromkeys(("relu", "relu_"), _relu),
    "sigmoid": _same(lambda c: nn.Sigmoid()),
    "tanh": _same(lambda c: nn.Tanh()),
    **{name: _curve(name) for name in CURVES},
    **dict.fromkeys(("clamp", "clamp_", "clip"), _same(_clamped)),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten"), _reshape),
    "mean": _same(_mean),
    "permute": _same(_permuted),
    "transpose": _same(_transposed),
    **dict.fromkeys(("matmul", "bmm"), _matmul),
    **dict.fromkeys(("add", "add_"), _add),
    **dict.fromkeys(("sub", "sub_"), _subtract),
    **dict.fromkeys(("mul", "mul_"), _multiply),
    **dict.fromkeys(("div", "div_"), _divide),
    **dict.fromkeys(("contiguous", "to", "float", "detach", "clone", "chunk", "split"), _nothing),
}
"""By name of a tensor's method."""
