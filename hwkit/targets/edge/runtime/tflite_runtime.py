"""The last release of TensorFlow Lite's own runtime, in an environment of its own: numpy 1."""

from __future__ import annotations

from . import Arithmetic, Model, Products, Runtime
from ._interpreter import InterpretedModel


def _open(model: bytes, threads: int, outputs: int) -> Model:
    from tflite_runtime import interpreter

    return InterpretedModel(interpreter, model, threads)


RUNTIME = Runtime(
    title="tflite-runtime",
    package="tflite-runtime",
    open=_open,
    arithmetic=Arithmetic(Products.RUY, float_softmax=True, native_rescales=False),
    environment="tflite-runtime",
)
