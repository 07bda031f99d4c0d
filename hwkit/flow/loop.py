"""allocate: measured costs and sensitivities of a training run to a bit plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit import boards, targets
from hwkit.allocate import solve
from hwkit.allocate.budget import Budget, parse
from hwkit.allocate.cost import CostRow, CostTable, HasCosts, Sensitivity, SensitivityRow
from hwkit.allocate.plan import BitPlan
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, write_json
from hwkit.flow.models import load
from hwkit.record import to_json

WIDTHS = (8, 4)
"""Weight widths that the kernels store: 8 bits, and 4 packed two to a byte."""


def allocate(run: Path, board: str, budget: str, out: Path) -> BitPlan:
    """The plan of least sensitivity within ``budget`` for the training run in ``run``.

    Measures the cost table on ``board`` (kept as ``run/cost-<board>.json`` for the report), reads
    ``run/sensitivity.json`` and writes the plan to ``out``. Raises ``BudgetInfeasible`` naming
    the limit that fails and the best reachable; then nothing is written to ``out``.
    """
    limits = parse(budget)
    sensitivity = read_sensitivity(_inside(run, "sensitivity.json"))
    plan = solve.allocate(cost_table(run, board), sensitivity, limits)
    plan.save(out)
    return plan


def cost_table(run: Path, board: str) -> CostTable:
    """The cost table of the run's network, kept in the run: measured on a microcontroller board,
    LUTs estimated on an FPGA board.

    Raises ``ConfigError`` for another board: an edge runtime stores every width in 8 bits, and C
    simulation has no cost.
    """
    description = boards.load(board)
    target = targets.get(description)
    if not isinstance(target, HasCosts):
        raise ConfigError(
            f"board {board}: weight widths change no cost that is known there; allocate on a "
            "microcontroller board such as virtual_m4, or on an FPGA board such as ulx3s_85f"
        )
    graph = load(_inside(run, "model.hwk"))
    table = target.costs(graph, description, WIDTHS)
    write_json(run / f"cost-{board}.json", to_json(table))
    return table


def extremes(
    table: CostTable, sensitivity: Sensitivity
) -> tuple[dict[str, float], dict[str, float]]:
    """What the table promises with every layer at its widest, and the least flash among plans of
    one width for all layers and the plan of each layer's own least."""
    rows: dict[str, list[CostRow]] = {}
    for row in table.rows:
        rows.setdefault(row.layer, []).append(row)
    plans = [
        {layer: min(of, key=lambda r: abs(r.bits - width)).bits for layer, of in rows.items()}
        for width in sorted({row.bits for row in table.rows}, reverse=True)
    ]
    plans.append({name: min(of, key=lambda r: r.weight_bytes).bits for name, of in rows.items()})
    promised = [solve.predict(table, sensitivity, plan) for plan in plans]
    return promised[0], min(promised, key=lambda promise: promise["flash_bytes"])


def tightened(aimed: Budget, asked: Budget, flash_bytes: int | None, us: float | None) -> Budget:
    """``aimed`` less what the measurement is above ``asked``: prediction errors repeat.

    Example: asked for 24,000 B and measured 24,100, the next aim is 100 B lower.
    """
    flash, latency = aimed.flash_bytes, aimed.latency_us
    if flash is not None and flash_bytes is not None and asked.flash_bytes is not None:
        flash -= max(0, flash_bytes - asked.flash_bytes)
    if latency is not None and us is not None and asked.latency_us is not None:
        latency -= max(0.0, us - asked.latency_us)
    return replace(aimed, flash_bytes=flash, latency_us=latency)


def read_sensitivity(path: Path) -> Sensitivity:
    """``sensitivity.json`` of a training run; ``FormatError`` names what is wrong in it."""
    value: Any = read_json(path)
    try:
        rows = tuple(
            SensitivityRow(str(layer), int(bits), float(harm))
            for layer, widths in value["layers"].items()
            for bits, harm in widths.items()
        )
        return Sensitivity(rows, str(value["method"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path}: not a sensitivity table ({error}); train again") from error


def _inside(run: Path, name: str) -> Path:
    if not (run / name).is_file():
        raise ConfigError(f"{run}: holds no {name}; give a folder made by 'hwkit train -o'")
    return run / name
