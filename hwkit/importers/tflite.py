"""Reads an int8 .tflite file into a graph that computes what TFLM computes.

The graph's rounding is that of the reference kernels (double); lowering it for another runtime
takes over that one's. Activations lose their batch axis. A model with a float input that is
quantized at once, or a float output that was dequantized last, is taken without these two steps.
"""

from __future__ import annotations

from pathlib import Path

from hwkit.errors import FormatError, HwkitError, UnsupportedOp
from hwkit.files import read_file
from hwkit.importers.tflite_context import DTYPES, TARGET, Context, tensor_facts, unsupported
from hwkit.importers.tflite_dilated import with_dilations
from hwkit.importers.tflite_file import (
    FLOAT32,
    INT16,
    MAX_FILE_BYTES,
    TYPE_NAMES,
    FileOperator,
    TfliteFile,
    parse,
)
from hwkit.importers.tflite_operators import CONVERTERS, DATA_INPUTS, TAKE_INT16
from hwkit.importers.tflite_static import with_static_shapes
from hwkit.ir.graph import Graph


def load_tflite(path: str | Path) -> Graph:
    """The graph in an int8 ``.tflite`` file.

    Raises ``ConfigError`` when it cannot be read, ``FormatError`` when it is damaged,
    ``UnsupportedOp`` naming operator and index when hwkit has no form of it.
    """
    path = Path(path)
    data = read_file(path, MAX_FILE_BYTES, "give an existing .tflite")
    try:
        return convert(parse(data), path.stem)
    except UnsupportedOp:
        raise
    except HwkitError as error:
        raise FormatError(f"{path}: {error}") from error


def convert(file: TfliteFile, name: str) -> Graph:
    """The graph of a parsed file."""
    file = with_static_shapes(file)
    inputs, operators, outputs = _without_float_ends(file)
    context = Context(file, name)
    for index in inputs:
        tensor = file.tensors[index]
        if tensor.type not in DTYPES or tensor.data is not None:
            kind = TYPE_NAMES.get(tensor.type, f"type {tensor.type}")
            raise UnsupportedOp(
                f"input {tensor.name!r} ({kind})",
                TARGET,
                "convert the model with int8 inputs and outputs",
            )
        shape, facts = context.interface_shape(index), tensor_facts(tensor)
        context.builder.input(context.names[index], shape, context.dtype(index), facts)
    for position, op in _needed(with_dilations(file, operators), outputs):
        if op.code not in CONVERTERS:
            known = ", ".join(CONVERTERS)
            raise UnsupportedOp(
                f"operator {position} ({op.code})", TARGET, f"it takes int8 {known}"
            )
        _check_types(file, position, op)
        CONVERTERS[op.code](context, position, op)
    return context.builder.build([context.computed(index, tuple(DTYPES)) for index in outputs])


def _check_types(file: TfliteFile, position: int, op: FileOperator) -> None:
    """``UnsupportedOp`` where activations of several widths meet, or 16-bit ones have no form."""
    present = [file.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
    types = {tensor.type for tensor in present if tensor.data is None} & set(DTYPES)
    if len(types) > 1 and op.code != "QUANTIZE":
        names = " and ".join(sorted(TYPE_NAMES[kind] for kind in types))
        raise unsupported(position, op, f"{names} meet; put a QUANTIZE between them")
    if INT16 in types and op.code not in TAKE_INT16:
        known = ", ".join(sorted(TAKE_INT16))
        raise unsupported(position, op, f"int16 activations are taken by {known}; use int8 here")


def _needed(
    operators: list[tuple[int, FileOperator]], outputs: list[int]
) -> list[tuple[int, FileOperator]]:
    """The operators that an output depends on; what only computes a shape is not among them."""
    needed = set(outputs)
    kept = []
    for position, op in reversed(operators):
        if needed.intersection(op.outputs):
            needed.update(op.inputs[DATA_INPUTS.get(op.code, slice(None))])
            kept.append((position, op))
    return kept[::-1]


def _without_float_ends(
    file: TfliteFile,
) -> tuple[list[int], list[tuple[int, FileOperator]], list[int]]:
    """Inputs, operators (with their positions) and outputs without the conversions at the ends,
    and without operators whose results are known."""
    inputs, outputs = list(file.inputs), list(file.outputs)
    operators = []
    for position, op in enumerate(file.operators):
        if op.outputs and all(k >= 0 and file.tensors[k].data is not None for k in op.outputs):
            continue
        if op.code == "QUANTIZE" and len(op.inputs) == len(op.outputs) == 1:
            (source,), (target,) = op.inputs, op.outputs
            if source in inputs and file.tensors[source].type == FLOAT32 and target >= 0:
                inputs[inputs.index(source)] = target
                continue
        if op.code == "DEQUANTIZE" and len(op.inputs) == len(op.outputs) == 1:
            (source,), (target,) = op.inputs, op.outputs
            if target in outputs and source >= 0 and file.tensors[source].data is None:
                outputs[outputs.index(target)] = source
                continue
        operators.append((position, op))
    return inputs, operators, outputs
