"""The two runtimes: bytes of a .tflite and int8 arrays in, the runtime's integers out.

Both run one sample at a time, on one thread, as a device does.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import IO, Any

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.errors import DeviceError, ToolMissing
from hwkit.ir.types import Array

PACKAGES = {"litert": "ai-edge-litert", "tflm": "tflite-micro"}
"""The package that holds each runtime."""
_ARENA = re.compile(rb"Arena allocation total (\d+) bytes")
_TFLM_ARENA_BYTES = 64 << 20
"""What the interpreter may take; how much it does take is its own report."""


def package_version(runtime: str) -> str:
    """Version of the runtime's package; ``ToolMissing`` when it is not installed."""
    package = PACKAGES[runtime]
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
            with _native_stderr():  # LiteRT greets there every time.
                self._interpreter = Interpreter(model_content=model, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"LiteRT refuses the model: {_line(error)}") from error
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def load(self, *samples: Array) -> None:
        """Sets the inputs: one sample each with its batch axis of 1."""
        try:
            for index, sample in zip(self._inputs, samples, strict=True):
                self._interpreter.set_tensor(index, sample)
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
        return [self._interpreter.get_tensor(index) for index in self._outputs]

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

    def load(self, *samples: Array) -> None:
        """Sets the inputs: one sample each with its batch axis of 1."""
        try:
            for position, sample in enumerate(samples):
                self._interpreter.set_input(sample, position)
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

    def arena_bytes(self) -> int:
        """What TFLM takes of its arena, head and tail, as its recording allocator reports: with
        the bookkeeping of a 64-bit host, so a little more than on a device."""
        with _native_stderr() as caught:
            self._interpreter.print_allocations()
            caught.seek(0)
            match = _ARENA.search(caught.read())
        if match is None:
            raise DeviceError("TFLM did not report its arena; install the pinned tflite-micro")
        return int(match.group(1))


Session = LiteRt | Tflm


def session(board: EdgeBoard, model: bytes, outputs: int = 1) -> Session:
    """``model`` with ``outputs`` outputs, loaded into the board's runtime; ``DeviceError`` when
    the runtime refuses it."""
    if board.runtime == "litert":
        return LiteRt(model, board.threads)
    return Tflm(model, outputs)


def run_all(loaded: Session, x: Array) -> list[Array]:
    """Every output for every sample of ``x`` (batch first, at least one sample)."""
    rows: list[list[Array]] = []
    for k in range(len(x)):
        loaded.load(x[k : k + 1])
        loaded.invoke()
        rows.append(loaded.outputs())
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


@contextmanager
def _native_stderr() -> Iterator[IO[bytes]]:
    """Catches what native code prints on standard error in a file."""
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        try:
            os.dup2(caught.fileno(), 2)
            yield caught
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _line(error: Exception) -> str:
    """The first line of what a runtime said."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
