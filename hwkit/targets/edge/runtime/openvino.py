"""OpenVINO on a CPU, told to compute in float32 what it does not compute in int8.

It makes a graph of its own of the file. Chains of weighted sums came out as XNNPACK's; in a network
with sums of two maps some integers differ, those of a convolution before them too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import Arithmetic, Array, Model, Products, Refused, Runtime


class _Compiled:
    def __init__(self, model: bytes, threads: int) -> None:
        import openvino

        core = openvino.Core()
        try:
            with tempfile.TemporaryDirectory(prefix="hwkit-") as folder:
                path = Path(folder) / "model.tflite"  # It tells formats apart by names.
                path.write_bytes(model)
                read = core.read_model(path)
            shapes = [
                [d.get_length() if d.is_static else 1 for d in port.partial_shape]
                for port in read.inputs
            ]
            read.reshape(dict(enumerate(shapes)))
            settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
            self._request = core.compile_model(read, "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise Refused(_last_line(error)) from error
        self._shapes = shapes

    def feed(self, samples: Sequence[Array]) -> None:
        for tensor, shape, sample in zip(
            self._request.input_tensors, self._shapes, samples, strict=True
        ):
            tensor.data[:] = sample.reshape(shape)

    def invoke(self) -> None:
        self._request.infer()

    def outputs(self) -> list[Array]:
        return [np.array(tensor.data) for tensor in self._request.output_tensors]

    def facts(self) -> dict[str, Any]:
        """None."""
        return {}


def _last_line(error: RuntimeError) -> str:
    """What it says last; before that stand places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def _open(model: bytes, threads: int, outputs: int) -> Model:
    return _Compiled(model, threads)


RUNTIME = Runtime(
    title="OpenVINO",
    package="openvino",
    open=_open,
    arithmetic=Arithmetic(Products.XNNPACK, float_softmax=True, native_rescales=False),
    environment="openvino",
    exact=False,
)
