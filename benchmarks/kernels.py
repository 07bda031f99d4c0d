"""What kernels cost on every virtual core: instructions (exact), and cycles where modelled.

python -m benchmarks.kernels
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.cases import ELEMENTWISE, MATRIX, Case
from benchmarks.csvfile import write
from benchmarks.virtual import BOARD, CORES, Counted, count_by_rule
from hwkit.ir.counts import macs
from hwkit.ir.ops import Rounding

Row = dict[str, Any]


def matrix_row(case: Case, weight_bits: int, rounding: Rounding, board: str = BOARD) -> Row:
    """One layer with weights, per multiply-accumulate."""
    graph = case.graph(weight_bits, rounding)
    total = sum(macs(graph, op) for op in graph.nodes)
    what = {"weight_bits": weight_bits, "rounding": rounding.value, "macs": total}
    return _row(case, count_by_rule(graph, board), what, total, "mac")


def elementwise_row(case: Case, board: str = BOARD) -> Row:
    """One layer without weights, per integer of its output."""
    graph = case.graph()
    outputs = graph.tensors[graph.outputs[0]].elements
    return _row(case, count_by_rule(graph, board), {"outputs": outputs}, outputs, "output")


def _row(case: Case, counted: Counted, what: Mapping[str, Any], total: int, unit: str) -> Row:
    cycles = None if counted.layer_cycles is None else counted.layer_cycles[-1]
    instructions = counted.layer_instructions[-1]
    return {
        "layer": case.name,
        "input": "x".join(map(str, case.shape)),
        **what,
        "kernel": " ".join(counted.kernels),
        "instructions": instructions,
        "cycles": "" if cycles is None else cycles,
        f"instructions_per_{unit}": f"{instructions / total:.3f}",
        f"cycles_per_{unit}": "" if cycles is None else f"{cycles / total:.3f}",
        **counted.context,
    }


def by_core(rows: Sequence[Mapping[str, Any]], unit: str) -> list[Row]:
    """A row for each layer, a column of instructions per ``unit`` for each core, and one of cycles
    where there are any.

    Example: rows of one layer on virtual_m4 and virtual_rv32 become one with columns ``m4``,
    ``rv32`` and ``m4_cycles``.
    """
    modelled = {row["board"] for row in rows if row["cycles"] != ""}
    layers: dict[tuple[Any, ...], Row] = {}
    names = ("layer", "input", *(n for n in ("weight_bits", "rounding") if n in rows[0]))
    for suffix, column in (("", f"instructions_per_{unit}"), ("_cycles", f"cycles_per_{unit}")):
        for row in rows:
            if not suffix or row["board"] in modelled:
                key = tuple(row[name] for name in names)
                layer = layers.setdefault(key, dict(zip(names, key, strict=True)))
                layer[row["board"].removeprefix("virtual_") + suffix] = row[column]
    return [{**layer, "evidence": rows[0]["evidence"]} for layer in layers.values()]


def main() -> None:
    """Writes results/kernels.csv and kernels_elementwise.csv, and of each the same by core."""
    matrix = [(case, *variant) for case in MATRIX for variant in case.variants]
    with_weights = [_shown(matrix_row, *layer, board) for layer in matrix for board in CORES]
    without = [_shown(elementwise_row, case, board) for case in ELEMENTWISE for board in CORES]
    write("kernels", with_weights)
    write("kernels_by_core", by_core(with_weights, "mac"))
    write("kernels_elementwise", without)
    write("kernels_elementwise_by_core", by_core(without, "output"))


def _shown(measure: Callable[..., Row], *layer: Any) -> Row:
    row = measure(*layer)
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
