"""The meaning of a graph: integers in, integers out.

Every target is right only if its integers equal these. All sums are exact (``exact.py``), all
rounding is ``arith.rescale``, and a sum that leaves its declared accumulator raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hwkit.errors import ConfigError
from hwkit.ir.arith import check_width, rescale
from hwkit.ir.exact import compute_dtype
from hwkit.ir.layer_norm import normalized, normalized_float
from hwkit.ir.network import Network
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    LayerNormKind,
    Lookup,
    MatMul,
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
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.shapes import extent, matrices
from hwkit.ir.softmax import softmax
from hwkit.ir.softmax16 import softmax16
from hwkit.ir.softmax_table import softmax_table
from hwkit.ir.sums import bias_of, farthest, largest_sums, rows_of
from hwkit.ir.traits import Accumulating, Weighted
from hwkit.ir.types import S16, Array, IntType

_CHUNK_BYTES = 4 << 20
"""Working set of one chunk of a batch: about what a second-level cache and its neighbours hold."""


def run(
    graph: Network, feeds: Mapping[str, Array], keep: Iterable[str] | None = None
) -> dict[str, Array]:
    """Computes the tensors named in ``keep`` (default: the graph's outputs).

    ``feeds`` has one integer array (batch, *shape) for each input; any integer dtype whose values
    fit the declared type. The samples are independent of each other; where the graph has states
    they are successive steps from the initial ones. The results have the container dtypes.
    Raises ``ConfigError`` for feeds that do not fit, ``AccumulatorOverflow`` for sums that do not.

    Example: a graph of one ``Clamp`` to 0..6 maps [[-3, 9]] to [[0, 6]].
    """
    return Interpreter(graph).tensors(feeds, graph.outputs if keep is None else keep)


class Interpreter:
    """A graph made ready to run, with the states that an inference leaves for the next.

    Not for several threads at a time where the graph has states.

    Example: a graph whose state ``total`` sums its input ``x``::

        steps = Interpreter(graph)
        steps.infer({"x": np.array([[1], [2]])})["sum"]   # [[1], [3]]
        steps.infer({"x": np.array([[3]])})["sum"]        # [[6]]; [[3]] after a reset()
    """

    def __init__(self, graph: Network) -> None:
        self.graph = graph
        self._steps = [_prepare(graph, op) for op in graph.nodes]
        self._last_use = {name: k for k, op in enumerate(graph.nodes) for name in activations(op)}
        self._state: dict[str, Array] = {}
        self.reset()

    @property
    def state(self) -> Mapping[str, Array]:
        """What each state holds now, (*shape) in its container dtype, read-only."""
        return MappingProxyType(self._state)

    def reset(self) -> None:
        """Gives every state its initial value."""
        self._state = {s.tensor: self.graph.constants[s.initial] for s in self.graph.states}

    def set_state(self, values: Mapping[str, Array]) -> None:
        """Gives the named states these values (*shape); ``ConfigError`` for one that is no state
        of the graph or does not fit its type."""
        if unknown := sorted(set(values) - set(self._state)):
            known = ", ".join(self._state) or "none"
            raise ConfigError(f"{unknown[0]!r} is no state of the graph; its states: {known}")
        for name, value in values.items():
            given = np.asarray(value)[None]
            self._state[name] = _own(_checked(self.graph, "state", name, given)[0])

    def infer(self, feeds: Mapping[str, Array], keep: Iterable[str] = ()) -> dict[str, Array]:
        """The graph's outputs and the tensors named in ``keep``, as ``run`` has them.

        The samples of a graph with states are successive steps, the first from the states that
        the last call left; a call that raises leaves them as they were.
        """
        return self.tensors(feeds, dict.fromkeys((*self.graph.outputs, *keep)))

    def tensors(self, feeds: Mapping[str, Array], wanted: Iterable[str]) -> dict[str, Array]:
        """As ``infer``, the ``wanted`` tensors alone."""
        graph, names = self.graph, tuple(wanted)
        if unknown := [name for name in names if not self._computes(name)]:
            raise ConfigError(f"the graph computes no tensor {unknown[0]!r}; `hwkit inspect` lists")
        checked = fed(graph, feeds)
        if strange := sorted(set(feeds) - set(graph.inputs)):
            known = ", ".join(graph.inputs)
            raise ConfigError(f"no input {strange[0]!r:.80}; {graph.name} has {known}")
        batch = len(next(iter(checked.values())))
        if batch == 0:
            return {name: _empty(graph, name) for name in names}
        if graph.states:
            parts = self._successive(checked, batch, names)
        else:
            parts = self._independent(checked, batch, names)
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def _computes(self, name: str) -> bool:
        return name in self.graph.tensors and name not in self.graph.constants

    def _independent(
        self, feeds: dict[str, Array], batch: int, wanted: tuple[str, ...]
    ) -> list[dict[str, Array]]:
        """Chunks of the batch, side by side."""
        largest = max(4 * tensor.elements for tensor in self.graph.tensors.values())
        step = max(1, min(64, _CHUNK_BYTES // largest))
        chunks = [
            {name: value[start : start + step] for name, value in feeds.items()}
            for start in range(0, batch, step)
        ]
        if len(chunks) == 1:
            return [self._chunk(chunks[0], wanted)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda chunk: self._chunk(chunk, wanted), chunks))

    def _successive(
        self, feeds: dict[str, Array], batch: int, wanted: tuple[str, ...]
    ) -> list[dict[str, Array]]:
        """One sample after the other, each from the states that the one before left."""
        states, state = self.graph.states, self._state
        alive = (*wanted, *(s.update for s in states))
        parts = []
        for k in range(batch):
            values = {name: value[k : k + 1] for name, value in feeds.items()}
            values |= {name: value[None] for name, value in state.items()}
            values = self._chunk(values, alive)
            state = {s.tensor: _own(values[s.update][0]) for s in states}
            parts.append({name: values[name] for name in wanted})
        self._state = state
        return parts

    def _chunk(self, feeds: dict[str, Array], wanted: tuple[str, ...]) -> dict[str, Array]:
        """Feeds (inputs and states by name) through every node; the ``wanted`` of the values."""
        values = dict(feeds)
        batch = len(feeds[self.graph.inputs[0]])
        for k, (op, step) in enumerate(zip(self.graph.nodes, self._steps, strict=True)):
            value = step([values[name] for name in activations(op)])
            if isinstance(op, Constant):
                value = np.broadcast_to(value, (batch, *value.shape[1:]))
            values[op.output] = value
            for name in activations(op):
                if self._last_use[name] == k and name not in wanted:
                    values.pop(name, None)
        return {name: values[name] for name in wanted}


def _own(value: Array) -> Array:
    """A read-only copy: a state shares no memory with what the caller fed or got."""
    value = value.copy()
    value.setflags(write=False)
    return value


Step = Callable[[list[Array]], Array]
"""Input arrays (batch first) to the output array in its container dtype."""


def fed(graph: Network, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every input of ``feeds`` in its container dtype, in the graph's order; ``ConfigError`` for
    one that is missing or does not fit, and for batches of different sizes."""
    checked = {name: feed(graph, name, feeds) for name in graph.inputs}
    batches = {len(value) for value in checked.values()}
    if len(batches) != 1:
        raise ConfigError(f"inputs have different batch sizes {sorted(batches)}")
    return checked


def feed(graph: Network, name: str, feeds: Mapping[str, Array]) -> Array:
    """The input ``name`` of ``feeds`` in its container dtype; ``ConfigError`` when it is missing or
    does not fit its type."""
    if name not in feeds:
        raise ConfigError(f"input {name!r} is missing; the graph needs {', '.join(graph.inputs)}")
    return _checked(graph, "input", name, np.asarray(feeds[name]))


def _checked(graph: Network, what: str, name: str, value: Array) -> Array:
    tensor = graph.tensors[name]
    if value.dtype.kind not in "iu":
        raise ConfigError(
            f"{what} {name!r} is {value.dtype}; give integers of type {tensor.dtype} "
            f"(dtype {tensor.dtype.container})"
        )
    if value.shape[1:] != tensor.shape or value.ndim != len(tensor.shape) + 1:
        raise ConfigError(
            f"{what} {name!r} has shape {value.shape}; expected (batch, "
            f"{', '.join(str(n) for n in tensor.shape)})"
        )
    if value.size and (value.min() < tensor.dtype.low or value.max() > tensor.dtype.high):
        raise ConfigError(
            f"{what} {name!r} has values {value.min()}..{value.max()}; {tensor.dtype} holds "
            f"{tensor.dtype.low}..{tensor.dtype.high}"
        )
    return value.astype(tensor.dtype.container, copy=False)


def _empty(graph: Network, name: str) -> Array:
    tensor = graph.tensors[name]
    return np.zeros((0, *tensor.shape), tensor.dtype.container)


def _prepare(graph: Network, op: Op) -> Step:
    """What ``op`` does to arrays, with its constants brought to their compute dtype once."""
    dtype = graph.tensors[op.output].dtype
    container = dtype.container
    shape = graph.tensors[op.output].shape
    match op:
        case Conv2d() | Dense():
            return _matrix(graph, op)
        case DepthwiseConv2d():
            return _depthwise(graph, op)
        case SumPool2d():
            return lambda xs: _finish(op, _sum_pool(op, xs[0]), dtype)
        case Add() | Sub():
            return lambda xs: _finish(op, _sum(op, xs), dtype)
        case Mul():
            return lambda xs: _finish(op, _product(op, xs), dtype)
        case MatMul():
            return _matmul(graph, op)
        case Prelu():
            slope = graph.constants[op.slope].astype(np.int64) - op.slope_zero_point
            return lambda xs: _prelu(op, xs[0], slope).astype(container)
        case Requantize():
            return lambda xs: rescale(
                _argument(op, xs[0], op.input_zero_point), op.rescale, op.name
            ).astype(container)
        case AvgPool2d():
            return lambda xs: _avg_pool(op, xs[0]).astype(container)
        case MaxPool2d():
            return lambda xs: _max_pool(op, xs[0], dtype)
        case Clamp():
            return lambda xs: np.clip(xs[0], op.low, op.high)
        case Pad():
            return lambda xs: _pad(xs[0], op.padding, op.value)
        case Concat():
            return lambda xs: np.concatenate(xs, axis=op.axis + 1)
        case Slice():
            return _slice(op)
        case Transpose():
            axes = (0, *(axis + 1 for axis in op.permutation))
            return lambda xs: np.ascontiguousarray(xs[0].transpose(axes))
        case ResizeNearest():
            return lambda xs: xs[0][:, list(op.rows)][:, :, list(op.columns)]
        case ArgMax():
            return lambda xs: xs[0].argmax(axis=-1)[..., None].astype(container)
        case Constant():
            value = graph.constants[op.value][None]
            return lambda _: value
        case Reshape():
            return lambda xs: xs[0].reshape(len(xs[0]), *shape)
        case Lookup():
            table, low = graph.constants[op.table], graph.tensors[op.input].dtype.low
            return lambda xs: table[xs[0].astype(np.int64) - low]
        case LayerNorm():
            return _layer_norm(graph, op)
        case Softmax() if op.kind is SoftmaxKind.TABLE:
            return lambda xs: _scaled(op, softmax_table(xs[0], op.input_scale)).astype(container)
        case Softmax() if graph.tensors[op.input].dtype == S16:
            return lambda xs: softmax16(xs[0], op.input_scale).astype(container)
        case Softmax():
            return lambda xs: softmax(xs[0], op.input_scale, op.kind).astype(container)
        case _:
            assert_never(op)


def _scaled(op: Softmax | LayerNorm, real: Array) -> Array:
    return real if op.rescale is None else rescale(real, op.rescale, op.name)


def _layer_norm(graph: Network, op: LayerNorm) -> Step:
    container = graph.tensors[op.output].dtype.container
    signs = None if op.signs is None else graph.constants[op.signs].astype(np.int64)

    def step(xs: list[Array]) -> Array:
        if op.kind is LayerNormKind.FLOAT and op.rescale is not None:
            return normalized_float(xs[0], op.epsilon, op.rescale, signs).astype(container)
        real = normalized(xs[0], op.epsilon)
        return _scaled(op, real if signs is None else real * signs).astype(container)

    return step


def _finish(
    op: Accumulating,
    accumulator: Array,
    dtype: IntType,
    largest_sum: int | None = None,
) -> Array:
    """Checks the accumulator's width (unless ``largest_sum`` proves it), then rescales."""
    if largest_sum is None or largest_sum >= 1 << (op.accumulator_bits - 1):
        check_width(accumulator, op.accumulator_bits, op.name)
    if op.rescale is not None:
        accumulator = rescale(accumulator, op.rescale, op.name)
    return accumulator.astype(dtype.container)


def _pad(x: Array, p: Padding, value: int) -> Array:
    if not any((p.top, p.bottom, p.left, p.right)):
        return x
    widths = ((0, 0), (p.top, p.bottom), (p.left, p.right), (0, 0))
    return np.pad(x, widths, constant_values=value)


def _windows(
    x: Array, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> Array:
    """View (batch, OH, OW, KH, KW, C) of a padded map (batch, H, W, C)."""
    spans = (extent(kernel[0], dilation[0]), extent(kernel[1], dilation[1]))
    view = sliding_window_view(x, spans, axis=(1, 2))
    view = view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)


def _weights(graph: Network, op: Weighted) -> tuple[Array, Array, int, int]:
    """Weight matrix (outputs, taps) and bias in the compute dtype, largest |x|, largest sum."""
    matrix, bias = rows_of(op, graph.constants[op.weight]), bias_of(op, graph.constants)
    x_max = farthest(graph.tensors[op.input].dtype, op.input_zero_point)
    largest = int(largest_sums(matrix, x_max, bias).max())
    compute = compute_dtype(largest)
    return matrix.astype(compute), bias.astype(compute), x_max, largest


def _centred(x: Array, zero_point: int, like: Array) -> Array:
    """``x - zero_point`` in the compute dtype of ``like``; exact, both are small integers."""
    centred = x.astype(like.dtype)
    if zero_point:
        centred -= like.dtype.type(zero_point)
    return centred


def _matrix(graph: Network, op: Conv2d | Dense) -> Step:
    matrix, bias, _, largest = _weights(graph, op)
    columns = np.ascontiguousarray(matrix.T)
    dtype = graph.tensors[op.output].dtype
    kernel = graph.tensors[op.weight].shape[1:3]

    def step(xs: list[Array]) -> Array:
        x = _centred(xs[0], op.input_zero_point, columns)
        if isinstance(op, Conv2d):
            x = _pad(x, op.padding, 0)
            x = _windows(x, (kernel[0], kernel[1]), op.stride, op.dilation)
            x = x.reshape(*x.shape[:3], -1)
        accumulator = x @ columns
        accumulator += bias
        return _finish(op, accumulator, dtype, largest)

    return step


def _depthwise(graph: Network, op: DepthwiseConv2d) -> Step:
    matrix, bias, _, largest = _weights(graph, op)
    _, rows, columns, outputs = graph.tensors[op.weight].shape
    taps = matrix.reshape(outputs, rows, columns)
    times = outputs // graph.tensors[op.input].shape[2]
    dtype = graph.tensors[op.output].dtype

    def step(xs: list[Array]) -> Array:
        x = _pad(_centred(xs[0], op.input_zero_point, matrix), op.padding, 0)
        if times > 1:
            x = np.repeat(x, times, axis=3)
        windows = _windows(x, (rows, columns), op.stride, op.dilation)
        accumulator = np.broadcast_to(bias, (*windows.shape[:3], outputs)).copy()
        for r in range(rows):
            for c in range(columns):
                accumulator += windows[:, :, :, r, c] * taps[:, r, c]
        return _finish(op, accumulator, dtype, largest)

    return step


def _sum_pool(op: SumPool2d, x: Array) -> Array:
    centred = _pad(x.astype(np.int64) - op.input_zero_point, op.padding, 0)
    sums: Array = _windows(centred, op.kernel, op.stride).sum(axis=(3, 4))
    return sums


def _avg_pool(op: AvgPool2d, x: Array) -> Array:
    total = _windows(_pad(x.astype(np.int64), op.padding, 0), op.kernel, op.stride).sum(axis=(3, 4))
    ones = _pad(np.ones((1, *x.shape[1:3], 1), np.int64), op.padding, 0)
    count = _windows(ones, op.kernel, op.stride).sum(axis=(3, 4))
    magnitude = (2 * np.abs(total) + count) // (2 * count)
    mean: Array = np.clip(np.sign(total) * magnitude, op.low, op.high)
    return mean


def _max_pool(op: MaxPool2d, x: Array, dtype: IntType) -> Array:
    padded = _pad(x, op.padding, dtype.low)
    maxima: Array = _windows(padded, op.kernel, op.stride).max(axis=(3, 4))
    return maxima


def _slice(op: Slice) -> Step:
    places = [
        np.arange(size) * stride + begin
        for begin, size, stride in zip(op.begin, op.size, op.stride, strict=True)
    ]
    index: tuple[Any, ...] = (slice(None), *np.ix_(*places))
    return lambda xs: xs[0][index]


def _sum(op: Add | Sub, xs: list[Array]) -> Array:
    terms = []
    for x, zero_point, r in zip(xs, op.input_zero_points, op.input_rescales, strict=True):
        if r is None:
            terms.append(x.astype(np.int64) - zero_point)
        else:
            terms.append(_broadcast_rescale(op, _argument(op, x, zero_point), r))
    total: Array = terms[0] - terms[1] if isinstance(op, Sub) else terms[0] + terms[1]
    return total


def _argument(op: Add | Sub | Requantize, x: Array, zero_point: int) -> Array:
    """``x - zero_point``, for which a device has 32 bits, as for any argument of a rescale."""
    centred = x.astype(np.int64) - zero_point
    if x.dtype.itemsize == 4 and (zero_point or x.dtype.kind == "u"):  # else it does fit
        check_width(centred, 32, op.name)
    return centred


def _broadcast_rescale(op: Add | Sub, centred: Array, r: Rescale) -> Array:
    """A rescale by channel of an input whose one channel is repeated repeats it first."""
    if r.channels > centred.shape[-1]:
        centred = np.repeat(centred, r.channels, axis=-1)
    return rescale(centred, r, op.name)


def _product(op: Mul, xs: list[Array]) -> Array:
    first, second = (x.astype(np.int64) - z for x, z in zip(xs, op.input_zero_points, strict=True))
    return first * second


def _matmul(graph: Network, op: MatMul) -> Step:
    types = [graph.tensors[name] for name in op.inputs]
    largest = matrices(op, types[0].shape, types[1].shape)[2]
    for tensor, zero_point in zip(types, op.input_zero_points, strict=True):
        largest *= farthest(tensor.dtype, zero_point)
    compute, dtype = np.empty(0, compute_dtype(largest)), graph.tensors[op.output].dtype

    def step(xs: list[Array]) -> Array:
        first, second = (
            centred.swapaxes(-1, -2) if transposed else centred
            for centred, transposed in (
                (_centred(x, zero_point, compute), transposed)
                for x, zero_point, transposed in zip(
                    xs, op.input_zero_points, op.transposed, strict=True
                )
            )
        )
        return _finish(op, first @ second, dtype, largest)

    return step


def _prelu(op: Prelu, x: Array, slope: Array) -> Array:
    centred = x.astype(np.int64) - op.input_zero_point
    falling = np.minimum(centred, 0) * slope
    rising = np.maximum(centred, 0)
    return np.where(
        centred >= 0,
        rescale(rising, op.positive, op.name),
        rescale(falling, op.negative, op.name),
    )
