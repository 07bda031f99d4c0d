"""LiteRT with its reference kernels, which define what a file means that TFLM refuses."""

from __future__ import annotations

from . import Model, Runtime
from ._interpreter import InterpretedModel


def _open(model: bytes, threads: int, outputs: int) -> Model:
    from ai_edge_litert import interpreter

    return InterpretedModel(interpreter, model, threads, "BUILTIN_REF")


RUNTIME = Runtime("LiteRT (reference kernels)", "ai-edge-litert", _open)
