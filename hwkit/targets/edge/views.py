"""Operators that only copy rows: what they make may lie where it is read, and costs no bytes.

A slice of rows is a part of its map, and rows that are joined lie in the map that they make. Where
the file's plan puts them there, the runtime copies every byte onto itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor

CUT, JOIN = "STRIDED_SLICE", "CONCATENATION"
"""Of rows: what is cut may lie in its source, what is joined in what it makes."""
COPIES = ("RESHAPE", CUT)
"""Operators whose output may lie in their first input."""


@dataclass(frozen=True, slots=True)
class View:
    """``size_bytes`` of the tensor ``root`` from its byte ``offset`` on."""

    root: str
    offset: int
    size_bytes: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size_bytes


def views(model: FileModel, in_place: Collection[str] = (CUT, JOIN)) -> dict[str, View]:
    """Every activation as a part of the one in which it lies, most of them all of themselves;
    ``in_place`` says which operators copy nothing, beside those that reshape.

    Inputs and outputs of the model lie in no other tensor, and no tensor in two. Example: of a map
    of 8 rows cut in two halves, both are views of it; of its halves joined behind a layer each,
    the layers' outputs are views of what is joined.
    """
    tensors = {tensor.name: tensor for tensor in model.tensors}
    inside: dict[str, tuple[str, int]] = {}
    fixed = {*model.inputs, *model.outputs}
    made = {name for op in model.operators for name in op.outputs} - fixed
    for op in reversed(model.operators):
        if op.code == JOIN and JOIN in in_place and _joins_rows(op, tensors):
            names = [name for name in op.inputs if name is not None]
            at = 0
            for name in names:
                if name in made and name not in inside and names.count(name) == 1:
                    inside[name] = op.outputs[0], at
                at += bytes_of(tensors[name])
    for op in model.operators:
        output, source = op.outputs[0], op.inputs[0]
        copies = op.code in COPIES and (op.code != CUT or CUT in in_place)
        if copies and output in made and output not in inside:
            assert source is not None
            begin = 0 if op.code == "RESHAPE" else _first_row(op, tensors)
            if begin is not None:
                inside[output] = source, begin * _row_bytes(tensors[source])

    def view(name: str) -> View:
        root, offset = name, 0
        while root in inside:
            root, more = inside[root]
            offset += more
        return View(root, offset, bytes_of(tensors[name]))

    return {tensor.name: view(tensor.name) for tensor in model.tensors if tensor.data is None}


def bytes_of(tensor: FileTensor) -> int:
    """Bytes of a tensor in memory."""
    return prod(tensor.shape) * np.dtype(tensor.dtype).itemsize


def _row_bytes(tensor: FileTensor) -> int:
    return bytes_of(tensor) // tensor.shape[1]


def _joins_rows(op: FileOperator, tensors: Mapping[str, FileTensor]) -> bool:
    return op.fields["axis"] == 1 and tensors[op.outputs[0]].shape[0] == 1


def _first_row(op: FileOperator, tensors: Mapping[str, FileTensor]) -> int | None:
    """Where the run of whole rows begins that a slice takes; None for any other slice."""
    source, begin, _, stride = (tensors[name] for name in op.inputs if name is not None)
    first, step = _numbers(begin), _numbers(stride)
    rest = source.shape[2:] == tensors[op.outputs[0]].shape[2:]
    whole = rest and source.shape[0] == 1 and not first[2:].any() and (step == 1).all()
    return int(first[1]) if whole and len(source.shape) > 1 else None


def _numbers(tensor: FileTensor) -> Array:
    assert tensor.data is not None
    return tensor.data
