"""TensorFlow Lite for Microcontrollers, reference kernels."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from . import Arithmetic, Array, Model, Products, Refused, Runtime, Sixteen

_ARENA_BYTES = 64 << 20
"""What the interpreter may take; how much it does take is its own report."""
_ARENA = re.compile(rb"Arena allocation total (\d+) bytes")


class _Tflm:
    def __init__(self, model: bytes, outputs: int) -> None:
        from tflite_micro.python.tflite_micro.runtime import Interpreter

        self._interpreter = Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
        self._count = outputs

    def feed(self, samples: Sequence[Array]) -> None:
        for place, sample in enumerate(samples):
            shape = self._interpreter.get_input_details(place)["shape"]
            self._interpreter.set_input(sample.reshape(shape), place)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[Array]:
        return [np.array(self._interpreter.get_output(k)) for k in range(self._count)]

    def facts(self) -> dict[str, Any]:
        """Bytes of arena that the model takes, as the interpreter reports them."""
        with _caught_stderr() as caught:
            self._interpreter.print_allocations()
            caught.seek(0)
            match = _ARENA.search(caught.read())
        if match is None:
            raise Refused("TFLM did not report its arena; install the pinned tflite-micro")
        return {"arena_bytes": int(match.group(1))}


@contextmanager
def _caught_stderr() -> Iterator[IO[bytes]]:
    """Catches what native code prints on standard error in a file."""
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        try:
            os.dup2(caught.fileno(), 2)
            yield caught
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _open(model: bytes, threads: int, outputs: int) -> Model:
    return _Tflm(model, outputs)  # It has one thread.


RUNTIME = Runtime(
    title="TFLM",
    package="tflite-micro",
    open=_open,
    arithmetic=Arithmetic(
        Products.DOUBLE, float_softmax=False, native_rescales=True, sixteen=Sixteen.TFLM
    ),
    times_layers=False,
    packages=("tflm",),
)
