"""What decides the time of each layer of a firmware.

A kernel's time follows from its shape, from how it was compiled and from the form of its rescale:
which arithmetic that takes depends on the sizes of shifts, never on the multipliers themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwkit.device.virtual.cost_models import cost_model
from hwkit.ir.layer_kind import layer_kind
from hwkit.record import to_json
from hwkit.target import CostKey, Lowered
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.choice.remembered import compiler, described, sources
from hwkit.targets.mcu.lower import McuPlan, section

_SHIFTS = (31, 32, 33, 54)
"""From which on kernels take another arithmetic (``hwk_rescale_high.h``, ``..._quad.h``)."""
_VALUES = ("multiplier", "zero_point", "low", "high", "offset_step", "difference_min")
_SIZED = ("lowest_shift", "highest_shift", "shift", "left_shift")


def cost_keys(lowered: Lowered[McuPlan]) -> dict[str, CostKey]:
    """Of the layers that kernels compute as a whole, in the build that ``lowered`` becomes; one
    that is computed in parts has none, for these overlap with its neighbours'."""
    mcu, plan = section(lowered.board), lowered.plan
    build: dict[str, Any] = {
        **compiler(mcu),
        "board": lowered.board.name,
        "emulator": mcu.emulator,
        "kernels": list(mcu.kernels),
        "cycles": cost_model(mcu).version,
        "sources": sources(mcu.kernels),
        "clock_hz": mcu.clock_hz,
    }
    where = {of.tensor: of.region for of in plan.memory.placements}
    found = {}
    for layer, pick in zip(plan.layers, plan.picks, strict=True):
        if layer.tiled is not None:
            continue
        kind = layer_kind(lowered.graph, layer.op)
        kind["kernel"] = [to_json(pick), [_called(call) for call in layer.calls]]
        kind["regions"] = [
            where.get(name, "") for call in layer.calls for name in (*call.inputs, layer.op.output)
        ]
        found[layer.op.name] = CostKey(kind, build)
    return found


def _called(call: Call) -> list[Any]:
    return [call.kernel, call.shared, call.weight_bits, call.input_bits, list(_forms(call))]


def _forms(call: Call) -> Iterator[list[object]]:
    """The descriptor without numbers of the network."""
    for name, *value in described(call):
        last = str(name).rpartition(".")[2]
        if last in _VALUES:
            continue
        if last in _SIZED and str(value[0]).lstrip("-").isdecimal():
            yield [name, sum(int(str(value[0])) >= step for step in _SHIFTS)]
        elif last == "input_bits":
            yield [name, int(str(value[0])) < 32]
        else:
            yield [name, *value]
