"""Each .tflite operator that has a form, and what makes it."""

from __future__ import annotations

from collections.abc import Callable

from hwkit.importers.tflite import argmax, elementwise, layers, movement
from hwkit.importers.tflite.bilinear import resize_bilinear
from hwkit.importers.tflite.context import Context
from hwkit.importers.tflite.file import FileOperator
from hwkit.importers.tflite.transposed import transpose_conv

CONVERTERS: dict[str, Callable[[Context, int, FileOperator], None]] = {
    "ADD": elementwise.add,
    "ARG_MAX": argmax.arg_max,
    "AVERAGE_POOL_2D": layers.pool,
    "CONCATENATION": movement.concat,
    "CONV_2D": layers.conv,
    "DEPTHWISE_CONV_2D": layers.conv,
    "DEPTH_TO_SPACE": movement.depth_to_space,
    "EXPAND_DIMS": movement.reshape,
    "FULLY_CONNECTED": layers.dense,
    "HARD_SWISH": elementwise.unary,
    "LEAKY_RELU": elementwise.unary,
    "LOGISTIC": elementwise.unary,
    "MAXIMUM": elementwise.extremum,
    "MAX_POOL_2D": layers.pool,
    "MEAN": layers.reduce,
    "MINIMUM": elementwise.extremum,
    "MUL": elementwise.mul,
    "PACK": movement.pack,
    "PAD": movement.pad,
    "PADV2": movement.pad,
    "PRELU": elementwise.prelu,
    "QUANTIZE": elementwise.requantize,
    "REDUCE_MAX": layers.reduce,
    "RELU": elementwise.requantize,
    "RELU6": elementwise.clamp,
    "RELU_N1_TO_1": elementwise.clamp,
    "RESHAPE": movement.reshape,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": movement.resize_nearest,
    "REVERSE_V2": movement.reverse,
    "SLICE": movement.slice_,
    "SOFTMAX": layers.softmax,
    "SPACE_TO_DEPTH": movement.depth_to_space,
    "SPLIT": movement.split,
    "SPLIT_V": movement.split,
    "SQUEEZE": movement.reshape,
    "STRIDED_SLICE": movement.strided_slice,
    "SUB": elementwise.add,
    "TANH": elementwise.unary,
    "TRANSPOSE": movement.transpose,
    "TRANSPOSE_CONV": transpose_conv,
    "UNPACK": movement.unpack,
}

TAKE_INT16 = {
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "EXPAND_DIMS",
    "FULLY_CONNECTED",
    "LEAKY_RELU",
    "LOGISTIC",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MEAN",
    "MINIMUM",
    "MUL",
    "PACK",
    "PAD",
    "PADV2",
    "QUANTIZE",
    "REDUCE_MAX",
    "RELU",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "REVERSE_V2",
    "SLICE",
    "SOFTMAX",
    "SPLIT",
    "SPLIT_V",
    "SQUEEZE",
    "STRIDED_SLICE",
    "SUB",
    "TANH",
    "TRANSPOSE",
    "TRANSPOSE_CONV",
    "UNPACK",
}
"""Operators that also take int16 activations."""

WEIGHTED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
"""Operators whose constants have types of their own."""

DATA_INPUTS = {"ARG_MAX": slice(0, 1), "RESHAPE": slice(0, 1), "TRANSPOSE_CONV": slice(1, None)}
"""Which of an operator's inputs reach its output; all where none are stated. The shape that a
reshape computes is declared in the file as well, so that nothing needs the operators behind it."""
