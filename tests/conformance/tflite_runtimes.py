"""A .tflite file in its own runtimes, in a child process: a runtime that aborts takes only the
child with it.

``python -m tests.conformance.tflite_runtimes`` is that child.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from hwkit.ir.types import Array

TFLM, LITERT = "tflm", "litert"
_ROOT = Path(__file__).parents[2]


class Runtimes:
    """The child, started when it is first needed and again after it died."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Runtimes:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def run(
        self, runtime: str, model: bytes, feeds: Mapping[str, Array], outputs: int
    ) -> list[Array] | str:
        """The outputs for every sample, or why there are none: in one line."""
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            _send(self._child.stdin, (runtime, model, list(feeds.values()), outputs))
            answer = _receive(self._child.stdout)
        except (BrokenPipeError, EOFError):
            return f"{runtime} died with {self._child.wait()}"
        assert isinstance(answer, str | list)
        return answer


def _send(stream: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> object:
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(stream.read(struct.unpack("<Q", head)[0]))


def _tflm(model: bytes, feeds: Sequence[Array], outputs: int) -> list[Array]:
    from tflite_micro.python.tflite_micro.runtime import Interpreter

    interpreter = Interpreter.from_bytes(model, arena_size=4 << 20)
    rows = []
    for k in range(len(feeds[0])):
        for place, x in enumerate(feeds):
            interpreter.set_input(np.ascontiguousarray(x[k : k + 1]), place)
        interpreter.invoke()
        rows.append([np.array(interpreter.get_output(k)) for k in range(outputs)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _litert(model: bytes, feeds: Sequence[Array], _: int) -> list[Array]:
    """LiteRT with its reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    places = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    rows = []
    for k in range(len(feeds[0])):
        for place, x in zip(places, feeds, strict=True):
            interpreter.set_tensor(place, x[k : k + 1])
        interpreter.invoke()
        rows.append([interpreter.get_tensor(index) for index in outputs])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a runtime prints is no answer.
    while True:
        try:
            request = _receive(sys.stdin.buffer)
        except EOFError:
            return
        assert isinstance(request, tuple)
        runtime, model, feeds, outputs = request
        try:
            result: object = {TFLM: _tflm, LITERT: _litert}[runtime](model, feeds, outputs)
        except (RuntimeError, ValueError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            result = f"{runtime} refuses: {lines[0]}"
        _send(answers, result)


if __name__ == "__main__":
    _serve()
