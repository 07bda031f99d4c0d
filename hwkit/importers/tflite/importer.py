"""Reads an int8 .tflite file into a graph that computes what TFLM computes.

The graph's rounding is that of the reference kernels (double); lowering it for another runtime
takes over that one's. A file that TFLM refuses, such as one of uint8, is computed as LiteRT's
reference kernels do. Activations lose their batch axis. A model with a float input that is
quantized at once, or a float output that was dequantized last, is taken without these two steps.
Variables become states of the graph. Inputs and outputs are called as in the file's signature.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

from hwkit.errors import FormatError, HwkitError, UnsupportedOp
from hwkit.files import read_file
from hwkit.importers.parts import FloatPart, FloatParts, Port, with_parts
from hwkit.importers.tflite.context import DTYPES, TARGET, Context, tensor_facts, unsupported
from hwkit.importers.tflite.cut import Cut, cut, integer_part, litert_alone
from hwkit.importers.tflite.dilated import with_dilations
from hwkit.importers.tflite.file import (
    BOOL,
    FLOATS,
    INT16,
    MAX_FILE_BYTES,
    TYPE_NAMES,
    FileOperator,
    TfliteFile,
    parse,
)
from hwkit.importers.tflite.islands import TABLE, converter, with_islands
from hwkit.importers.tflite.operators import (
    CONVERTERS,
    DATA_INPUTS,
    STATEFUL,
    TAKE_BOOL,
    TAKE_INT16,
    WEIGHTED,
)
from hwkit.importers.tflite.runtime import only_litert
from hwkit.importers.tflite.schema import part_bytes
from hwkit.importers.tflite.static import with_static_shapes
from hwkit.importers.tflite.variables import FileState, without_variables
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Reshape

_Numbered = tuple[int, FileOperator]
"""An operator and its place in the file."""


def load_tflite(path: str | Path) -> Graph:
    """The graph in an int8 ``.tflite`` file.

    Raises ``ConfigError`` when it cannot be read, ``FormatError`` when it is damaged,
    ``UnsupportedOp`` naming operator and index when hwkit has no form of it.
    """
    path = Path(path)
    data = read_file(path, MAX_FILE_BYTES, "give an existing .tflite")
    try:
        file = parse(data)
        try:
            return convert(file, path.stem)
        except UnsupportedOp:
            found = cut(file)
            if found is None:
                raise
            return without_float_parts(file, data, found, path.stem)
    except UnsupportedOp:
        raise
    except HwkitError as error:
        raise FormatError(f"{path}: {error}") from error


def integer_bytes(data: bytes) -> bytes:
    """The file whose integers the graph of ``data`` has: ``data``, or its integer part alone."""
    found = cut(parse(data))
    return data if found is None else part_bytes(data, found.integer)


def without_float_parts(file: TfliteFile, data: bytes, found: Cut, name: str) -> Graph:
    """The graph of the integer part, which keeps the float parts as files of their own."""
    graph = convert(integer_part(file, found.integer), name, litert_alone(file))
    keys = dict(zip(found.integer.inputs, graph.inputs, strict=True))
    keys |= dict(zip(found.integer.outputs, graph.outputs, strict=True))
    taken = set(keys.values())
    for indices, names in ((file.inputs, file.input_names), (file.outputs, file.output_names)):
        for place, index in enumerate(indices):
            wish = names[place] if place < len(names) else ""
            wish = wish or file.tensors[index].name or f"tensor{index}"
            while index not in keys and wish in taken:
                wish += "#"
            taken.add(keys.setdefault(index, wish))

    def port(index: int) -> Port:
        tensor = file.tensors[index]
        dtype = TYPE_NAMES.get(tensor.type, "")
        if keys[index] in graph.inputs:  # perhaps what a QUANTIZE gives of it
            dtype = str(graph.tensors[keys[index]].dtype.container)
        return Port(keys[index], tensor.name, tensor.shape, dtype)

    parts = tuple(
        FloatPart(
            place,
            "tflite",
            tuple(file.operators[k].code for k in part.operators),
            tuple(port(index) for index in part.inputs),
            tuple(port(index) for index in part.outputs),
            part_bytes(data, part),
        )
        for place, part in (("head", found.head), ("tail", found.tail))
        if part is not None
    )
    inputs = [port(index) for index in file.inputs if index in keys]
    if found.head is None:
        inputs = [port(index) for index in found.integer.inputs]
    outputs = [port(index) for index in file.outputs]
    return with_parts(graph, FloatParts(tuple(inputs), tuple(outputs), parts))


def convert(file: TfliteFile, name: str, litert: bool | None = None) -> Graph:
    """The graph of a parsed file: in LiteRT's arithmetic with ``litert``, in TFLM's without, and
    for None in TFLM's unless TFLM refuses the file. Its metadata names the ``runtime``."""
    declared, file = file, with_static_shapes(file)
    if litert is None:
        litert = only_litert(declared, file)
    file, variables = without_variables(file, litert)
    inputs, operators, outputs, updates = _without_float_ends(file, variables)
    operators, tables = with_islands(file, operators)
    needed, states = _needed(with_dilations(file, operators), outputs, updates)
    for position, op in needed:
        _check(file, position, op)
    _check_floats(file, needed)
    context = Context(file, name, litert, _known_names(file, inputs, outputs))
    read = {index for _, op in needed for index in op.inputs} | {*outputs}
    _add_inputs(context, inputs, read | {state.update for state in states})
    for state in states:
        _add_state(context, state)
    for position, op in needed:
        convert_one = converter(tables[position]) if op.code == TABLE else CONVERTERS[op.code]
        convert_one(context, position, op)
    for state in states:
        context.builder.update(context.names[state.tensor], context.computed(state.update))
    runtime = "litert_reference" if litert else "tflm"
    return context.builder.build(_output_names(context, outputs), {"runtime": runtime})


def _known_names(file: TfliteFile, inputs: list[int], outputs: list[int]) -> dict[int, str]:
    """What the file's signature calls the tensors at the border of the graph. A tensor that is
    there twice has its first name."""
    known: dict[int, str] = {}
    for indices, names in ((inputs, file.input_names), (outputs, file.output_names)):
        for index, name in zip(indices, names, strict=False):  # there may be no signature
            if name:
                known.setdefault(index, name)
    return known


def _add_inputs(context: Context, inputs: list[int], read: set[int]) -> None:
    """Declares the graph's inputs. One that nothing reads stays, unless it holds no integers."""
    file = context.file
    for index in inputs:
        tensor = file.tensors[index]
        if tensor.type not in DTYPES or tensor.type == BOOL or tensor.data is not None:
            if index not in read:
                continue
            kind = TYPE_NAMES.get(tensor.type, f"type {tensor.type}")
            raise UnsupportedOp(
                f"input {tensor.name!r} ({kind})",
                TARGET,
                "convert the model with int8 inputs and outputs",
            )
        shape, facts = context.sample_shape(index), tensor_facts(tensor)
        context.builder.input(context.names[index], shape, context.dtype(index), facts)


def _add_state(context: Context, state: FileState) -> None:
    index = state.tensor
    shape, facts = context.sample_shape(index), tensor_facts(context.file.tensors[index])
    initial = state.initial.reshape(shape)
    context.builder.state(context.names[index], initial, context.dtype(index), facts)


def _output_names(context: Context, outputs: list[int]) -> list[str]:
    """The graph's outputs; a tensor that the file names twice is copied the second time."""
    names: list[str] = []
    for place, index in enumerate(outputs):
        name = context.computed(index)
        if name in names:
            copy, tensor = f"{name}#copy{place}", context.builder.tensors[name]
            while copy in context.builder.tensors:
                copy += "#"
            node = Reshape(copy, name, copy)
            name = context.builder.add(node, tensor.dtype, tensor.quantization, tensor.shape)
        names.append(name)
    return names


def _check(file: TfliteFile, position: int, op: FileOperator) -> None:
    """``UnsupportedOp`` where hwkit has no form of the operator, activations of several types
    meet, or their type has no form."""
    present = [file.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
    if kinds := {tensor.type for tensor in present} & FLOATS:
        if op.code in ("QUANTIZE", "DEQUANTIZE"):
            return  # Some other operator may be why there is a float; ``_check_floats`` is next.
        raise unsupported(
            position,
            op,
            f"its activations are {TYPE_NAMES[min(kinds)]}; convert with a representative data "
            "set, or use an operator that has an int8 form",
        )
    if op.code == TABLE:
        return
    if op.code not in CONVERTERS:
        raise unsupported(position, op, f"it takes int8 {', '.join(CONVERTERS)}")
    operands = [t for t in present if t.data is None or op.code not in WEIGHTED]
    types = {tensor.type for tensor in operands} & set(DTYPES)
    if BOOL in types and op.code not in TAKE_BOOL:
        raise unsupported(position, op, f"bool is taken by {', '.join(sorted(TAKE_BOOL))}")
    types -= {BOOL}
    if len(types) > 1 and op.code != "QUANTIZE" and op.code not in STATEFUL:
        names = " and ".join(sorted(TYPE_NAMES[kind] for kind in types))
        raise unsupported(position, op, f"{names} meet; put a QUANTIZE between them")
    if INT16 in types and op.code not in TAKE_INT16:
        known = ", ".join(sorted(TAKE_INT16))
        raise unsupported(position, op, f"int16 activations are taken by {known}; use int8 here")
    for tensor in present:
        if tensor.type in DTYPES and not prod(tensor.shape):
            remedy = f"tensor {tensor.name!r} of shape {tensor.shape} holds nothing"
            raise unsupported(position, op, remedy)


def _check_floats(file: TfliteFile, needed: list[_Numbered]) -> None:
    """``UnsupportedOp`` for a conversion to or from float in the middle of the network."""
    for position, op in needed:
        present = [file.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
        if {tensor.type for tensor in present} & FLOATS:
            remedy = "a float stands in the middle of the network; convert it to int8 throughout"
            raise unsupported(position, op, remedy)


def _needed(
    operators: list[_Numbered], outputs: list[int], states: list[FileState]
) -> tuple[list[_Numbered], list[FileState]]:
    """The operators and states that an output depends on, in this inference or a later one; what
    only computes a shape is not among them."""
    roots = set(outputs)
    while True:
        needed, kept = set(roots), []
        for position, op in reversed(operators):
            if needed.intersection(op.outputs):
                needed.update(op.inputs[DATA_INPUTS.get(op.code, slice(None))])
                kept.append((position, op))
        read = [state for state in states if state.tensor in needed]
        if roots.issuperset(state.update for state in read):
            return kept[::-1], read
        roots.update(state.update for state in read)


def _without_float_ends(
    file: TfliteFile, states: tuple[FileState, ...]
) -> tuple[list[int], list[_Numbered], list[int], list[FileState]]:
    """Inputs, operators (with their positions), outputs and states without the conversions at the
    ends, and without operators whose results are known."""
    inputs, outputs = list(file.inputs), list(file.outputs)
    operators = []
    quantized: dict[int, int] = {}
    same: dict[int, int] = {}
    for position, op in enumerate(file.operators):
        op = replace(op, inputs=tuple(same.get(index, index) for index in op.inputs))
        if op.outputs and all(k >= 0 and file.tensors[k].data is not None for k in op.outputs):
            continue
        if op.code == "QUANTIZE" and len(op.inputs) == len(op.outputs) == 1:
            (source,), (target,) = op.inputs, op.outputs
            if source in inputs and file.tensors[source].type in FLOATS and target >= 0:
                inputs[inputs.index(source)] = quantized[source] = target
                continue
            if source in quantized and target >= 0:
                if _meaning(file, target) != _meaning(file, quantized[source]):
                    raise unsupported(position, op, "it quantizes an input in a second way")
                same[target] = quantized[source]
                continue
        if op.code == "DEQUANTIZE" and len(op.inputs) == len(op.outputs) == 1:
            (source,), (target,) = op.inputs, op.outputs
            if target in outputs and source >= 0 and file.tensors[source].data is None:
                outputs = [source if index == target else index for index in outputs]
                continue
        operators.append((position, op))
    updates = [replace(s, update=same.get(s.update, s.update)) for s in states]
    return inputs, operators, [same.get(index, index) for index in outputs], updates


def _meaning(file: TfliteFile, index: int) -> tuple[object, ...]:
    tensor = file.tensors[index]
    return tensor.type, tensor.scale, tensor.zero_point
