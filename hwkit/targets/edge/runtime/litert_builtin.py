"""LiteRT without XNNPACK: its own optimized kernels, as they are on x86-64."""

from __future__ import annotations

from . import Arithmetic, Model, Products, Runtime
from ._interpreter import InterpretedModel


def _open(model: bytes, threads: int, outputs: int) -> Model:
    from ai_edge_litert import interpreter

    return InterpretedModel(interpreter, model, threads, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")


RUNTIME = Runtime(
    title="LiteRT without XNNPACK",
    package="ai-edge-litert",
    open=_open,
    arithmetic=Arithmetic(Products.RUY_EIGHTS, float_softmax=True, native_rescales=False),
)
