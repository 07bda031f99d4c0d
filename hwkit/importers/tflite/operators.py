"""Each .tflite operator that has a form, and what makes it."""

from __future__ import annotations

from collections.abc import Callable

from hwkit.importers.tflite import conditions, elementwise, gathered, layers, movement, reduced
from hwkit.importers.tflite.batches import batch_to_space, space_to_batch
from hwkit.importers.tflite.context import Context
from hwkit.importers.tflite.file import FileOperator
from hwkit.importers.tflite.functions import divide, function
from hwkit.importers.tflite.lstm import sequence_lstm
from hwkit.importers.tflite.matmul import batch_matmul
from hwkit.importers.tflite.resizing import resize_bilinear, resize_nearest
from hwkit.importers.tflite.svdf import svdf
from hwkit.importers.tflite.transposed import transpose_conv

CONVERTERS: dict[str, Callable[[Context, int, FileOperator], None]] = {
    "ABS": function,
    "ADD": elementwise.add,
    "ARG_MAX": reduced.arg_extremum,
    "ARG_MIN": reduced.arg_extremum,
    "AVERAGE_POOL_2D": layers.pool,
    "BATCH_MATMUL": batch_matmul,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "BROADCAST_TO": gathered.broadcast_to,
    "CONCATENATION": movement.concat,
    "CONV_2D": layers.conv,
    "DEPTHWISE_CONV_2D": layers.conv,
    "DEPTH_TO_SPACE": movement.depth_to_space,
    "DIV": divide,
    "ELU": function,
    "EQUAL": conditions.compare,
    "EXP": function,
    "EXPAND_DIMS": movement.reshape,
    "FULLY_CONNECTED": layers.dense,
    "GATHER": gathered.gather,
    "GELU": function,
    "GREATER": conditions.compare,
    "GREATER_EQUAL": conditions.compare,
    "HARD_SWISH": function,
    "LEAKY_RELU": function,
    "LESS": conditions.compare,
    "LESS_EQUAL": conditions.compare,
    "LOG": function,
    "LOGICAL_AND": conditions.both,
    "LOGICAL_NOT": conditions.negation,
    "LOGICAL_OR": conditions.both,
    "LOGISTIC": function,
    "MAXIMUM": elementwise.extremum,
    "MAX_POOL_2D": layers.pool,
    "MEAN": reduced.reduce,
    "MINIMUM": elementwise.extremum,
    "MIRROR_PAD": gathered.mirror_pad,
    "MUL": elementwise.mul,
    "NEG": function,
    "NOT_EQUAL": conditions.compare,
    "PACK": movement.pack,
    "PAD": movement.pad,
    "PADV2": movement.pad,
    "PRELU": elementwise.prelu,
    "QUANTIZE": elementwise.requantize,
    "REDUCE_ALL": reduced.reduce,
    "REDUCE_ANY": reduced.reduce,
    "REDUCE_MAX": reduced.reduce,
    "REDUCE_MIN": reduced.reduce,
    "RELU": elementwise.requantize,
    "RELU6": elementwise.clamp,
    "RELU_0_TO_1": elementwise.clamp,
    "RELU_N1_TO_1": elementwise.clamp,
    "RESHAPE": movement.reshape,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "REVERSE_V2": movement.reverse,
    "RSQRT": function,
    "SELECT": conditions.select,
    "SELECT_V2": conditions.select,
    "SLICE": movement.slice_,
    "SOFTMAX": layers.softmax,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "SPACE_TO_DEPTH": movement.depth_to_space,
    "SPLIT": movement.split,
    "SPLIT_V": movement.split,
    "SQRT": function,
    "SQUARED_DIFFERENCE": elementwise.squared_difference,
    "SQUEEZE": movement.reshape,
    "STRIDED_SLICE": movement.strided_slice,
    "SUB": elementwise.add,
    "SUM": reduced.reduce,
    "SVDF": svdf,
    "TANH": function,
    "TILE": gathered.tile,
    "TRANSPOSE": movement.transpose,
    "TRANSPOSE_CONV": transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": sequence_lstm,
    "UNPACK": movement.unpack,
}

_ONLY_8_BITS = frozenset(
    [
        "ARG_MAX",
        "ARG_MIN",
        "DEPTH_TO_SPACE",
        "DIV",
        "ELU",
        "HARD_SWISH",
        "LOGICAL_AND",
        "LOGICAL_NOT",
        "LOGICAL_OR",
        "PRELU",
        "REDUCE_ALL",
        "REDUCE_ANY",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "SPACE_TO_DEPTH",
    ]
)
TAKE_INT16 = frozenset(CONVERTERS) - _ONLY_8_BITS
"""Operators that also take int16 activations."""

COMPARISONS = frozenset(("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"))
TAKE_BOOL = COMPARISONS | {
    "EXPAND_DIMS",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "LOGICAL_OR",
    "REDUCE_ALL",
    "REDUCE_ANY",
    "RESHAPE",
    "SELECT",
    "SELECT_V2",
    "SQUEEZE",
}
"""Operators with conditions among their inputs or outputs."""

WEIGHTED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
"""Operators whose constants have types of their own."""

STATEFUL = frozenset(("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"))
"""Operators with variable tensors and weights among their inputs, of types of their own."""

DATA_INPUTS = {
    "ARG_MAX": slice(0, 1),
    "ARG_MIN": slice(0, 1),
    "RESHAPE": slice(0, 1),
    "TRANSPOSE_CONV": slice(1, None),
}
"""Which of an operator's inputs reach its output; all where none are stated. The shape that a
reshape computes is declared in the file as well, so that nothing needs the operators behind it."""
