"""What processor time the allocation of widths takes, and whether it is proven: ``python -m
benchmarks.allocation [SEED ...]``.

Made-up networks: each layer reads the map of the one before, every third map is read twice; each
layer has weights of 6 widths on maps of 6 widths, with costs that are not monotone in bits and
sensitivities over three decades. Limits of latency, flash and SRAM (a peak over the moments of the
schedule) lie a share of the way from the least of each to that of 8 bits.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.csvfile import write
from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import (
    CostRow,
    CostTable,
    FixedCost,
    MapRow,
    Moment,
    Sensitivity,
    SensitivityRow,
)
from hwkit.allocate.problem import problem
from hwkit.allocate.solve import allocate, predict

WIDTHS = (2, 3, 4, 5, 6, 8)


def network(layers: int, seed: int) -> tuple[CostTable, Sensitivity]:
    """A cost table of ``layers`` x 6 x 6 rows and the sensitivities."""
    random = np.random.default_rng(seed)
    rows, harm, maps, harm_of_maps, moments = [], [], [], [], []
    reads = {f"l{i}": f"m{i - 1 if i % 3 == 2 else i}" for i in range(layers)}
    for i in range(layers):
        weights, cycles = int(random.integers(500, 40_000)), int(random.integers(10_000, 900_000))
        scale = float(10 ** random.uniform(-3, 0))
        for w in WIDTHS:
            for a in WIDTHS:
                time_of = cycles * (0.7 + 0.3 * max(w, a) / 8) * random.uniform(0.9, 1.2)
                scratch = int(random.integers(100, 900))
                row = CostRow(f"l{i}", w, weights * w // 8, int(time_of), sram_bytes=scratch)
                rows.append(replace(row, evidence="simulated", activation_bits=a))
            harm.append(SensitivityRow(f"l{i}", w, 0.0 if w == 8 else scale * 4.0 ** (8 - w)))
    for name in dict.fromkeys(reads.values()):
        size, scale = int(random.integers(1_000, 30_000)), float(10 ** random.uniform(-3, 0))
        for b in WIDTHS:
            maps.append(MapRow(name, b, sram_bytes=size * b // 8))
            value = 0.0 if b == 8 else scale * 4.0 ** (8 - b)
            harm_of_maps.append(SensitivityRow(name, b, value))
    alive = list(dict.fromkeys(reads.values()))
    for i in range(layers):
        at = alive.index(reads[f"l{i}"])
        moments.append(Moment(tuple(alive[at : at + 2]), f"l{i}"))
    table = CostTable("made up", tuple(rows), FixedCost(8_000, 5_000, 0.0, 2_000),
                      maps=tuple(maps), reads=reads, moments=tuple(moments))  # fmt: skip
    return table, Sensitivity(tuple(harm), "made up", tuple(harm_of_maps))


def budget_of(table: CostTable, harm: Sensitivity, share: float) -> Budget:
    """Limits ``share`` of the way from the least of each resource to what 8 bits take."""
    program = problem((table,), harm, (Budget(),)).program
    layers = dict.fromkeys(row.layer for row in table.rows)
    wide = predict(table, harm, dict.fromkeys(layers, 8), dict.fromkeys(table.reads.values(), 8))
    found = {}
    for resource, key in zip(program.resources, ("latency_cycles", "flash_bytes", "sram_bytes"),
                             strict=True):  # fmt: skip
        least = program.bound(resource)
        found[key] = int(least + (wide[key] - least) * share)
    return Budget(**found)


def main(seeds: list[int]) -> None:
    rows = []
    for layers in (20, 50, 100, 200):
        for share in (0.25, 0.5, 0.75):
            for seed in seeds:
                table, harm = network(layers, seed)
                budget = budget_of(table, harm, share)
                start = time.process_time()
                plan = allocate(table, harm, budget)
                seconds = time.process_time() - start
                slack = min(limit - plan.predicted[k] for k, limit in budget.limits().items())
                rows.append({
                    "layers": layers, "choices": "6 x 6", "budgets": len(budget.limits()),
                    "share": share, "seed": seed, "cpu seconds": round(seconds, 2),
                    "proven": plan.proven, "within": slack >= 0,
                    "sensitivity": f"{plan.predicted['sensitivity']:.6g}",
                    "evidence": "measured",
                })  # fmt: skip
                print(rows[-1], flush=True)
    write("allocation", rows)


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [0, 1, 2])
