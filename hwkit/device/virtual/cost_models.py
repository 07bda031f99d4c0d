"""The cycle models of the virtual boards: what each is called and what is known of its error."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.boards import McuBoard
from hwkit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CostModel:
    """``number`` indexes ``hwk_cost_models`` of ``native/cost.h``; ``version`` changes with the
    model; ``error`` says how far it is from hardware, or why there are no cycles."""

    number: int
    version: str
    error: str


_MODELS = {
    "": CostModel(0, "", "cycles are not modelled for this core: instructions only"),
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
    if board.cost_model not in _MODELS:
        known = ", ".join(repr(name) for name in _MODELS)
        raise ConfigError(f"cost model {board.cost_model!r}: known are {known}")
    return _MODELS[board.cost_model]
