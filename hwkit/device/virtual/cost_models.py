"""The cycle models of the virtual boards: what each is called and what is known of its error."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.boards import McuBoard, is_riscv
from hwkit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CostModel:
    """``number`` indexes ``hwk_cost_models`` of ``native/cost.h``; ``version`` changes with the
    model, "" for one that counts instructions only; ``error`` says how far it is from hardware, or
    why there are no cycles."""

    number: int
    version: str
    error: str


_NO_CYCLES = "cycles are not modelled for this core: instructions only"
_RV32 = CostModel(3, "", _NO_CYCLES)
_MODELS = {
    "": CostModel(0, "", _NO_CYCLES),
    "cortex-m4": CostModel(
        1,
        "cortex-m4 1",
        "3 to 16 % below published readings; no flash wait states, no fetch stalls",
    ),
    "cortex-m0plus": CostModel(
        2,
        "cortex-m0plus 1",
        "the core's own table with the single-cycle multiplier, not compared with hardware; no "
        "flash wait states",
    ),
}


def cost_model(board: McuBoard) -> CostModel:
    """The model that the board's file names; ``ConfigError`` for an unknown one."""
    if board.cost_model not in _MODELS or (board.cost_model and is_riscv(board)):
        known = ", ".join(repr(name) for name in _MODELS)
        raise ConfigError(f"cost model {board.cost_model!r}: known are {known}")
    return _RV32 if is_riscv(board) else _MODELS[board.cost_model]
