"""What deploy.json says of an artifact's kernels, and of how they were compiled."""

from __future__ import annotations

from typing import Any

from hwkit.boards import McuBoard
from hwkit.ir.graph import Graph
from hwkit.record import to_json
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choices import Choice, Figure
from hwkit.targets.mcu.kernels import implementations
from hwkit.targets.mcu.lower import McuPlan
from hwkit.toolchain import zig

_RULE = Choice("", "nothing was measured for this build", ())


def kernel_facts(graph: Graph, plan: McuPlan, mcu: McuBoard) -> dict[str, Any]:
    """``kernels``: what computes each layer and the figures of its alternatives;
    ``kernel_choice``: by which board these were counted, or why they were not; ``bought`` what
    each layer that makes the arena larger than by the rule saves for it, in cycles (instructions
    where the core has no model).

    Example: a layer's ``kernel`` is ``dsp/conv2d_s8``, its ``copy`` ``own`` or ``shared``,
    ``compiled_for`` ``speed`` or ``size``.
    """
    choice = plan.choice or _RULE
    folders = {
        k.symbol: f"{k.variant}/{k.name}" for of in implementations(mcu).values() for k in of
    }

    def named(pick: Pick) -> dict[str, str]:
        return {
            "kernel": folders.get(pick.kernel, ""),
            "copy": "shared" if pick.shared else "own",
            "compiled_for": "size" if pick.small else "speed",
        }

    def measured(figure: Figure) -> dict[str, Any]:
        counts = {key: value for key, value in to_json(figure).items() if key != "pick"}
        return {**named(figure.pick), **counts}

    figures = choice.figures or ((),) * len(plan.picks)
    return {
        "kernels": [
            {
                "layer": op.name,
                "op": type(op).__name__,
                **named(pick),
                "alternatives": [measured(figure) for figure in of],
            }
            for op, pick, of in zip(graph.nodes, plan.picks, figures, strict=True)
        ],
        "kernel_choice": {
            "board": choice.board,
            "evidence": "simulated" if choice.board else None,
            "note": choice.note,
            "by_rule": to_json(choice.by_rule),
            "chosen": to_json(choice.chosen),
            "bought": [
                {
                    "layer": graph.nodes[growth.layer].name,
                    "arena_bytes": growth.arena_bytes,
                    "saved": growth.time,
                }
                for growth in choice.bought
            ],
        },
    }


def compiler_facts(mcu: McuBoard) -> dict[str, Any]:
    """``flags`` of the kernels and the model, ``optimize`` among them, and ``lto``: whether the
    image was optimised as a whole; ``optimized_for`` what its kernels were chosen for."""
    return {
        "flags": [*mcu.cpu_flags, zig.OPTIMIZE, *zig.COMPILE_FLAGS],
        "optimize": zig.OPTIMIZE,
        "optimized_for": mcu.optimize,
        "lto": any(flag.startswith("-flto") for flag in zig.COMPILE_FLAGS),
    }
