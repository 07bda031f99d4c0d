"""QONNX to a graph: the way that everything trained in PyTorch takes.

The first quantizer of each model input gives the graph's input integers. Layers become
accumulators, each quantizer behind them a ``Requantize``; batch norm and bias go into the
layer's int32 bias (rounded to the grid of ``input scale * weight scale``) and its rescale; ReLU
and clip into the rescale's range. An average is a window sum whose division goes into the
rescale. Maps turn from (C, H, W) to (H, W, C), and weights behind a flatten follow.

A model whose last layer has no quantizer ends in int32 sums. Where their scales differ by channel
they are first brought to the smallest one, so that they can be compared.

QONNX: Pappalardo et al. 2022 (2206.07527).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hwkit.errors import GraphError, HwkitError, UnsupportedOp
from hwkit.importers import qonnx_layers as layers
from hwkit.importers import qonnx_maps as maps
from hwkit.importers import qonnx_sums as sums
from hwkit.importers.qonnx_context import Context
from hwkit.importers.qonnx_file import Node, OnnxModel, read_onnx
from hwkit.importers.qonnx_fold import fold
from hwkit.importers.qonnx_rescale import IMPORTER, Quantizer
from hwkit.importers.qonnx_rewrite import rewrite
from hwkit.importers.qonnx_values import Fresh, Integers, Real
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Reshape, activations
from hwkit.ir.types import S32

_HANDLERS: dict[str, Callable[[Context, Node], None]] = {
    "Quant": layers.quant,
    "BipolarQuant": layers.bipolar_quant,
    "Trunc": layers.trunc,
    "Conv": layers.conv,
    "Gemm": layers.gemm,
    "MatMul": layers.matmul,
    "Transpose": layers.transpose,
    "BatchNormalization": layers.batch_norm,
    "Relu": layers.relu,
    "Clip": layers.clip,
    **dict.fromkeys(
        ("Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Elu", "LeakyRelu"), layers.function
    ),
    "MaxPool": maps.max_pool,
    "AveragePool": maps.average_pool,
    "GlobalAveragePool": maps.global_average_pool,
    "ReduceMean": maps.global_average_pool,
    "Add": sums.add,
    **dict.fromkeys(("Mul", "Div", "Sub"), sums.arithmetic),
    "Pad": maps.pad,
    "Concat": maps.concat,
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), maps.reshape),
}
_GENERATED_NAMES = frozenset({"main_graph", "torch_jit", "torch-jit-export", "graph"})


def load_qonnx(path: Path) -> Graph:
    """The graph of a QONNX file.

    Activations are (H, W, C), so an image of (N, C, H, W) is fed as (N, H, W, C).

    Raises ``ConfigError`` (cannot be opened), ``FormatError`` (cut short, no ONNX), ``GraphError``
    (values or shapes that make no sense) and ``UnsupportedOp`` (naming node, op and a remedy).
    """
    model = rewrite(read_onnx(path))
    context = Context(_graph_name(model, path), model.constants)
    for name, shape in model.inputs.items():
        context.values[name] = Fresh(name, shape[1:])
    for node in model.nodes:
        _import(context, node)
    outputs = [_output(context, name) for name in model.outputs]
    return context.builder.build(outputs, {"source": "qonnx"})


def _graph_name(model: OnnxModel, path: Path) -> str:
    return path.stem if model.name in _GENERATED_NAMES else model.name


def _import(context: Context, node: Node) -> None:
    if fold(context, node):
        return
    if node.op_type == "Cast" and isinstance(context.value(node, 0), Real | Fresh):
        context.put(node, context.value(node, 0))
        return
    handler = _HANDLERS.get(node.op_type)
    if handler is None:
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"ONNX op {node.op_type!r}; supported: {', '.join(sorted(_HANDLERS))}",
        )
    try:
        handler(context, node)
    except HwkitError:
        raise
    except (ValueError, IndexError, TypeError, AssertionError) as error:
        raise GraphError(
            node.name, f"{node.op_type} is malformed ({error}); export again"
        ) from error


def _output(context: Context, name: str) -> str:
    """Name of the integer tensor of model output ``name``; maps stay in (H, W, C) order."""
    node = Node(name, "output", (name,), (name,), {})
    real = context.settled(node, 0)
    source = real.integers
    if real.scale.size > 1 and source.dtype == S32:
        real = _one_scale(context, node, real, source)
        source = real.integers
    if source.tensor in context.builder.inputs:
        raise GraphError(name, "the model only quantizes its input; add a layer")
    if real.order is None:
        return source.tensor
    return _before_flatten(context, name, source.tensor)


def _one_scale(context: Context, node: Node, real: Real, source: Integers) -> Real:
    reach = max(abs(source.low), abs(source.high), 1) * float(real.scale.max())
    scale = max(float(real.scale.min()), reach / ((1 << 31) - 1))
    q = Quantizer(np.array([scale]), 0, S32, S32.low, S32.high, "ROUND")
    return context.quantize(node, real, q, f"{source.tensor}.common_scale")


def _before_flatten(context: Context, name: str, tensor: str) -> str:
    """A model that ends in a flatten ends in the map instead, whose order is known."""
    builder = context.builder
    readers = [op for op in builder.nodes if tensor in activations(op)]
    for op in builder.nodes:
        if op.output == tensor and isinstance(op, Reshape) and not readers:
            builder.nodes.remove(op)
            del builder.tensors[tensor]
            return op.input
    raise UnsupportedOp(name, IMPORTER, "an output in two orders; end the model in a layer")
