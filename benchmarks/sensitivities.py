"""Which sensitivity predicts best what a plan does: ``python -m benchmarks.sensitivities``.

Two networks, the recipes ``digits`` and ``mnist5k``, trained at 8 bits. Of each, 40 plans of widths
8, 4, 3 and 2 that no method has seen, drawn at random, each layer by itself and each plan with
other odds; each becomes an integer graph, without training, whose accuracy on the whole test set is
counted by the interpreter. ``spearman`` is the correlation of ranks between a method's harm and the
errors; ``regret`` the points of accuracy that are lost by choosing, among the plans of at most 3,
4 and 5 bits a weight, the one of least harm rather than the best: the mean of the three, and the
worst. ``cpu seconds`` is what a method takes for all layers and widths. ``bits`` for comparison:
the fewer bits a plan has, the worse.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.csvfile import write
from hwkit.flow.tuning.maps import accuracy
from hwkit.importers import load_model
from hwkit.train.data import load_dataset
from hwkit.train.freeze import export, input_integers
from hwkit.train.pipeline import load_quantized, train
from hwkit.train.recipe import read_recipe
from hwkit.train.sensitivity import METHODS, SAMPLES, Probe, probe_of

NETWORKS = ("digits", "mnist5k")
WIDTHS = (8, 4, 3, 2)
PLANS = 40
ROOMS = (3.0, 4.0, 5.0)
"""Bits a weight, on average over the network."""
LOOKS_AT = {
    "perturbation": "inputs",
    "masking": "nothing",
    "trace": "inputs and labels",
    "distilled": "batch norms",
    "pairs": "inputs",
    "entropy": "weights",
    "learned": "inputs",
    "bits": "widths",
}
"""What a method needs beside the network."""

Plan = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tried:
    """A plan, the share of the test set that its integers get right, and its bits a weight."""

    plan: Plan
    accuracy: float
    bits: float


def plans(layers: Sequence[str], seed: int) -> list[dict[str, int]]:
    """``PLANS`` of them, all different."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[int, ...], dict[str, int]] = {}
    while len(found) < PLANS:
        odds = rng.dirichlet(np.ones(len(WIDTHS)))
        drawn = tuple(int(b) for b in rng.choice(WIDTHS, len(layers), p=odds))
        found.setdefault(drawn, dict(zip(layers, drawn, strict=True)))
    return list(found.values())


def tried(probe: Probe, plan: Plan, folder: Path) -> Tried:
    """``plan`` as integers."""
    data = load_dataset(probe.recipe.dataset)
    network = load_quantized(probe.recipe, probe.checkpoint, plan)
    export(network, probe.x[:1], folder / "plan.onnx", "plan")
    graph = load_model(folder / "plan.onnx")
    right = accuracy(graph, input_integers(graph, data.test_images), data.test_labels)
    sizes = {name: probe.weight(name).numel() for name in plan}
    bits = sum(sizes[name] * b for name, b in plan.items()) / sum(sizes.values())
    return Tried(plan, right, bits)


def regrets(found: Sequence[Tried], harm: Callable[[Plan], float]) -> list[float]:
    """Points lost within each room that any plan fits."""
    lost = []
    for room in ROOMS:
        fitting = [one for one in found if one.bits <= room]
        if fitting:
            chosen = min(fitting, key=lambda one: harm(one.plan))
            lost.append(100 * (max(one.accuracy for one in fitting) - chosen.accuracy))
    return lost


def rows_of(name: str, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each method, and one for each plan."""
    train(name, folder)
    settings = read_recipe(name)
    probe = probe_of(settings, folder, SAMPLES)
    found = [tried(probe, plan, folder) for plan in plans(list(probe.trained_bits), 13)]
    errors = [1 - one.accuracy for one in found]
    rows, harms = [], {}
    for method, measure in METHODS.items():
        start = time.process_time()
        harm = measure(probe, WIDTHS, lambda *told: None)
        seconds = time.process_time() - start
        harms[method] = [harm.of(one.plan) for one in found]
        rows.append(_row(name, method, found, errors, harm.of, f"{seconds:.2f}"))
    by_bits = {id(one.plan): -one.bits for one in found}
    rows.append(_row(name, "bits", found, errors, lambda plan: by_bits[id(plan)], ""))
    rows.sort(key=lambda row: -float(row["spearman"]))
    shown = [
        {
            "network": name,
            "widths": " ".join(map(str, one.plan.values())),
            "bits a weight": f"{one.bits:.2f}",
            "accuracy": f"{100 * one.accuracy:.2f}",
            **{method: f"{values[k]:.5g}" for method, values in harms.items()},
            "evidence": "measured",
        }
        for k, one in enumerate(found)
    ]
    return rows, shown


def _row(
    name: str,
    method: str,
    found: Sequence[Tried],
    errors: Sequence[float],
    harm: Callable[[Plan], float],
    seconds: str,
) -> dict[str, Any]:
    lost = regrets(found, harm)
    return {
        "network": name,
        "method": method,
        "looks at": LOOKS_AT[method],
        "plans": len(found),
        "spearman": f"{spearmanr([harm(one.plan) for one in found], errors).statistic:.3f}",
        "regret": f"{sum(lost) / len(lost):.2f}",
        "worst regret": f"{max(lost):.2f}",
        "cpu seconds": seconds,
        "evidence": "measured",
    }


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    rows, shown = [], []
    for name in names or NETWORKS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            of, plans_of = rows_of(name, Path(folder))
        rows += of
        shown += plans_of
        print(f"{name}: {time.monotonic() - start:.0f} s", *of, sep="\n", flush=True)
    write("sensitivities", rows)
    write("layers/sensitivities", shown)


if __name__ == "__main__":
    main(sys.argv[1:])
