"""Feature maps of a quantized network: what fewer bits do to it, and the network with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hwkit.allocate.cost import SensitivityRow
from hwkit.files import read_json, write_json, write_whole
from hwkit.flow.models import load
from hwkit.flow.summarize import inputs_and_labels
from hwkit.formats import stamped, unstamped
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run as interpret
from hwkit.ir.types import Array
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.map_bits import map_sites
from hwkit.lower.narrow.grids import best_grid
from hwkit.lower.narrow.histograms import histograms
from hwkit.lower.narrow.narrowed import narrowed

_AT_ONCE = 256


def sensitivity_of_maps(graph: Graph, x: Array, widths: Sequence[int]) -> list[SensitivityRow]:
    """The mean divergence, in nats, of the softmax outputs on inputs ``x`` (N, *shape) with one map
    at a width of ``widths``: the measure of ``train.sensitivity``, by the interpreter."""
    fused = fuse_requantize(graph)
    sites = map_sites(graph)
    counts = histograms(fused, sites, {graph.inputs[0]: x})
    reference = _logs(fused, x)
    rows = []
    for site in sites:
        for bits in widths:
            harm = 0.0
            if bits < site.dtype.bits:
                grid = best_grid(counts[site.name], site.dtype, site.zero_point, bits)
                found = _logs(narrowed(fused, {site: grid}), x)
                harm = max(0.0, float((np.exp(reference) * (reference - found)).sum(1).mean()))
            rows.append(SensitivityRow(site.name, bits, harm))
    return rows


def _logs(graph: Graph, x: Array) -> Array:
    """Logarithms of the softmax of the first output, (N, integers) float64."""
    name = graph.outputs[0]
    y = interpret(graph, {graph.inputs[0]: x})[name].reshape(len(x), -1).astype(np.float64)
    facts = graph.tensors[name].quantization
    y = y * (1.0 if facts is None else facts.scale[0])
    y -= y.max(axis=1, keepdims=True)
    logs: Array = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    return logs


def narrow_run(run: Path, widths: Mapping[str, int], x: Array) -> None:
    """Gives the maps of the network in ``run`` the ``widths``, on grids chosen by inputs ``x``, and
    measures its accuracy again where the folder has a test set."""
    graph = load(run / "model.hwk")
    sites = [s for s in map_sites(graph) if widths.get(s.name, s.dtype.bits) < s.dtype.bits]
    if not sites:
        return
    fused = fuse_requantize(graph)
    counts = histograms(fused, sites, {graph.inputs[0]: x})
    grids = {s: best_grid(counts[s.name], s.dtype, s.zero_point, widths[s.name]) for s in sites}
    narrow = narrowed(fused, grids)
    write_whole(run / "model.hwk", serialize.to_bytes(narrow))
    trained = unstamped("train.json", read_json(run / "train.json"), str(run))
    trained["digests"]["model.hwk"] = serialize.digest(narrow)
    plan = trained.setdefault("activation_plan", {})
    plan.update({s.name: widths[s.name] for s in sites})
    if (run / "test.npz").is_file():
        inputs, labels = inputs_and_labels(run)
        trained["accuracy"]["integer"] = accuracy(narrow, inputs, labels)
    write_json(run / "train.json", stamped("train.json", trained))


def inputs_of(run: Path) -> Array:
    """Real integer inputs of a run folder: (N, *shape)."""
    found: Array = np.load(run / "calibration.npy", allow_pickle=False)
    return found


def accuracy(graph: Graph, inputs: Array, labels: Array) -> float:
    """Share of ``inputs`` (N, *shape) whose largest output integer is at ``labels`` (N,)."""
    right = 0
    for start in range(0, len(inputs), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        y = interpret(graph, {graph.inputs[0]: inputs[part]})[graph.outputs[0]]
        right += int((y.reshape(len(y), -1).argmax(axis=1) == labels[part]).sum())
    return right / len(inputs)
