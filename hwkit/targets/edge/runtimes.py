"""The two runtimes: bytes of a .tflite and int8 arrays in, the runtime's integers out.

Both run one sample at a time, on one thread, as a device does.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from hwkit.errors import DeviceError, ToolMissing
from hwkit.ir.types import Array

_PACKAGES = {"litert": "ai-edge-litert", "tflm": "tflite-micro"}
_TFLM_ARENA_BYTES = 64 << 20
"""What the interpreter may take; how much it does take is its own report."""


def package_version(runtime: str) -> str:
    """Version of the runtime's package; ``ToolMissing`` when it is not installed."""
    package = _PACKAGES[runtime]
    try:
        return version(package)
    except PackageNotFoundError:
        raise ToolMissing(package, "pip install 'hwkit[edge]'") from None


class LiteRt:
    """LiteRT with its default XNNPACK delegate."""

    def __init__(self, model: bytes, threads: int) -> None:
        package_version("litert")
        from ai_edge_litert.interpreter import Interpreter

        self._model = model  # The interpreter reads it in place.
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"LiteRT refuses the model: {_line(error)}") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = self._interpreter.get_output_details()

    def load(self, sample: Array) -> None:
        """Sets the input: one sample with its batch axis of 1."""
        try:
            self._interpreter.set_tensor(self._input, sample)
        except ValueError as error:
            raise DeviceError(f"LiteRT refuses the input: {_line(error)}") from error

    def invoke(self) -> None:
        """Runs the model once."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"LiteRT failed: {_line(error)}") from error

    def outputs(self) -> list[Array]:
        """Copies of all outputs, in the order of the file, each with its batch axis of 1."""
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]

    def delegated(self) -> bool:
        """Whether XNNPACK took (some of) the model."""
        details: list[dict[str, Any]] = self._interpreter._get_ops_details()
        return any(detail["op_name"] == "DELEGATE" for detail in details)


class Tflm:
    """TensorFlow Lite for Microcontrollers, reference kernels."""

    def __init__(self, model: bytes, outputs: int) -> None:
        package_version("tflm")
        from tflite_micro.python.tflite_micro.runtime import Interpreter

        try:
            self._interpreter = Interpreter.from_bytes(model, arena_size=_TFLM_ARENA_BYTES)
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"TFLM refuses the model: {_line(error)}") from error
        self._count = outputs

    def load(self, sample: Array) -> None:
        """Sets the input: one sample with its batch axis of 1."""
        try:
            self._interpreter.set_input(sample, 0)
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"TFLM refuses the input: {_line(error)}") from error

    def invoke(self) -> None:
        """Runs the model once."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"TFLM failed: {_line(error)}") from error

    def outputs(self) -> list[Array]:
        """Copies of all outputs, in the order of the file, each with its batch axis of 1."""
        return [np.array(self._interpreter.get_output(k)) for k in range(self._count)]

    def print_allocations(self) -> None:
        """Lets TFLM print what it took of its arena, on standard error."""
        self._interpreter.print_allocations()


Session = LiteRt | Tflm


def session(runtime: str, model: bytes, outputs: int, threads: int) -> Session:
    """``model`` loaded into ``litert`` or ``tflm``; ``DeviceError`` when the runtime refuses it."""
    return LiteRt(model, threads) if runtime == "litert" else Tflm(model, outputs)


def run_all(loaded: Session, x: Array, outputs: int) -> list[Array]:
    """Outputs for every sample of ``x`` (batch first, at least one)."""
    rows: list[list[Array]] = []
    for k in range(len(x)):
        loaded.load(x[k : k + 1])
        loaded.invoke()
        rows.append(loaded.outputs())
    return [np.concatenate([row[k] for row in rows]) for k in range(outputs)]


def _line(error: Exception) -> str:
    """The first line of what a runtime said."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
