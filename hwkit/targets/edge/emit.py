"""A lowered graph as a .tflite file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
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
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.tflite import nearest
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S8, S16, S32, Array, IntType, Quantization, Shape
from hwkit.target import BuildPlan, Lowered
from hwkit.targets.edge.bilinear import convention
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.layer_norm import LayerNormOperators
from hwkit.targets.edge.loaded import arithmetic_of
from hwkit.targets.edge.lower import float_weight_and_bias
from hwkit.targets.edge.native import mean_axes
from hwkit.targets.edge.offline import planned
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.runtime import Sixteen
from hwkit.targets.edge.scales import is_wide, ratio
from hwkit.targets.edge.sixteen import function_of
from hwkit.targets.edge.split import file_padding, kernel_of
from hwkit.targets.edge.variables import Variables

MODEL = "model.tflite"
_PADDING = {"SAME": 0, "VALID": 1}
_ACTIVATION_NONE, _ACTIVATION_RELU = 0, 1
_FLOAT32, _INT32, _INT16, _INT8 = 0, 2, 7, 9
_TYPE = {"float32": _FLOAT32, "int32": _INT32, "int16": _INT16, "int8": _INT8}
_DEFAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ADD": ("AddOptions", {}),
    "SUB": ("SubOptions", {}),
    "MUL": ("MulOptions", {}),
    "MAXIMUM": ("MaximumMinimumOptions", {}),
    "SUM": ("ReducerOptions", {"keepDims": True}),
    "GATHER": ("GatherOptions", {"axis": 0}),
}
_OPERATOR = {
    Conv2d: ("CONV_2D", "Conv2DOptions"),
    DepthwiseConv2d: ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"),
    Dense: ("FULLY_CONNECTED", "FullyConnectedOptions"),
    MaxPool2d: ("MAX_POOL_2D", "Pool2DOptions"),
    AvgPool2d: ("AVERAGE_POOL_2D", "Pool2DOptions"),
}


def emit(lowered: Lowered[EdgePlan]) -> BuildPlan:
    """One file, ``model.tflite``, with the same bytes for the same graph; with hwkit's memory plan
    in it where the board says how much arena it may take."""
    board = lowered.board.edge
    assert board is not None
    model = file_model(lowered.graph, has_functions(board))
    if board.sram_bytes:
        model, _ = planned(model)
    return BuildPlan({MODEL: write(model)})


def has_functions(board: EdgeBoard) -> bool:
    """Whether the runtime's 16-bit LOGISTIC and TANH are the graph's tables; others read these."""
    return arithmetic_of(board).sixteen is Sixteen.TFLM


def file_model(graph: Graph, functions: bool = False) -> FileModel:
    """The operators and tensors of a lowered graph; activations keep their names.

    Each shape gets a leading 1 for the batch. With ``functions`` long tables become operators.
    """
    return _Emitter(graph, functions).model()


def single_layers(graph: Graph, functions: bool = False) -> Iterator[tuple[Op, bytes]]:
    """Each op of a lowered graph and a .tflite of it alone, with its activations as inputs; a
    constant is data and no operator."""
    for op in graph.nodes:
        if not isinstance(op, Constant):
            yield op, chain(graph, (op,), functions)


def chain(graph: Graph, ops: Sequence[Op], functions: bool = False) -> bytes:
    """A .tflite of ``ops``, each of which reads the one before, with the activations of the first
    as inputs."""
    alone = replace(
        graph,
        name=ops[-1].name,
        inputs=tuple(dict.fromkeys(activations(ops[0]))),
        outputs=(ops[-1].output,),
        states=(),
    )
    return write(file_model(alone.with_nodes(tuple(ops)), functions))


@dataclass
class _Emitter:
    graph: Graph
    functions: bool
    tensors: dict[str, FileTensor] = field(default_factory=dict)
    operators: list[FileOperator] = field(default_factory=list)

    def model(self) -> FileModel:
        for name in self.graph.sources:
            self.activation(name)
        variables = Variables(self.graph, self.tensors)
        self.operators += variables.read()
        for op in self.graph.nodes:
            self.activation(op.output)
            self.operator(op)
        self.operators += variables.assigned()
        return FileModel(
            self.graph.name,
            tuple(self.tensors.values()),
            tuple(self.operators),
            self.graph.inputs,
            self.graph.outputs,
            variables.once(),
        )

    def facts(self, name: str) -> Quantization:
        facts = self.graph.tensors[name].quantization
        if facts is None:
            raise GraphError(name, "has no scale; lower the graph for an edge board first")
        return facts

    def activation(self, name: str) -> None:
        tensor = self.graph.tensors[name]
        shape = (1, *tensor.shape)
        if tensor.dtype in (S8, S16):
            facts, dtype = self.facts(name), str(tensor.dtype.container)
            self.tensors[name] = FileTensor(name, shape, dtype, facts.scale, facts.zero_point)
        else:
            self.tensors[name] = FileTensor(name, shape, "int32")

    def stored(self, name: str) -> str:
        """The file's type of an activation: "int8", "int16" or "int32"."""
        return str(self.graph.tensors[name].dtype.container)

    def activation_of(self, op: Weighted | Add | Sub | Mul | Requantize) -> int:
        """Activation for the op's range: RELU cuts at the zero point, NONE not at all."""
        r, dtype = op.rescale, self.graph.tensors[op.output].dtype
        if r is None or (r.low, r.high) == (dtype.low, dtype.high):
            return _ACTIVATION_NONE
        if (r.low, r.high) == (r.zero_point, dtype.high):
            return _ACTIVATION_RELU
        raise GraphError(op.name, f"range {r.low}..{r.high} has no form; lower the graph first")

    def fresh(self, name: str, shape: Shape, dtype: str) -> str:
        """An activation that only the file has."""
        self.tensors[name] = FileTensor(name, (1, *shape), dtype)
        return name

    def constant(self, name: str, data: Array, dtype: str, like: str | None = None) -> str:
        """A constant; ``like`` names the tensor whose scale and zero point it shares."""
        facts = self.facts(like) if like is not None else None
        self.tensors[name] = FileTensor(
            name,
            data.shape,
            dtype,
            facts.scale if facts else (),
            facts.zero_point if facts else 0,
            data=data,
        )
        return name

    def add(
        self,
        code: str,
        inputs: tuple[str | None, ...],
        output: str,
        options: str = "",
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.operators.append(FileOperator(code, inputs, (output,), options, fields or {}))

    def operator(self, op: Op) -> None:
        match op:
            case Conv2d() | DepthwiseConv2d() | Dense():
                self.weighted(op) if op.rescale is not None else self.float_sum(op)
            case Add() if op.rescale is None:
                self.int32_add(op)
            case Requantize() if is_wide(self.graph, op):
                self.float_rescale(op)
            case SumPool2d() if is_wide(self.graph, op):
                self.float_window(op)
            case Add() | Sub() | Mul():
                fused: dict[str, Any] = {"fusedActivationFunction": self.activation_of(op)}
                if isinstance(op, Add | Sub):
                    fused["potScaleInt16"] = False  # Scales of powers of two are no exception.
                name = type(op).__name__
                self.add(name.upper(), op.inputs, op.output, f"{name}Options", fused)
            case MatMul():
                adjoint = dict(zip(("adjX", "adjY"), op.transposed, strict=True))
                self.add("BATCH_MATMUL", op.inputs, op.output, "BatchMatMulOptions", adjoint)
            case MaxPool2d() | AvgPool2d():
                code, options = _OPERATOR[type(op)]
                self.add(code, (op.input,), op.output, options, self.window(op))
            case Clamp():
                self.clamp(op)
            case Pad():
                self.pad(op)
            case Concat():
                axis = {"axis": op.axis + 1}
                self.add("CONCATENATION", op.inputs, op.output, "ConcatenationOptions", axis)
            case Reshape():
                self.reshape(op, op.input)
            case Lookup():
                self.lookup(op)
            case Softmax():
                self.add("SOFTMAX", (op.input,), op.output, "SoftmaxOptions", {"beta": 1.0})
            case LayerNorm():
                self.layer_norm(op)
            case SumPool2d():
                self.mean(op)
            case Requantize():
                relu = self.activation_of(op) == _ACTIVATION_RELU
                code, options = ("RELU", "") if relu else ("QUANTIZE", "QuantizeOptions")
                self.add(code, (op.input,), op.output, options)
            case Slice():
                self.slice(op)
            case Transpose():
                axes = np.array((0, *(axis + 1 for axis in op.permutation)), np.int32)
                name = self.constant(f"{op.name}/axes", axes, "int32")
                self.add("TRANSPOSE", (op.input, name), op.output, "TransposeOptions")
            case Prelu():
                slope = self.constant(op.slope, self.graph.constants[op.slope], "int8", op.slope)
                self.add("PRELU", (op.input, slope), op.output)
            case ResizeNearest():
                self.resize(op)
            case ResizeBilinear():
                self.bilinear(op)
            case Constant():
                value = self.graph.constants[op.value]
                data = value.reshape(1, *value.shape)
                self.tensors[op.output] = replace(self.tensors[op.output], data=data)
            case ArgMax():
                self.argmax(op)
            case _:
                assert_never(op)

    def reshape(self, op: Reshape | ArgMax, source: str) -> None:
        shape = np.array((1, *self.graph.tensors[op.output].shape), np.int32)
        name = self.constant(f"{op.name}/shape", shape, "int32")
        new = {"newShape": shape.tolist()}
        self.add("RESHAPE", (source, name), op.output, "ReshapeOptions", new)

    def argmax(self, op: ArgMax) -> None:
        """ARG_MAX drops the axis, a RESHAPE brings it back as 1."""
        shape = self.graph.tensors[op.input].shape
        axis = self.constant(f"{op.name}/axis", np.array([len(shape)], np.int32), "int32")
        place = self.fresh(f"{op.name}/without_axis", shape[:-1], "int32")
        self.add("ARG_MAX", (op.input, axis), place, "ArgMaxOptions", {"outputType": _INT32})
        self.reshape(op, place)

    def window(self, op: Conv2d | DepthwiseConv2d | MaxPool2d | AvgPool2d) -> dict[str, Any]:
        """Option fields of an operator that slides a window."""
        kernel = kernel_of(op, dict(self.graph.tensors))
        padding = file_padding(op, self.graph.tensors[op.input].shape, kernel)
        if padding is None:
            raise GraphError(op.name, f"{op.padding} is not SAME or VALID; lower the graph first")
        fields: dict[str, Any] = {
            "padding": _PADDING[padding],
            "strideH": op.stride[0],
            "strideW": op.stride[1],
        }
        if isinstance(op, Conv2d | DepthwiseConv2d):
            fields |= {"dilationHFactor": op.dilation[0], "dilationWFactor": op.dilation[1]}
        else:
            fields |= {"filterHeight": kernel[0], "filterWidth": kernel[1]}
        if isinstance(op, DepthwiseConv2d):
            channels = self.graph.tensors[op.input].shape[2]
            fields["depthMultiplier"] = self.graph.tensors[op.weight].shape[3] // channels
        return fields

    def options(self, op: Weighted) -> dict[str, Any]:
        if isinstance(op, Dense):
            return {"keepNumDims": len(self.graph.tensors[op.input].shape) > 1}
        return self.window(op)

    def weighted(self, op: Weighted) -> None:
        code, options = _OPERATOR[type(op)]
        weight = self.graph.constants[op.weight]
        scale = self.facts(op.weight).scale
        axis = 3 if isinstance(op, DepthwiseConv2d) else 0
        self.tensors[op.weight] = FileTensor(
            op.weight, weight.shape, "int8", scale, 0, axis, weight
        )
        if op.bias is not None:
            source = np.float32(self.facts(op.input).scale[0])
            steps = tuple((source * np.array(scale, np.float32)).tolist())
            bias = self.graph.constants[op.bias]
            dtype = str(bias.dtype)
            self.tensors[op.bias] = FileTensor(op.bias, bias.shape, dtype, steps, data=bias)
        fields = self.options(op) | {"fusedActivationFunction": self.activation_of(op)}
        self.add(code, (op.input, op.weight, op.bias), op.output, options, fields)

    def float_sum(self, op: Weighted) -> None:
        """A 32-bit sum, computed in float32, which is exact below 2**24: lowering checked it.

        The weights stay int8 in the file and are widened with a scale of 1.
        """
        code, options = _OPERATOR[type(op)]
        weight = self.graph.constants[op.weight]
        _, bias = float_weight_and_bias(self.graph, op)
        self.tensors[op.weight] = FileTensor(op.weight, weight.shape, "int8", (1.0,), data=weight)
        wide = f"{op.name}/wide_weight"
        self.tensors[wide] = FileTensor(wide, weight.shape, "float32")
        self.add("DEQUANTIZE", (op.weight,), wide, "DequantizeOptions")
        offset = self.constant(f"{op.name}/wide_bias", bias, "float32")
        source = self.fresh(f"{op.name}/wide_input", self.graph.tensors[op.input].shape, "float32")
        self.cast(op.input, source, _INT8, _FLOAT32)
        total = self.fresh(f"{op.name}/sum", self.graph.tensors[op.output].shape, "float32")
        self.add(code, (source, wide, offset), total, options, self.options(op))
        self.cast(total, op.output, _FLOAT32, _INT32)

    def int32_add(self, op: Add) -> None:
        names = list(op.inputs)
        for k, source in enumerate(op.inputs):
            if self.graph.tensors[source].dtype == S8:
                shape = self.graph.tensors[source].shape
                names[k] = self.fresh(f"{op.name}/wide_input{k}", shape, "int32")
                self.cast(source, names[k], _INT8, _INT32)
        if not any(op.input_zero_points):
            self.add("ADD", (names[0], names[1]), op.output, "AddOptions")
            return
        total = self.fresh(f"{op.name}/sum", self.graph.tensors[op.output].shape, "int32")
        self.add("ADD", (names[0], names[1]), total, "AddOptions")
        offset = np.array([-sum(op.input_zero_points)], np.int32)
        constant = self.constant(f"{op.name}/offset", offset, "int32")
        self.add("ADD", (total, constant), op.output, "AddOptions")

    def as_float(self, op: Requantize | SumPool2d) -> str:
        """The input of ``op`` in float32, its zero point subtracted."""
        tensor = self.graph.tensors[op.input]
        source = self.fresh(f"{op.name}/wide_input", tensor.shape, "float32")
        self.cast(op.input, source, _INT8 if tensor.dtype == S8 else _INT32, _FLOAT32)
        return self.plus(op, "centred", source, -op.input_zero_point)

    def plus(self, op: Op, step: str, source: str, number: int) -> str:
        """``source`` and a number, in float32."""
        if not number:
            return source
        constant = self.constant(f"{op.name}/{step}_by", np.array([number]), "float32")
        shape = self.tensors[source].shape[1:]
        total = self.fresh(f"{op.name}/{step}", shape, "float32")
        self.add("ADD", (source, constant), total, "AddOptions")
        return total

    def apply(self, code: str, inputs: tuple[str, ...], output: str) -> str:
        """An operator whose options are its defaults, or said by its tensors; its output."""
        if code == "CAST":
            old, new = (self.tensors[name].dtype for name in (inputs[0], output))
            self.cast(inputs[0], output, _TYPE[old], _TYPE[new])
            return output
        self.add(code, inputs, output, *_DEFAULTS.get(code, ()))
        return output

    def layer_norm(self, op: LayerNorm) -> None:
        """Rounded half to even behind what is float32, as ``float_rescale``."""
        r, shape = op.rescale, self.graph.tensors[op.output].shape
        assert r is not None
        rounded = self.fresh(f"{op.name}/rounded", shape, "float32")
        self.add("ROUND", (LayerNormOperators(self, op).result(),), rounded)
        self.clamped(op, rounded, r, S8)

    def float_rescale(self, op: Requantize) -> None:
        """One float32 product for each integer, rounded half to even, clamped."""
        r, output = op.rescale, self.graph.tensors[op.output]
        factors = np.array([ratio(r, k) for k in range(r.channels)])
        constant = self.constant(f"{op.name}/factors", factors, "float32")
        product, rounded = (
            self.fresh(f"{op.name}/{step}", output.shape, "float32")
            for step in ("scaled", "rounded")
        )
        self.add("MUL", (self.as_float(op), constant), product, "MulOptions")
        self.add("ROUND", (product,), rounded)
        self.clamped(op, rounded, r, output.dtype)

    def clamped(self, op: Op, rounded: str, r: Rescale, dtype: IntType) -> None:
        """What is rounded already, with zero point and range, as an integer."""
        shape = self.graph.tensors[op.output].shape
        rounded = self.plus(op, "shifted", rounded, r.zero_point)
        ends = (("MAXIMUM", r.low, S32.low), ("MINIMUM", r.high, S32.high))
        for code, end, free in ends:
            if end != free:
                bound = self.constant(f"{op.name}/{code.lower()}_of", np.array([end]), "float32")
                clamped = self.fresh(f"{op.name}/{code.lower()}", shape, "float32")
                self.add(code, (rounded, bound), clamped, "MaximumMinimumOptions")
                rounded = clamped
        self.cast(rounded, op.output, _FLOAT32, _INT8 if dtype == S8 else _INT32)

    def float_window(self, op: SumPool2d) -> None:
        """Sums of 32-bit integers as a depthwise convolution with weights of 1.0, padded by 0."""
        height, width, channels = self.graph.tensors[op.input].shape
        source, p = self.as_float(op), op.padding
        if p != NO_PADDING:
            amounts = np.array([[0, 0], [p.top, p.bottom], [p.left, p.right], [0, 0]], np.int32)
            name = self.constant(f"{op.name}/amounts", amounts, "int32")
            shape = (height + p.top + p.bottom, width + p.left + p.right, channels)
            padded = self.fresh(f"{op.name}/padded", shape, "float32")
            self.add("PAD", (source, name), padded, "PadOptions")
            source = padded
        ones = self.constant(f"{op.name}/ones", np.ones((1, *op.kernel, channels)), "float32")
        zeros = self.constant(f"{op.name}/zeros", np.zeros(channels), "float32")
        total = self.fresh(f"{op.name}/sum", self.graph.tensors[op.output].shape, "float32")
        fields = {
            "padding": _PADDING["VALID"],
            "strideH": op.stride[0],
            "strideW": op.stride[1],
            "dilationHFactor": 1,
            "dilationWFactor": 1,
            "depthMultiplier": 1,
        }
        code, options = _OPERATOR[DepthwiseConv2d]
        self.add(code, (source, ones, zeros), total, options, fields)
        self.cast(total, op.output, _FLOAT32, _INT32)

    def cast(self, source: str, output: str, old: int, new: int) -> None:
        fields = {"inDataType": old, "outDataType": new}
        self.add("CAST", (source,), output, "CastOptions", fields)

    def clamp(self, op: Clamp) -> None:
        dtype = self.stored(op.input)
        low = self.constant(f"{op.name}/low", np.array([op.low], dtype), dtype, op.input)
        high = self.constant(f"{op.name}/high", np.array([op.high], dtype), dtype, op.input)
        middle = f"{op.name}/raised"
        facts = self.facts(op.input)
        shape = (1, *self.graph.tensors[op.input].shape)
        self.tensors[middle] = FileTensor(middle, shape, dtype, facts.scale, facts.zero_point)
        self.add("MAXIMUM", (op.input, low), middle, "MaximumMinimumOptions")
        self.add("MINIMUM", (middle, high), op.output, "MaximumMinimumOptions")

    def pad(self, op: Pad) -> None:
        p = op.padding
        shape = self.graph.tensors[op.input].shape
        if len(shape) != 3:
            raise GraphError(op.name, f"pads a tensor of shape {shape}; expected (H, W, C)")
        amounts = np.array([[0, 0], [p.top, p.bottom], [p.left, p.right], [0, 0]], np.int32)
        name = self.constant(f"{op.name}/amounts", amounts, "int32")
        if op.value == self.facts(op.input).zero_point:
            self.add("PAD", (op.input, name), op.output, "PadOptions")
            return
        dtype = self.stored(op.input)
        value = np.array([op.value], dtype)
        constant = self.constant(f"{op.name}/value", value, dtype, op.input)
        self.add("PADV2", (op.input, name, constant), op.output, "PadV2Options")

    def slice(self, op: Slice) -> None:
        """STRIDED_SLICE; a run that goes down past index 0 has an open end."""
        ends = [
            begin + size * stride
            for begin, size, stride in zip(op.begin, op.size, op.stride, strict=True)
        ]
        names = [
            self.constant(f"{op.name}/{what}", np.array(numbers, np.int32), "int32")
            for what, numbers in (
                ("begin", (0, *op.begin)),
                ("end", (1, *ends)),
                ("stride", (1, *op.stride)),
            )
        ]
        open_ends = sum(1 << axis for axis, end in enumerate(ends, start=1) if end < 0)
        fields = {"endMask": open_ends}
        self.add("STRIDED_SLICE", (op.input, *names), op.output, "StridedSliceOptions", fields)

    def mean(self, op: SumPool2d) -> None:
        axes = mean_axes(op, self.graph.tensors[op.input].shape)
        if axes is None:
            raise GraphError(op.name, "is no mean; lower the graph for an edge board first")
        name = self.constant(f"{op.name}/axes", np.array(axes, np.int32), "int32")
        self.add("MEAN", (op.input, name), op.output, "ReducerOptions", {"keepDims": True})

    def resize(self, op: ResizeNearest) -> None:
        """RESIZE_NEAREST_NEIGHBOR where one of its conventions chooses these neighbours, else
        rows and columns are gathered."""
        shape = self.graph.tensors[op.input].shape
        for align, centres in ((False, False), (False, True), (True, False)):
            chosen = [
                nearest(before, len(places), align=align, centres=centres)
                for before, places in zip(shape[:2], (op.rows, op.columns), strict=True)
            ]
            if chosen == [op.rows, op.columns]:
                self.resized(op, "RESIZE_NEAREST_NEIGHBOR", align, centres)
                return
        rows = self.constant(f"{op.name}/rows", np.array(op.rows, np.int32), "int32")
        columns = self.constant(f"{op.name}/columns", np.array(op.columns, np.int32), "int32")
        middle, facts = f"{op.name}/gathered", self.facts(op.input)
        between = (1, len(op.rows), *shape[1:])
        dtype = self.stored(op.input)
        self.tensors[middle] = FileTensor(middle, between, dtype, facts.scale, facts.zero_point)
        self.add("GATHER", (op.input, rows), middle, "GatherOptions", {"axis": 1})
        self.add("GATHER", (middle, columns), op.output, "GatherOptions", {"axis": 2})

    def bilinear(self, op: ResizeBilinear) -> None:
        chosen = convention(self.graph, op)
        if chosen is None:
            raise GraphError(op.name, "has no convention; lower the graph for an edge board first")
        self.resized(op, "RESIZE_BILINEAR", *chosen)

    def resized(
        self, op: ResizeNearest | ResizeBilinear, code: str, align: bool, centres: bool
    ) -> None:
        size = np.array([len(op.rows), len(op.columns)], np.int32)
        name = self.constant(f"{op.name}/size", size, "int32")
        fields = {"alignCorners": align, "halfPixelCenters": centres}
        options = f"{code.title().replace('_', '')}Options"
        self.add(code, (op.input, name), op.output, options, fields)

    def lookup(self, op: Lookup) -> None:
        """The table entry at ``x + 128`` (``x + 32768``): a cast, an addition and a GATHER."""
        code = function_of(self.graph, op) if self.functions else None
        if code is not None:
            self.add(code, (op.input,), op.output)
            return
        source = self.graph.tensors[op.input].dtype
        shape = self.graph.tensors[op.input].shape
        wide = self.fresh(f"{op.name}/wide", shape, "int32")
        index = self.fresh(f"{op.name}/index", shape, "int32")
        self.cast(op.input, wide, _INT8 if source == S8 else _INT16, _INT32)
        offset = self.constant(f"{op.name}/offset", np.array([-source.low], np.int32), "int32")
        self.add("ADD", (wide, offset), index, "AddOptions")
        table = self.graph.constants[op.table]
        constant = self.constant(f"{op.name}/entries", table, self.stored(op.output), op.output)
        self.add("GATHER", (constant, index), op.output, "GatherOptions", {"axis": 0})
