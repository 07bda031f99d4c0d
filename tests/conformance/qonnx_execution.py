"""The qonnx package's execution of a file beside ours, tensor by tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from hwkit.importers.qonnx.file import read_onnx
from hwkit.importers.qonnx.reference import Execution, Quantized
from hwkit.ir.types import Array

CLOSE = 2e-6
"""Relative to a tensor's largest value: what float32 sums in another order may differ by."""


def compare(path: Path, x: Array) -> tuple[int, int]:
    """Executes ``path`` on ``x``, its one input, by qonnx (float32) and by our reference (float64),
    which goes on with qonnx's values after each node. Asserts that reals are equal up to float32's
    error and integers wherever no tie is near; returns how many numbers were compared, and how
    many integers fell the other way at a tie."""
    model = ModelWrapper(str(path)).transform(InferShapes())
    for node in model.graph.node:
        for attribute in node.attribute:
            # Brevitas' name of it, which the qonnx package does not know.
            if attribute.s == b"ROUND_TO_ZERO":
                attribute.s = b"DOWN"
    inputs = {model.graph.input[0].name: x}
    theirs = execute_onnx(model, inputs, return_full_exec_context=True)
    compared = tied = 0

    def follow(name: str, y: Array, found: Quantized | None) -> Array:
        nonlocal compared, tied
        if name not in theirs:
            return y
        wanted: Array = np.asarray(theirs[name], np.float64)
        assert wanted.shape == y.shape, name
        reach = max(float(np.abs(wanted).max(initial=0)), 1e-3)
        wrong = np.abs(wanted - y) > CLOSE * reach
        if found is not None:
            # The distance is in steps: of at most some thousand for these widths.
            near = found.distance < 5e-4
            tied += int((wrong & near).sum())
            wrong &= ~near
        assert not wrong.any(), (name, y[wrong][:3], wanted[wrong][:3])
        compared += y.size
        return wanted

    Execution(read_onnx(path)).run(inputs, follow)
    return compared, tied
