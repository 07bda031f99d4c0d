"""A model in ONNX Runtime: names and arrays in, names and arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hwkit.errors import DeviceError, FormatError, ToolMissing
from hwkit.ir.types import Array

PACKAGE = "onnxruntime"
_FATAL_ONLY = 4
"""What goes wrong is raised; a log of it would be a second message."""


def package_version() -> str:
    """Of ONNX Runtime; ``ToolMissing`` when it is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        raise ToolMissing(PACKAGE, "pip install 'hwkit[edge]'") from None


class Running:
    """``model``, the bytes of an ONNX file, ready to run on ``threads``.

    ``DeviceError`` when the runtime refuses it.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        package_version()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = _FATAL_ONLY
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # The runtime has a class for each of its codes.
            raise DeviceError(f"ONNX Runtime refuses the model: {_line(error)}") from error
        self.inputs = tuple(entry.name for entry in self._session.get_inputs())
        self.outputs = tuple(entry.name for entry in self._session.get_outputs())

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Every output, for ``feeds`` by name in the file's layout, batch first."""
        try:
            found: list[Array] = self._session.run(list(self.outputs), dict(feeds))
        except Exception as error:
            raise DeviceError(f"ONNX Runtime: {_line(error)}") from error
        return found


def with_outputs(model: bytes, names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The same model with those of ``names`` that a node of it gives as its only outputs, and
    these names. ``FormatError`` for what is no model."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no types

    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(model)
    except DecodeError as error:
        raise FormatError("an .onnx that cannot be read; deploy it again") from error
    given = {name for node in proto.graph.node for name in node.output}
    found = [name for name in names if name in given]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in found)
    serialized: bytes = proto.SerializeToString(deterministic=True)
    return serialized, found


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{text[0]:.200}" if text else type(error).__name__
