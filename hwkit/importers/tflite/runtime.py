"""Which of a file's two runtimes the graph follows, where their integers differ.

TFLM, unless it refuses the file: then LiteRT with its reference kernels is the only one there is.
"""

from __future__ import annotations

from hwkit.importers.tflite.file import (
    FLOAT32,
    INT4,
    INT8,
    INT16,
    INT64,
    UINT8,
    FileOperator,
    TfliteFile,
)

_ONLY_LITERT = frozenset(
    [
        "CAST",
        "DENSIFY",
        "EXP",
        "GELU",
        "LOG",
        "NEG",
        "REDUCE_ANY",
        "REDUCE_PROD",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "SELECT",
        "SQRT",
        "TILE",
    ]
)
"""Sparse weights, what reckons with an open batch, and what has no integer form in TFLM."""

_ONLY_8_BITS = frozenset(
    [
        "BATCH_TO_SPACE_ND",
        "EQUAL",
        "GATHER",
        "GREATER",
        "GREATER_EQUAL",
        "LESS",
        "LESS_EQUAL",
        "MIRROR_PAD",
        "NOT_EQUAL",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "RESIZE_BILINEAR",
        "SPACE_TO_BATCH_ND",
    ]
)
"""What TFLM computes of int8, not of int16: of GREATER it takes these, and says always no."""

_NO_FLOATS = frozenset(
    ["CAST", "DENSIFY", "GELU", "POW", "RELU_0_TO_1", "RELU_N1_TO_1", "SELECT", "SIGN", "TILE"]
)
"""What TFLM does not compute of float32 either."""

_OF_ANY_TYPE = frozenset(("READ_VARIABLE", "ASSIGN_VARIABLE"))


def only_litert(declared: TfliteFile, file: TfliteFile) -> bool:
    """Whether TFLM refuses the file, whose shapes are ``declared`` and turn out to be those of
    ``file``. It prepares every operator, also one that no output needs."""
    shapes = zip(declared.tensors, file.tensors, strict=True)
    parts = (declared, *declared.others)
    return (
        any(a.shape != b.shape and b.data is None for a, b in shapes)
        or any(_refused(part, op) for part in parts for op in part.operators)
        or _has_namesakes(parts)
    )


def _has_namesakes(parts: tuple[TfliteFile, ...]) -> bool:
    """Whether variables of two containers have one name: TFLM counts names."""
    variables = {op.variable for part in parts for op in part.operators if op.code == "VAR_HANDLE"}
    return len({variable.name for variable in variables}) < len(variables)


def _refused(file: TfliteFile, op: FileOperator) -> bool:
    if op.code in _OF_ANY_TYPE:
        return False
    present = [file.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
    types = {tensor.type for tensor in present}
    if types == {FLOAT32}:
        return op.code in _NO_FLOATS
    if op.code == "FULLY_CONNECTED" and any(t.type == INT4 and len(t.scale) > 1 for t in present):
        return True
    if op.code == "FILL" and present and present[0].data is None:
        return True
    if op.code in _ONLY_8_BITS and INT16 in types:
        return True
    if op.code == "GATHER" and not types & {INT8, INT16}:
        return True
    if op.code in ("ARG_MAX", "ARG_MIN") and any(
        file.tensors[index].type == INT64 for index in op.outputs
    ):
        return True
    unsigned = types == {UINT8} if op.code == "QUANTIZE" else UINT8 in types
    return unsigned or op.code in _ONLY_LITERT
