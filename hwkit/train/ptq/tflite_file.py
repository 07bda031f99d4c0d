"""A float ``.tflite`` as a PyTorch network: one module an operator or a few.

A sample is a tensor without the file's batch of 1, as in the importer of quantized files; the
network takes them in the file's own order, channels last. Maps are kept with their channels first
where a layer needs them so, and turned back where an operator counts in the file's order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError, FormatError, UnsupportedOp
from hwkit.files import read_file
from hwkit.importers.tflite.dilated import with_dilations
from hwkit.importers.tflite.file import (
    FLOAT16,
    FLOAT32,
    MAX_FILE_BYTES,
    TYPE_NAMES,
    FileOperator,
    FileTensor,
    TfliteFile,
    parse,
)
from hwkit.importers.tflite.static import with_static_shapes
from hwkit.ir.types import Array
from hwkit.train.ptq.drawing import Drawing
from hwkit.train.ptq.standard import NotHandled
from hwkit.train.ptq.tflite_norm import with_layer_norms
from hwkit.train.ptq.tflite_ops import OPS
from hwkit.train.ptq.tflite_step import Step, Tensors, sample_shape
from hwkit.train.ptq.trace import first_line

READER = "the reader of float .tflite files"
_CLOSE = 1e-3
_LARGEST_FILL = 1 << 20
_LARGEST = 1 << 26
"""Numbers of a tensor."""
_INTEGERS = frozenset({"QUANTIZE", "FAKE_QUANT"})

Runner = Callable[[bytes, Array], Array]
"""The file's own runtime: its bytes and inputs (N, *shape in the file) to outputs alike."""


def load_tflite(path: Path, sample: Tensor, runner: Runner | None = None) -> nn.Module:
    """The network in the float file ``path``, for samples like ``sample`` (1, ...), compared on it
    with what ``runner`` gives, if one is given.

    Raises ``FormatError`` for what is damaged, ``ConfigError`` for a file that is quantized
    already, has several inputs or outputs or does not take ``sample``, ``UnsupportedOp`` naming an
    operator that has no PyTorch module here.
    """
    data = read_file(path, MAX_FILE_BYTES, "give an existing .tflite")
    try:
        file = with_layer_norms(_floats(with_static_shapes(parse(data))))
        _require_float(file)
        network = _network(file, sample)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    try:  # Sizes that do not go together are found by whatever layer meets them.
        with torch.no_grad():
            got = network(sample)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise FormatError(
            f"{path}: its sizes do not go together ({first_line(error)}); damaged, copy it again"
        ) from error
    if runner is not None:
        whole = sample.numpy().reshape(1, *file.tensors[file.inputs[0]].shape)
        wanted = torch.tensor(runner(data, whole).reshape(got.shape))
        if not _close(got, wanted):
            raise ConfigError(f"{path}: LiteRT gives other numbers than PyTorch; convert it again")
    return network


def _close(got: Tensor, wanted: Tensor) -> bool:
    return bool((got - wanted).abs().max() <= _CLOSE * (1 + wanted.abs().max()))


def _floats(file: TfliteFile) -> TfliteFile:
    """``file`` with the constants that it widens from float16, and those that it fills."""
    tensors, operators = list(file.tensors), list[FileOperator]()
    for op in file.operators:
        source = tensors[op.inputs[0]] if op.code == "DEQUANTIZE" and op.inputs else None
        if source is not None and source.type == FLOAT16 and source.data is not None:
            wide = source.data.astype(np.float32)
            tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], data=wide)
        elif op.code == "FILL" and (value := _filled(tensors, op)) is not None:
            tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], shape=value.shape, data=value)
        else:
            operators.append(op)
    return replace(file, tensors=tuple(tensors), operators=tuple(operators))


def _filled(tensors: list[FileTensor], op: FileOperator) -> Array | None:
    """What a FILL of floats gives where nothing of it is computed; None elsewhere."""
    sizes, value = (tensors[k].data if k >= 0 else None for k in op.inputs[:2])
    if sizes is None or value is None or value.size != 1 or sizes.size > 8:
        return None
    shape = tuple(int(n) for n in sizes.reshape(-1))
    if min(shape, default=1) < 1 or prod(shape) > _LARGEST_FILL:
        return None
    return np.full(shape, value.reshape(-1)[0], np.float32)


def _require_float(file: TfliteFile) -> None:
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        raise ConfigError(
            f"{len(file.inputs)} inputs and {len(file.outputs)} outputs; give it one each"
        )
    for index in (*file.inputs, *file.outputs):
        tensor = file.tensors[index]
        if tensor.type != FLOAT32:
            kind = TYPE_NAMES.get(tensor.type, "another type")
            raise ConfigError(f"{tensor.name!r} is {kind}, not float32; use 'hwkit import'")
    quantized = next((op.code for op in file.operators if op.code in _INTEGERS), None)
    if quantized is not None:
        raise ConfigError(f"{quantized} says that it is quantized; use 'hwkit import'")


def _network(file: TfliteFile, sample: Tensor) -> nn.Module:
    (source,), (result,) = file.inputs, file.outputs
    wanted = sample_shape(file.tensors[source].shape)
    if tuple(sample.shape[1:]) != wanted:
        raise ConfigError(
            f"does not take samples of shape {tuple(sample.shape[1:])}; it takes {wanted}"
        )
    tensors = Tensors(Drawing(), file)
    tensors.put(source, tensors.drawing.input("x"))
    for position, op in _needed(file, result):
        _draw(tensors, position, op)
    return tensors.drawing.network(tensors.read(result), "Tflite")


def _needed(file: TfliteFile, result: int) -> list[tuple[int, FileOperator]]:
    """The operators that reach the output, in the file's order."""
    wanted, found = {result}, list[tuple[int, FileOperator]]()
    for position, op in reversed(with_dilations(file, list(enumerate(file.operators)))):
        if not wanted.isdisjoint(op.outputs):
            found.append((position, op))
            wanted.update(k for k in op.inputs if k >= 0 and file.tensors[k].data is None)
    return found[::-1]


def _draw(tensors: Tensors, position: int, op: FileOperator) -> None:
    name = f"{op.code}_{position}"
    rule = OPS.get(op.code)
    if rule is None:
        raise UnsupportedOp(name, READER, f"{op.code} of float; it knows {', '.join(sorted(OPS))}")
    if any(prod(tensors.file.tensors[k].shape) > _LARGEST for k in op.outputs):
        raise FormatError(f"{name}: gives more than {_LARGEST:,} numbers; damaged, copy it again")
    for index in (*op.inputs, *op.outputs):
        _require_type(name, tensors.file.tensors, index)
    step = Step.of(tensors, position, op, rule.layout)
    try:
        found: fx.Node | None = rule.make(step)
        if found is not None:
            step.give(found)
    except NotHandled as error:
        raise UnsupportedOp(name, READER, error.remedy) from error
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise FormatError(f"{name}: {first_line(error)}; damaged, copy it again") from error


def _require_type(name: str, tensors: tuple[FileTensor, ...], index: int) -> None:
    tensor = tensors[index] if index >= 0 else None
    if tensor is not None and tensor.type != FLOAT32 and (tensor.data is None or tensor.scale):
        kind = TYPE_NAMES.get(tensor.type, "another type")
        raise UnsupportedOp(
            name, READER, f"tensor {tensor.name!r:.60} is {kind}; convert without optimizations"
        )
