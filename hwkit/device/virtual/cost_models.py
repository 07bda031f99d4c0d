"""The cycle models: what each is called and what is known of its error.

docs/adr/0020-cycle-models.md says where each is from and what it was held against.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.boards import McuBoard, is_riscv
from hwkit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CostModel:
    """``name`` is that of ``native/cost_models.c``; ``version`` changes with the model, "" for one
    that counts instructions only; ``error`` says how far it is from hardware, or why there are no
    cycles. ``decides`` whether kernels are chosen by it: those of a core whose figures are neither
    its maker's nor measured are chosen by instructions, which are exact."""

    name: str
    version: str
    error: str
    decides: bool = True


_NO_CYCLES = "cycles are not modelled for this core: instructions only"
_ZERO_WAIT = "no flash wait states"
_MODELS = {
    "cortex-m4": CostModel(
        "cortex-m4",
        "cortex-m4 1",
        "3 to 16 % below published readings; no flash wait states, no fetch stalls",
    ),
    "cortex-m0plus": CostModel(
        "cortex-m0plus",
        "cortex-m0plus 1",
        "the core's own table with the single-cycle multiplier, not compared with hardware; "
        f"{_ZERO_WAIT}",
    ),
    "cortex-m7": CostModel(
        "cortex-m7",
        "cortex-m7 1",
        "rules timed on an STM32H743; CoreMark 24 % too fast beside the M4's; no network compared "
        "with hardware; no cache misses",
    ),
    "cortex-m33": CostModel(
        "cortex-m33",
        "cortex-m33 1",
        "rules timed on an RP2350; CoreMark 17 % too fast beside the M4's; no network compared "
        f"with hardware; {_ZERO_WAIT}",
    ),
    "cortex-m55": CostModel(
        "cortex-m55",
        "cortex-m55 1",
        "Arm's model for LLVM; CoreMark 40 % too fast beside the M4's; no vector code compared "
        f"with hardware; {_ZERO_WAIT}",
        decides=False,
    ),
    "e31": CostModel(
        "e31",
        "e31 1",
        "the FE310-G000 manual's latencies; CoreMark 8 % below its maker's, by another compiler; "
        f"no network compared with hardware; {_ZERO_WAIT}",
    ),
    "hazard3": CostModel(
        "hazard3",
        "hazard3 1",
        "the RP2350 datasheet's table and its example; no network compared with hardware; "
        f"{_ZERO_WAIT}",
    ),
}
_RISCV = ("e31", "hazard3")


def cost_model(board: McuBoard) -> CostModel:
    """The model that the board's file names; ``ConfigError`` for an unknown one, and for one of
    another instruction set."""
    if not board.cost_model:
        return CostModel("rv32" if is_riscv(board) else "", "", _NO_CYCLES)
    fitting = [name for name in _MODELS if (name in _RISCV) == is_riscv(board)]
    if board.cost_model not in fitting:
        known = ", ".join(repr(name) for name in ("", *fitting))
        raise ConfigError(f"cost model {board.cost_model!r}: known for this core are {known}")
    return _MODELS[board.cost_model]
