"""A QONNX file in the qonnx package's own execution."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hwkit.errors import DeviceError, ToolMissing
from hwkit.ir.types import Array

PACKAGE = "qonnx"


class Executed:
    """``model``, the bytes of a QONNX file, executed by the qonnx package in float32, one sample at
    a time. ``ToolMissing`` where it is not installed."""

    def __init__(self, model: bytes) -> None:
        try:
            self.title = f"qonnx {version(PACKAGE)}"
        except PackageNotFoundError:
            raise ToolMissing(PACKAGE, "pip install 'hwkit[fpga]'") from None
        import onnx
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.transformation.infer_shapes import InferShapes

        proto = onnx.ModelProto()
        proto.ParseFromString(model)
        for value in (*proto.graph.input, *proto.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        self._model: Any = ModelWrapper(proto).transform(InferShapes())
        self._outputs = [value.name for value in proto.graph.output]

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Every output for one sample of each input."""
        from qonnx.core.onnx_exec import execute_onnx

        try:
            found = execute_onnx(self._model, dict(feeds))
        except Exception as error:  # Whatever its nodes raise.
            line = str(error).strip().splitlines()
            raise DeviceError(f"qonnx: {line[0] if line else type(error).__name__}") from error
        return [found[name] for name in self._outputs]
