"""How far predictions from the cost table are from what is measured: ``python -m
benchmarks.predictions model.tflite ...  model.hwk``, the latter also as a circuit.

``weights moved``: a network is profiled, and another of the same shapes, each weight moved by up to
two steps as training would, is predicted from what is known and then measured; ``nearest`` layers
got another kernel by that, or lost channels, and took the nearest shape's time. ``mixed widths``:
every second layer with weights at 4 bits, predicted from builds of all layers at 8 and all at 4.
``first``: a network on a host, predicted from its layers, each measured alone. ``circuit``: the
timing model of a design, beside its simulation in Verilator. The bar is 3 % for what is simulated
and 10 % on the host.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from hwkit import boards, targets
from hwkit.allocate.cost import Sensitivity
from hwkit.allocate.solve import predict
from hwkit.flow.models import load
from hwkit.flow.profiling import profile
from hwkit.ir.graph import Graph
from hwkit.ir.traits import Weighted
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.profile.book import CostBook, HasCosts
from hwkit.profile.measurement import Measurement

VIRTUAL = ("virtual_m4", "virtual_rv32")
HOSTS = ("host_litert", "host_litert_builtin")


def moved(graph: Graph) -> Graph:
    """The same with each weight up to two steps away."""
    rng = np.random.default_rng(1)
    constants = dict(graph.constants)
    for op in graph.nodes:
        if isinstance(op, Weighted):
            before, dtype = constants[op.weight], graph.tensors[op.weight].dtype
            after = before.astype(np.int64) + rng.integers(-2, 3, before.shape)
            # One that is no work stays so: kernels leave out channels of zeros.
            kept = np.where(before == 0, 0, np.clip(after, -dtype.high, dtype.high))
            constants[op.weight] = kept.astype(before.dtype)
    return replace(graph, name=f"{graph.name}2", constants=constants)


def every_second(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """Every second layer with weights at 4 bits, the others at 8; and the plan."""
    plan = {name: 4 if k % 2 else 8 for k, name in enumerate(weighted_layers(graph))}
    wide, narrow = with_weight_bits(graph, 8), with_weight_bits(graph, 4)
    nodes, tensors, constants = [], dict(wide.tensors), dict(wide.constants)
    for one, other in zip(wide.nodes, narrow.nodes, strict=True):
        if plan.get(one.name, 8) == 8:
            nodes.append(one)
            continue
        assert isinstance(other, Weighted)
        for name in filter(None, (other.weight, other.bias)):
            tensors[name], constants[name] = narrow.tensors[name], narrow.constants[name]
        nodes.append(other)
    return wide.with_nodes(tuple(nodes), tensors, constants), plan


def rows_of(graph: Graph, board: str, folder: Path) -> list[dict[str, Any]]:
    """What there is to predict of a network on a board."""
    book = CostBook(folder / f"{graph.name}-{board}.sqlite")
    repeats = 1 if board in VIRTUAL else 100
    first = profile(graph, board, repeats=repeats, store=book.place)
    rows = [_row("first", first)] if board in HOSTS else []
    again = profile(moved(graph), board, nearest=True, repeats=repeats, store=book.place)
    rows.append(_row("weights moved", again))
    if board in VIRTUAL:
        description = boards.load(board)
        target = targets.get(description)
        assert isinstance(target, HasCosts)
        table = target.costs(graph, description, (8, 4), (), book)
        mixed, plan = every_second(graph)
        taken = profile(mixed, board, repeats=1, store=book.place)
        promised = predict(table, Sensitivity(()), plan)["latency_cycles"]
        rows.append(_row("mixed widths", taken, promised))
    return rows


def _row(what: str, taken: Measurement, promised: float | None = None) -> dict[str, Any]:
    whole = taken.whole or taken.total
    figure = "us" if whole.cycles is None else "cycles"
    got = getattr(whole, figure)
    near: int | str = ""
    if promised is None:
        assert taken.prediction is not None
        promised, near = taken.prediction.value, taken.prediction.nearest
    assert promised is not None
    return {
        "network": taken.model.removesuffix("2"),
        "board": taken.board,
        "what": what,
        "unit": figure,
        "predicted": f"{promised:.1f}" if figure == "us" else f"{promised:.0f}",
        "measured": f"{got:.1f}" if figure == "us" else f"{got:.0f}",
        "nearest": near,
        "error": f"{100 * (promised / got - 1):+.2f} %",
        "evidence": taken.evidence,
    }


def main(files: list[str]) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            graph = load(Path(file))
            for board in (*VIRTUAL, *HOSTS):
                rows += rows_of(graph, board, Path(folder))
                print(*rows[-2:], sep="\n", flush=True)
            if file.endswith(".hwk"):
                store = Path(folder) / "circuits.sqlite"
                rows.append(_row("circuit", profile(graph, "rtl_sim", repeats=1, store=store)))
                print(rows[-1], flush=True)
    for name, evidence in (("predictions", "simulated"), ("predictions_host", "measured")):
        write(name, [row for row in rows if row["evidence"] == evidence])


if __name__ == "__main__":
    main(sys.argv[1:])
