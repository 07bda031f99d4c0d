"""What a layer is to a device: its op, its shapes, its types and its form, without its integers.

Two layers of one kind take the same time wherever time does not depend on values: a network that
was trained again has the same kinds, and networks share them.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale, activations, constants
from hwkit.ir.types import TensorType

_VALUES = ("low", "high", "value")
"""Fields with numbers of the network: they are no work."""


def layer_kind(graph: Graph, op: Op) -> dict[str, Any]:
    """As plain JSON: ``op``, ``inputs``, ``constants`` and ``output`` as types, ``macs``, and what
    else says how the op goes about it. Of a rescale there is its rounding, and whether it is by
    channel; of a zero point whether it is there.

    Example: ``{"op": "Dense", "inputs": ["s8[64]"], "constants": ["s8[10,64]", "s32[10]"],
    "output": "s8[10]", "macs": 640, "input_zero_point": False, ...}``.
    """
    found: dict[str, Any] = {
        "op": type(op).__name__,
        "inputs": [_type(graph.tensors[name]) for name in activations(op)],
        "constants": [_type(graph.tensors[name]) for name in constants(op)],
        "output": _type(graph.tensors[op.output]),
        "macs": macs(graph, op),
    }
    for field in fields(op):
        value = getattr(op, field.name)
        if field.name not in _VALUES and not _is_name(value):
            found[field.name] = _form(field.name, value)
    return found


def _type(tensor: TensorType) -> str:
    """Example: ``s8[8,8,16]``."""
    return f"{tensor.dtype}[{','.join(map(str, tensor.shape))}]"


def _is_name(value: object) -> bool:
    """Of a tensor or of the op itself; an enumeration's word is none."""
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_name, value))
    return isinstance(value, str) and not isinstance(value, Enum)


def _form(name: str, value: Any) -> Any:
    if isinstance(value, Rescale):
        return {
            "rounding": str(value.rounding),
            "per_channel": len(value.multiplier) > 1,
            "offset": any(value.offset),
            "wraps": str(value.overflow),
        }
    if isinstance(value, tuple):
        return [_form(name, item) for item in value]
    if "zero_point" in name:
        return bool(value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return str(value) if isinstance(value, Enum) else value
