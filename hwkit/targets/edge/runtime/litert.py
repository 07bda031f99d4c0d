"""LiteRT with its default kernels: XNNPACK's where it has one."""

from __future__ import annotations

from . import Arithmetic, Model, Products, Runtime, Sixteen
from ._interpreter import InterpretedModel


def _open(model: bytes, threads: int, outputs: int) -> Model:
    from ai_edge_litert import interpreter

    return InterpretedModel(interpreter, model, threads)


RUNTIME = Runtime(
    title="LiteRT",
    package="ai-edge-litert",
    open=_open,
    arithmetic=Arithmetic(
        Products.XNNPACK, float_softmax=True, native_rescales=False, sixteen=Sixteen.LITERT
    ),
    fuses_pads=True,
)
