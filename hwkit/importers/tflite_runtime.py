"""Which of a file's two runtimes the graph follows, where their integers differ.

TFLM, unless it refuses the file: then LiteRT with its reference kernels is the only one there is.
"""

from __future__ import annotations

from collections.abc import Iterable

from hwkit.importers.tflite_file import INT4, INT16, UINT8, FileOperator, TfliteFile

_ONLY_LITERT = frozenset(("DENSIFY", "RELU_N1_TO_1", "SHAPE"))
"""Sparse weights, open batches, and what TFLM has no 8-bit form of."""


def only_litert(file: TfliteFile, operators: Iterable[FileOperator]) -> bool:
    """Whether TFLM refuses the file, of which ``operators`` are what its outputs need."""
    return any(op.code in _ONLY_LITERT for op in file.operators) or any(
        _refused(file, op) for op in operators
    )


def _refused(file: TfliteFile, op: FileOperator) -> bool:
    present = [file.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
    types = {tensor.type for tensor in present}
    if op.code == "FULLY_CONNECTED":
        by_channel = any(t.type == INT4 and len(t.scale) > 1 for t in present)
        return by_channel or UINT8 in types
    if op.code == "QUANTIZE":
        return types == {UINT8}
    return UINT8 in types or (op.code == "REDUCE_MAX" and INT16 in types)
