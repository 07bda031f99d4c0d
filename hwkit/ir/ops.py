"""The operations. Each is a frozen dataclass of names and plain integers; SPEC.md gives each
its formula, ``interpret.py`` its meaning.

An op that accumulates (conv2d, depthwise, dense, add, sub, mul, matmul, sum pool) has two forms.
With ``rescale=None`` its output is the accumulator itself; with a ``Rescale`` it is what a
``Requantize`` node right behind it would give. The pass ``fuse_requantize`` goes from the first
form to the second and changes no integer. So have layer norm and the softmax of kind ``TABLE``,
whose output without a rescale is a real number in fixed point.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rounding(StrEnum):
    """How ``a * multiplier / 2**shift`` becomes an integer; SPEC.md has a table of examples.

    Single rounding of TFLite is ``HALF_UP``.
    """

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    FLOOR = "floor"
    DOUBLE = "double"
    FLOAT32 = "float32"


NO_OFFSET = (0,)


class Overflow(StrEnum):
    """What becomes of a rescaled integer outside ``low..high``: ``SATURATE`` takes the nearer
    bound, ``WRAP`` keeps the low bits, as an adder of that width would."""

    SATURATE = "saturate"
    WRAP = "wrap"


@dataclass(frozen=True, slots=True)
class Rescale:
    """``clamp(round(p / 2**shift) + zero_point, low, high)`` of
    ``p = (a << left_shift) * multiplier + offset``.

    With ``overflow`` ``WRAP`` it is ``(v - low) mod (high - low + 1) + low`` instead of the
    clamp (``AP_WRAP`` of ``ap_fixed``); ``low..high`` is then an integer type's whole range,
    moved by the zero point.

    ``multiplier`` (0 <= m < 2**31) and ``shift`` (0..62) have one entry each, or one for each
    channel of the last axis. ``DOUBLE`` wants m = 0 or 2**29 <= m; ``FLOAT32`` wants m <= 2**24,
    so that ``m / 2**shift`` is a float32.

    ``offset`` (|o| <= 2**61) has one entry or one for each channel, whatever the multiplier has.
    It holds what is finer than a step of the sum: a bias, a batch norm or a zero point of a
    network that was trained with real numbers. Only ``HALF_UP``, ``HALF_EVEN`` and ``FLOOR`` have
    one; ``lower/offset_to_bias.py`` moves its whole steps into a bias, or rounds it there.

    Example: multiplier 3, shift 2, half_up, zero point 0: a = 2 gives (6 + 2) >> 2 = 2, and with
    offset -1 it gives (6 - 1 + 2) >> 2 = 1.
    """

    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    rounding: Rounding
    low: int
    high: int
    zero_point: int = 0
    left_shift: int = 0
    overflow: Overflow = Overflow.SATURATE
    offset: tuple[int, ...] = NO_OFFSET

    @property
    def channels(self) -> int:
        """How many channels it tells apart; 1 where all are rescaled alike."""
        return max(len(self.multiplier), len(self.offset))


@dataclass(frozen=True, slots=True)
class Padding:
    """Rows and columns added around a map."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


NO_PADDING = Padding()


@dataclass(frozen=True, slots=True)
class Conv2d:
    """2-D convolution, input (H, W, I), weight (O, KH, KW, I), bias (O,) int32 or None.

    Borders are padded with ``input_zero_point``, so that they add nothing.
    """

    name: str
    input: str
    weight: str
    bias: str | None
    output: str
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    dilation: tuple[int, int] = (1, 1)
    input_zero_point: int = 0
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class DepthwiseConv2d:
    """Depthwise convolution, input (H, W, C), weight (1, KH, KW, C*M), bias (C*M,) or None.

    Output channel ``c*M + m`` reads input channel ``c``, as in TFLite.
    """

    name: str
    input: str
    weight: str
    bias: str | None
    output: str
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    dilation: tuple[int, int] = (1, 1)
    input_zero_point: int = 0
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class Dense:
    """Matrix product over the last axis, input (..., I), weight (O, I), bias (O,) or None."""

    name: str
    input: str
    weight: str
    bias: str | None
    output: str
    input_zero_point: int = 0
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of two tensors, each brought to a common scale first.

    ``sum_k R_k(x_k - input_zero_points[k])`` with ``R_k = input_rescales[k]`` (None: unchanged).
    Shapes have one rank; a size of 1 is repeated to the other's, as in numpy.
    """

    name: str
    inputs: tuple[str, str]
    output: str
    input_zero_points: tuple[int, int] = (0, 0)
    input_rescales: tuple[Rescale | None, Rescale | None] = (None, None)
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class Sub:
    """Difference of two tensors, each brought to a common scale first; shapes as for ``Add``.

    ``R_0(x_0 - input_zero_points[0]) - R_1(x_1 - input_zero_points[1])``. An op of its own since
    most roundings of a negated number are not the negated rounding.
    """

    name: str
    inputs: tuple[str, str]
    output: str
    input_zero_points: tuple[int, int] = (0, 0)
    input_rescales: tuple[Rescale | None, Rescale | None] = (None, None)
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class Mul:
    """Product ``(x_0 - input_zero_points[0]) * (x_1 - input_zero_points[1])``; shapes as for
    ``Add``."""

    name: str
    inputs: tuple[str, str]
    output: str
    input_zero_points: tuple[int, int] = (0, 0)
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class MatMul:
    """Matrix product of two activations, (..., M, K) by (..., K, N) to (..., M, N).

    ``sum_k (x_0[.., m, k] - z_0) * (x_1[.., k, n] - z_1)`` with ``z = input_zero_points``. The
    matrices of operand ``k`` lie transposed where ``transposed[k]``: (K, M), (N, K). Both have one
    rank of 2 or more; their leading axes are equal, or all 1 in one operand, whose one matrix then
    serves all of the other's.

    Example: queries (4, 49, 16) and keys (4, 49, 16), ``transposed=(False, True)``: (4, 49, 49).
    """

    name: str
    inputs: tuple[str, str]
    output: str
    transposed: tuple[bool, bool] = (False, False)
    input_zero_points: tuple[int, int] = (0, 0)
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class SumPool2d:
    """Window sums of ``x - input_zero_point``; padding adds nothing. Average pooling is this
    with a rescale that divides by the window."""

    name: str
    input: str
    output: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = NO_PADDING
    input_zero_point: int = 0
    accumulator_bits: int = 32
    rescale: Rescale | None = None


@dataclass(frozen=True, slots=True)
class AvgPool2d:
    """TFLite's average pooling: the mean of the integers really inside the map, half away from
    zero, clamped; zero point and scale pass through."""

    name: str
    input: str
    output: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    """Window maxima over the integers really inside the map."""

    name: str
    input: str
    output: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = NO_PADDING


@dataclass(frozen=True, slots=True)
class Requantize:
    """``rescale`` of ``x - input_zero_point``, per tensor or per channel of the last axis."""

    name: str
    input: str
    output: str
    rescale: Rescale
    input_zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Clamp:
    """``min(max(x, low), high)``; a ReLU is a clamp at the zero point."""

    name: str
    input: str
    output: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Pad:
    """Surrounds a map (H, W, C) with ``value``."""

    name: str
    input: str
    output: str
    padding: Padding
    value: int


@dataclass(frozen=True, slots=True)
class Concat:
    """Joins tensors of one quantization along ``axis`` (of one sample; not negative)."""

    name: str
    inputs: tuple[str, ...]
    output: str
    axis: int


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same integers in row-major order under the output's shape."""

    name: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """``table[x - low(x's type)]``: any function of one integer; the table is a constant with one
    entry for each value of the input's type (at most 16 bits), ascending."""

    name: str
    input: str
    table: str
    output: str


@dataclass(frozen=True, slots=True)
class Prelu:
    """``positive(v)`` where ``v = x - input_zero_point`` is 0 or more, elsewhere
    ``negative(v * (slope - slope_zero_point))``.

    ``slope`` is a constant of at most 8 bits with the input's rank; sizes of 1 are repeated.
    """

    name: str
    input: str
    slope: str
    output: str
    positive: Rescale
    negative: Rescale
    input_zero_point: int = 0
    slope_zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """``output[i, j, ..] = x[begin[0] + i*stride[0], begin[1] + j*stride[1], ..]`` for indices
    below ``size``; a stride may be negative, not 0."""

    name: str
    input: str
    output: str
    begin: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Transpose:
    """Axis ``k`` of the output is axis ``permutation[k]`` of the input (of one sample)."""

    name: str
    input: str
    output: str
    permutation: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResizeNearest:
    """``output[i, j, c] = x[rows[i], columns[j], c]``: nearest-neighbour resizing, whatever the
    convention that chose the neighbours."""

    name: str
    input: str
    output: str
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant as an activation, the same for every sample: an operand of add, mul, concat."""

    name: str
    value: str
    output: str


@dataclass(frozen=True, slots=True)
class ArgMax:
    """Where the largest integer of the last axis is, the first of equals: int32, that axis 1.

    Example: [3, 9, 9, 1] gives [1].
    """

    name: str
    input: str
    output: str


class SoftmaxKind(StrEnum):
    """Whose softmax: ``FLOAT`` is LiteRT's (float32 table), ``FIXED`` TFLM's (gemmlowp);
    ``TABLE`` is the real one to 30 bits, from exponentials of 31."""

    FLOAT = "float"
    FIXED = "fixed"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last axis to int8 with scale 1/256 and zero point -128; ``FIXED`` takes
    int16 too, to int16 with scale 1/32768 and zero point 0. ``TABLE`` gives 2**30 parts of one, and
    alone has a ``rescale``.

    ``input_scale`` (times beta) is the real step of the input, above 0: the one real
    number that enters a computation, because the function itself is transcendental.
    """

    name: str
    input: str
    output: str
    input_scale: float
    kind: SoftmaxKind
    rescale: Rescale | None = None


class LayerNormKind(StrEnum):
    """``INTEGER`` is exact to 24 bits behind the point; ``FLOAT`` goes through float32 step by
    step, as a .tflite's operators do."""

    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Normalization over the last axis, C integers: ``(x - mean) / sqrt(variance + eps)``, in
    2**24 parts of one, times ``signs``; gain and bias are the ``rescale``'s multipliers and
    offsets.

    ``epsilon`` (0..2**61) is ``eps`` in the units of the computation, ``round(256 * C**2 * eps /
    step**2)`` for inputs of that step. ``signs`` names a constant (C,) of -1, 0 and 1, for gains
    that are not above 0. Scale and zero point of the input do not matter otherwise.

    Ba et al., Layer Normalization, 2016 (1607.06450). Example: [1, 3] with epsilon 0 gives
    [-2**24, 2**24].
    """

    name: str
    input: str
    output: str
    epsilon: int
    signs: str | None = None
    kind: LayerNormKind = LayerNormKind.INTEGER
    rescale: Rescale | None = None


Op = (
    Conv2d
    | DepthwiseConv2d
    | Dense
    | Add
    | Sub
    | Mul
    | MatMul
    | SumPool2d
    | AvgPool2d
    | MaxPool2d
    | Requantize
    | Clamp
    | Pad
    | Concat
    | Reshape
    | Lookup
    | Prelu
    | Slice
    | Transpose
    | ResizeNearest
    | Constant
    | ArgMax
    | Softmax
    | LayerNorm
)

OP_TYPES: dict[str, type[Op]] = {
    cls.__name__: cls
    for cls in (
        Conv2d,
        DepthwiseConv2d,
        Dense,
        Add,
        Sub,
        Mul,
        MatMul,
        SumPool2d,
        AvgPool2d,
        MaxPool2d,
        Requantize,
        Clamp,
        Pad,
        Concat,
        Reshape,
        Lookup,
        Prelu,
        Slice,
        Transpose,
        ResizeNearest,
        Constant,
        ArgMax,
        Softmax,
        LayerNorm,
    )
}
"""Every op by the name of its class, as serialized."""


def activations(op: Op) -> tuple[str, ...]:
    """Names of the activation tensors that ``op`` reads, in order."""
    if isinstance(op, Add | Sub | Mul | MatMul | Concat):
        return op.inputs
    return () if isinstance(op, Constant) else (op.input,)


def constants(op: Op) -> tuple[str, ...]:
    """Names of the constants that ``op`` reads: weight and bias, table, slope, signs or value."""
    if isinstance(op, Conv2d | DepthwiseConv2d | Dense):
        return (op.weight,) if op.bias is None else (op.weight, op.bias)
    if isinstance(op, Lookup):
        return (op.table,)
    if isinstance(op, Prelu):
        return (op.slope,)
    if isinstance(op, LayerNorm):
        return () if op.signs is None else (op.signs,)
    return (op.value,) if isinstance(op, Constant) else ()


_RESCALED = (
    *(Conv2d, DepthwiseConv2d, Dense, Mul, MatMul, SumPool2d, Requantize),
    *(Softmax, LayerNorm),
)


def rescales(op: Op) -> tuple[Rescale, ...]:
    """Every rescale that ``op`` carries, on its inputs or its result."""
    if isinstance(op, Prelu):
        return (op.positive, op.negative)
    found: tuple[Rescale | None, ...] = ()
    if isinstance(op, Add | Sub):
        found = (*op.input_rescales, op.rescale)
    elif isinstance(op, _RESCALED):
        found = (op.rescale,)
    return tuple(r for r in found if r is not None)
