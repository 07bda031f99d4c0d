"""ONNX to a graph: the way that everything trained in PyTorch takes.

QONNX is the one form here: ``rewrite`` brings QDQ, QCDQ and QOperator files into it first.

The first quantizer of each model input gives the graph's input integers. Layers become
accumulators, each quantizer behind them a ``Requantize``; batch norm and bias go into the
layer's int32 bias (whole steps of ``input scale * weight scale``) and into the rescale's offset
(the rest), so that nothing is rounded but what the quantizer rounds; ReLU and clip into the
rescale's range. An average is a window sum whose division goes into the
rescale. Maps turn from (C, H, W) to (H, W, C), and weights behind a flatten follow.

A model whose last layer has no quantizer ends in int32 sums. Where their scales differ by channel
they are first brought to the smallest one, so that they can be compared.

QONNX: Pappalardo et al. 2022 (2206.07527).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwkit.errors import GraphError, HwkitError, UnsupportedOp
from hwkit.importers.qonnx import (
    attention,
    cuts,
    functions,
    layers,
    maps,
    pools,
    quantizers,
    repeats,
    selection,
    shapes,
    sums,
)
from hwkit.importers.qonnx.argmax import arg_max, top_one
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node, OnnxModel, read_onnx
from hwkit.importers.qonnx.float_states import FLOAT_STATES, RECURRENT
from hwkit.importers.qonnx.fold import fold
from hwkit.importers.qonnx.instance_norm import instance_norm
from hwkit.importers.qonnx.integers import extent, quantize, settle
from hwkit.importers.qonnx.layer_norm import layer_norm
from hwkit.importers.qonnx.leaky import prelu
from hwkit.importers.qonnx.plain import COMPARISONS, LOGIC
from hwkit.importers.qonnx.rescale import Quantizer
from hwkit.importers.qonnx.resize import resize
from hwkit.importers.qonnx.rewrite import rewrite
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.shapes import unflattened
from hwkit.importers.qonnx.source import Imported, Meaning
from hwkit.importers.qonnx.tails import without_tails
from hwkit.importers.qonnx.transposed import conv_transpose
from hwkit.importers.qonnx.unary import FUNCTIONS
from hwkit.importers.qonnx.values import Curve, Fresh, Layer, Real, Table
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Reshape, activations
from hwkit.ir.types import S32

_HANDLERS: dict[str, Callable[[Context, Node], None]] = {
    "Quant": quantizers.quant,
    "BipolarQuant": quantizers.bipolar_quant,
    "Trunc": quantizers.trunc,
    "DequantizeLinear": quantizers.dequantize,
    "Conv": layers.conv,
    "Gemm": layers.gemm,
    "MatMul": attention.matmul,
    "Softmax": attention.softmax,
    "LayerNormalization": layer_norm,
    "Transpose": layers.transpose,
    "BatchNormalization": layers.batch_norm,
    "Relu": layers.relu,
    "Clip": layers.clip,
    **dict.fromkeys(FUNCTIONS, functions.function),
    "Pow": functions.power,
    "PRelu": prelu,
    **dict.fromkeys(("Min", "Max"), selection.extremes),
    **dict.fromkeys(COMPARISONS, selection.compare),
    **dict.fromkeys(LOGIC, selection.logic),
    "Not": selection.negation,
    "Where": selection.where,
    "MaxPool": pools.max_pool,
    "AveragePool": pools.average_pool,
    **dict.fromkeys(
        ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceSum", "ReduceMax"),
        pools.global_pool,
    ),
    "ConvTranspose": conv_transpose,
    **dict.fromkeys(("Resize", "Upsample"), resize),
    "Slice": cuts.cut,
    "Split": cuts.split,
    "Gather": cuts.gather,
    "Add": sums.add,
    **dict.fromkeys(("Mul", "Div", "Sub"), sums.arithmetic),
    "Pad": maps.pad,
    "Expand": repeats.expand,
    "Tile": repeats.tile,
    "DepthToSpace": repeats.depth_to_space,
    "SpaceToDepth": repeats.space_to_depth,
    "InstanceNormalization": instance_norm,
    "ArgMax": arg_max,
    "TopK": top_one,
    "Concat": maps.concat,
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), shapes.reshape),
}
_OUTPUT_BITS = 16
"""Sums that leave the graph reach at least so far if a bias is to be seen in them."""

_SEEN = 2.0**-8
"""In steps of the sum: what is rounded off an output's bias without a finer step."""

_GENERATED_NAMES = frozenset({"main_graph", "torch_jit", "torch-jit-export", "graph"})


def load_qonnx(path: Path) -> Graph:
    """The graph of a QONNX file; see ``import_qonnx``."""
    return import_qonnx(path).graph


def import_qonnx(path: Path) -> Imported:
    """The graph of a QONNX file, and what it takes to run the file beside it.

    Activations are (H, W, C), so an image of (N, C, H, W) is fed as (N, H, W, C).

    Raises ``ConfigError`` (cannot be opened), ``FormatError`` (cut short, no ONNX), ``GraphError``
    (values or shapes that make no sense) and ``UnsupportedOp`` (naming node, op and a remedy).
    """
    original, left_off = without_tails(read_onnx(path))
    model = rewrite(original)
    context = Context(_graph_name(model, path), model.constants, model.nodes, model.opset)
    for name, shape in model.inputs.items():
        context.take(name)
        context.values[name] = Fresh(name, shape[1:])
    for node in model.nodes:
        _import(context, node)
    outputs = [_output(context, name) for name in _computed(context, model.outputs)]
    graph = context.builder.build(
        outputs, {"source": "qonnx", **_normalizations(context), **_tails(left_off)}
    )
    renamed = dict(zip(original.outputs, model.outputs, strict=True))
    values = {**context.values, **{n: context.values[to] for n, to in renamed.items()}}
    meanings = {
        name: Meaning(
            value.integers.tensor, value.shape, value.order, value.layout,
            model.batch_axes.get(renamed.get(name, name), 0),
        )
        for name, value in values.items()
        if isinstance(value, Real) and value.is_plain and value.integers.tensor in graph.tensors
    }  # fmt: skip
    return Imported(graph, original, context.read_inputs, meanings)


def _tails(left_off: Mapping[str, str]) -> dict[str, str]:
    """Functions of reals behind the outputs, as metadata. Example: ``behind fc: Softmax``."""
    return {f"behind {name}": what for name, what in left_off.items()}


def _normalizations(context: Context) -> dict[str, str]:
    """What a file does to its inputs before their first quantizers, as metadata of the graph, which
    reads what those give. Example: ``input x: 2.0 * x + -1.0``."""
    done = {}
    for name, port in context.read_inputs.items():
        gain, offset = (v.reshape(-1) for v in (port.fresh.gain, port.fresh.offset))
        if (gain != 1).any() or offset.any():
            numbers = [f"{v[0]}" if v.size == 1 else f"{v.tolist()}" for v in (gain, offset)]
            done[f"input {name}"] = f"{numbers[0]} * {port.fresh.name} + {numbers[1]}"
    return done


def _computed(context: Context, names: tuple[str, ...]) -> list[str]:
    """The outputs that depend on an input. A Brevitas model that returns a ``QuantTensor`` gives
    its scale, zero point and width too, which are constants."""
    computed = [name for name in names if not isinstance(context.values.get(name), np.ndarray)]
    return computed or list(names)


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
        remedy = f"ONNX op {node.op_type!r:.60}; docs/onnx.md lists those that are supported"
        if node.op_type in RECURRENT:
            remedy = FLOAT_STATES
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    try:
        handler(context, node)
    except HwkitError:
        raise
    except (ValueError, IndexError, TypeError, AssertionError, ArithmeticError) as error:
        raise GraphError(
            node.name, f"{node.op_type} is malformed ({error}); export again"
        ) from error


def _output(context: Context, name: str) -> str:
    """Name of the integer tensor of model output ``name``; maps stay in (H, W, C) order."""
    node = Node(name, "output", (name,), (name,), {})
    real = context.real(node, 0)
    if isinstance(real.source, Table | Curve):
        real = settle(context, node, real)
    wide = isinstance(real.source, Layer) or real.integers.dtype == S32
    if real.offset.any() or (wide and real.scale.size > 1) or real.refined:
        real = _sums(context, node, real)
    real = settle(context, node, real)
    if real.integers.tensor in context.builder.inputs:
        raise GraphError(name, "the model only quantizes its input; add a layer")
    if real.order is not None:
        real = _before_flatten(context, node, real)
    context.put(node, real)
    return real.integers.tensor


def _sums(context: Context, node: Node, real: Real) -> Real:
    """An output without a quantizer: whole steps of the sum, of its smallest scale, or of a
    fraction of that where the sums of a network of few bits are so coarse that what a bias adds
    to a step would be missed."""
    tensor = real.source.op.output if isinstance(real.source, Layer) else real.integers.tensor
    step, largest = extent(real)
    rest = real.offset / step
    finer = 0
    room = _OUTPUT_BITS - int(np.ceil(np.log2(largest / step)))
    if real.refined:
        finer = room
    elif (np.abs(rest - np.rint(rest)) > _SEEN).any():
        finer = max(room, 0)
    if np.abs(rest).max() > S32.high:
        finer = room  # Sums so small beside a bias that its own steps have to do.
    step = max(step * 2.0**-finer, largest / ((1 << 31) - 1))
    q = Quantizer(np.array([step]), 0, S32, S32.low, S32.high, "ROUND")
    return quantize(context, node, real, q, f"{tensor}.common_scale")


def _before_flatten(context: Context, node: Node, real: Real) -> Real:
    """A model that ends in a flatten ends in the map instead, whose order is known."""
    builder, tensor = context.builder, real.integers.tensor
    readers = [op for op in builder.nodes if tensor in activations(op)]
    for op in builder.nodes:
        if op.output == tensor and isinstance(op, Reshape) and not readers:
            builder.nodes.remove(op)
            del builder.tensors[tensor]
            return replace(real, source=replace(real.integers, tensor=op.input))
    return unflattened(context, node, real)
