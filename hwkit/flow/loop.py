"""allocate: measured costs and sensitivities of a training run to a bit plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit import boards, targets
from hwkit.allocate import solve
from hwkit.allocate.budget import parse
from hwkit.allocate.cost import CostRow, CostTable, Sensitivity, SensitivityRow
from hwkit.allocate.plan import BitPlan
from hwkit.boards import Board
from hwkit.device.host import host
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, write_json
from hwkit.flow.models import load
from hwkit.flow.tuning.maps import inputs_of, sensitivity_of_maps
from hwkit.formats import stamped, unstamped
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.profile.book import CostBook, HasCosts
from hwkit.profile.store.database import Place
from hwkit.record import from_json, to_json
from hwkit.version import __version__

WIDTHS = (8, 4)
"""Weight widths that are on offer where none are asked for."""


def allocate(
    run: Path,
    board: str,
    budget: str,
    out: Path,
    widths: Sequence[int] = WIDTHS,
    maps: Sequence[int] = (),
) -> BitPlan:
    """The plan of least sensitivity within ``budget`` for the training run in ``run``, of weights
    in ``widths`` and feature maps in ``maps`` bits (none: as they are).

    Measures the cost table on ``board`` (kept as ``run/cost-<board>.json`` for the report), reads
    ``run/sensitivity.json`` and writes the plan to ``out``. Raises ``BudgetInfeasible`` naming
    the limit that fails and the best reachable; then nothing is written to ``out``.
    """
    limits = parse(budget)
    table, sensitivity = inputs(run, board, widths, maps)
    plan = solve.allocate(table, sensitivity, limits)
    plan.save(out)
    return plan


def front(
    run: Path,
    board: str,
    budget: str,
    resource: str,
    widths: Sequence[int] = WIDTHS,
    maps: Sequence[int] = (),
) -> tuple[BitPlan, ...]:
    """All plans within ``budget`` that no other beats in both sensitivity and ``resource``; see
    ``allocate.solve.front``."""
    return solve.front(*inputs(run, board, widths, maps), parse(budget), resource)


def inputs(
    run: Path, board: str, widths: Sequence[int], maps: Sequence[int]
) -> tuple[CostTable, Sensitivity]:
    """What widths cost on ``board`` and do to the network in ``run``."""
    sensitivity = read_sensitivity(_inside(run, "sensitivity.json"))
    table = cost_table(run, board, widths, maps)
    if table.maps:
        graph, x = load(_inside(run, "model.hwk")), inputs_of(run)
        of_maps = tuple(sensitivity_of_maps(graph, x, (8, *maps)))
        sensitivity = replace(sensitivity, maps=of_maps)
    return table, sensitivity


def cost_table(
    run: Path,
    board: str,
    widths: Sequence[int] = WIDTHS,
    maps: Sequence[int] = (),
    store: Place = None,
) -> CostTable:
    """The cost table of the run's network: measured on a microcontroller or in an edge runtime,
    LUTs estimated on an FPGA board. Kept in the run as ``cost-<board>.json``, and read from there
    as long as network, board, widths, tools and hwkit are the same; layers that any network had
    before come from ``store``.

    Raises ``ConfigError`` for a board without costs, as C simulation.
    """
    description = boards.load(board)
    target = targets.get(description)
    if not isinstance(target, HasCosts):
        raise ConfigError(
            f"board {board}: weight widths change no cost that is known there; allocate on a "
            "microcontroller board such as virtual_m4, on an FPGA board such as ulx3s_85f, or on "
            "host_litert"
        )
    graph = load(_inside(run, "model.hwk"))
    path = run / f"cost-{description.name}.json"
    key = _key(graph, description, target.tools(description), [list(widths), list(maps)])
    found = _kept(path, key)
    if found is None:
        found = target.costs(graph, description, widths, maps, CostBook(store))
        write_json(path, stamped("cost.json", {"key": key, "table": to_json(found)}))
    return found


def _key(graph: Graph, board: Board, tools: Mapping[str, str], widths: list[list[int]]) -> str:
    """SHA-256 over all that a cost table depends on."""
    parts = [serialize.digest(graph), to_json(board), dict(tools), widths, __version__]
    parts.append(machine(board))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def machine(board: Board) -> str:
    """Whose time a cost is: this machine's, where the board is a runtime on it, else ""."""
    return host() if board.edge is not None and board.edge.link is None else ""


def _kept(path: Path, key: str) -> CostTable | None:
    """The table that an earlier run left, if it is of this very network, board and toolchain."""
    if not path.is_file():
        return None
    try:
        kept = unstamped("cost.json", read_json(path), str(path))
        return from_json(CostTable, kept["table"], str(path)) if kept["key"] == key else None
    except (ConfigError, FormatError, LookupError, TypeError):
        return None  # damaged, or of another version: measured again


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
