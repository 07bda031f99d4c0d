"""The operators of a file and how TFLM's resolver is told of them."""

from __future__ import annotations

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.targets.edge.emit import file_model

_METHODS = {
    "ADD": "AddAdd",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "CAST": "AddCast",
    "CONCATENATION": "AddConcatenation",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "DEQUANTIZE": "AddDequantize",
    "FULLY_CONNECTED": "AddFullyConnected",
    "GATHER": "AddGather",
    "HARD_SWISH": "AddHardSwish",
    "LEAKY_RELU": "AddLeakyRelu",
    "LOGISTIC": "AddLogistic",
    "MAXIMUM": "AddMaximum",
    "MAX_POOL_2D": "AddMaxPool2D",
    "MEAN": "AddMean",
    "MINIMUM": "AddMinimum",
    "MUL": "AddMul",
    "PAD": "AddPad",
    "PADV2": "AddPadV2",
    "PRELU": "AddPrelu",
    "QUANTIZE": "AddQuantize",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "RESHAPE": "AddReshape",
    "RESIZE_BILINEAR": "AddResizeBilinear",
    "RESIZE_NEAREST_NEIGHBOR": "AddResizeNearestNeighbor",
    "SLICE": "AddSlice",
    "SOFTMAX": "AddSoftmax",
    "SPLIT": "AddSplit",
    "STRIDED_SLICE": "AddStridedSlice",
    "SUB": "AddSub",
    "TANH": "AddTanh",
    "TRANSPOSE": "AddTranspose",
}
"""Methods of ``MicroMutableOpResolver`` by builtin operator."""


def operators(graph: Graph) -> tuple[str, ...]:
    """Every builtin operator of TFLM's file of a lowered graph, once, sorted."""
    model = file_model(graph, functions=True)
    return tuple(sorted({operator.code for operator in model.operators}))


def registration(operator: str) -> str:
    """The line of C++ that registers one operator.

    Example: ``CONV_2D`` gives ``if (resolver.AddConv2D() != kTfLiteOk) return kTfLiteError;``,
    indented by two.
    """
    if operator not in _METHODS:
        raise ConfigError(
            f"operator {operator}: TFLM's resolver has no method for it here; "
            "deploy to a microcontroller board instead"
        )
    return f"  if (resolver.{_METHODS[operator]}() != kTfLiteOk) return kTfLiteError;"
