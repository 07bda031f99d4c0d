"""Post-training quantization to a run folder: exactly what training leaves, and a report by layer.

The folder gets, each file whole or not at all: ``model.onnx`` (QONNX), ``model.hwk``,
``calibration.npy`` (integer inputs; of several ``calibration.npz``, by name), ``test.npz``
(``inputs``, or each by name, and ``labels``, where there are labels), ``sensitivity.json`` for
``hwkit allocate``, and ``train.json``.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwkit.files import write_json, write_whole
from hwkit.formats import stamped
from hwkit.importers import load_proven, open_model
from hwkit.importers.proof import Proof
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.serialize import digest, to_bytes
from hwkit.ir.types import Array
from hwkit.train.fit import Progress, predict, silent
from hwkit.train.freeze import Fidelity, compare, export, freeze, input_integers, output_integers
from hwkit.train.pipeline import (
    CALIBRATION_IMAGES,
    Measured,
    _file_digest,
    _make_folder,
    accuracy_of,
    deterministic,
    versions,
)
from hwkit.train.ptq.harm import write_sensitivity
from hwkit.train.ptq.layers import layer_noise
from hwkit.train.ptq.plain import plain_copy
from hwkit.train.ptq.quantize import Quantized, quantize, signal_to_noise
from hwkit.train.ptq.samples import Samples
from hwkit.train.ptq.settings import Settings
from hwkit.train.ptq.several import apart, arrays_of
from hwkit.train.ptq.steps import Stepped

_INTEGERS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Measured):
    """What ``train.json`` says of a post-training quantization.

    ``accuracy_on`` is ``test`` or ``calibration`` ("" without labels, the accuracies then being
    None), ``dropped`` a softmax left out at the end; ``method``, ``steps`` and ``layers`` are those
    of ``Settings``, ``quantize.Step`` and ``layers.LayerNoise``; ``output_db``: signal to noise.
    """

    accuracy: dict[str, float | None]
    accuracy_on: str
    output_db: float
    dropped: str
    method: dict[str, Any]
    steps: list[dict[str, Any]]
    layers: list[dict[str, Any]]


def quantize_run(
    module: nn.Module,
    calibration: Samples,
    out: Path,
    settings: Settings,
    test: Samples | None = None,
    names: tuple[str, str] = ("network", "samples"),
    progress: Progress = silent,
    stepped: Stepped | None = None,
) -> Report:
    """Quantizes ``module`` into the folder ``out``; accuracies are those on ``test``, or on
    ``calibration`` without it, where these have labels. ``names`` of network and data go into the
    report. With ``stepped``, ``module`` and ``calibration`` are its own, ``test`` has sequences,
    and the graph has states.

    Raises as ``quantize`` does, and what the importer refuses.
    """
    _make_folder(out)
    with deterministic(settings.seed):
        x = torch.from_numpy(calibration.x)
        _require_importable(module, x, settings)
        done = quantize(module, x, settings, progress)
        export(*apart(done.twin, x[:1]), out / "model.onnx", names[0])
        graph, proof = load_proven(out / "model.onnx")
        rows = layer_noise(done, progress)
        dyadic = settings.style.dyadic
        write_sensitivity(done, names[0], settings.seed, dyadic, out / "sensitivity.json")
        measured = test or (calibration if stepped is None else stepped.sequences)
        if stepped is None:
            wanted, got = (
                predict(network, torch.from_numpy(measured.x)).numpy()
                for network in (plain_copy(module), done.twin)
            )
            integers = _integers(graph, done.twin, measured.x)
            fidelity = compare(output_integers(graph, got), integers)
            _write_inputs(out, graph, done.twin, calibration, test)
        else:
            given = [stepped.outputs(network, measured.x) for network in (module, done.twin)]
            steps = stepped.integers(graph, done.twin, measured.x)
            flat = given[1].reshape(-1, *stepped.shape)
            fidelity = compare(
                output_integers(graph, flat), steps.reshape(len(flat), *steps.shape[2:])
            )
            wanted, got = (stepped.of_sequences(each) for each in given)
            integers = steps[:, -1]
            graph = stepped.with_states(graph, done.twin)
            _write_inputs(out, graph, done.twin, stepped.successive(CALIBRATION_IMAGES), None)
    write_whole(out / "model.hwk", to_bytes(graph))
    report = _report(
        done, settings, graph, proof, measured, fidelity, (wanted, got, integers), names
    )
    if test is None and report.accuracy_on:
        report = replace(report, accuracy_on="calibration")
    report.layers.extend(asdict(row) for row in rows)
    report.digests["model.onnx"] = _file_digest(out / "model.onnx")
    write_json(out / "train.json", stamped("train.json", asdict(report)))
    return report


def quantized_graph(
    module: nn.Module, calibration: Samples, settings: Settings, stepped: Stepped | None = None
) -> Graph:
    """The integer graph of ``module`` quantized from ``calibration``, both those of ``stepped`` if
    given; raises as ``quantize``."""
    x = torch.from_numpy(calibration.x)
    with deterministic(settings.seed):
        _require_importable(module, x, settings)
        network = quantize(module, x, settings).twin
        graph = freeze(*apart(network, x[:1]))
        return graph if stepped is None else stepped.with_states(graph, network)


def _require_importable(module: nn.Module, x: Tensor, settings: Settings) -> None:
    """Quantizes as fast as can be, from two samples, where ``settings`` take minutes: what the
    importer refuses is refused before them."""
    if settings.rounds_slowly:
        plain = replace(settings, ranges="minmax", rounding="nearest")
        quick = replace(plain, equalize=False, correct=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export(*apart(quantize(module, x[:2], quick).twin, x[:1]), path)
            open_model(path)


def _feeds(graph: Graph, network: nn.Module, x: Array) -> dict[str, Array]:
    """The graph's inputs by name for samples of the network."""
    return {
        name or graph.inputs[0]: input_integers(graph, part, name)
        for name, part in arrays_of(network, x).items()
        if not name or name in graph.inputs
    }


def _integers(graph: Graph, network: nn.Module, x: Array) -> Array:
    parts: Sequence[Array] = [
        run(graph, _feeds(graph, network, part))[graph.outputs[0]]
        for part in np.array_split(x, max(1, len(x) // _INTEGERS_AT_ONCE))
    ]
    return np.concatenate(parts)


def _report(
    done: Quantized,
    settings: Settings,
    graph: Graph,
    proof: Proof | None,
    measured: Samples,
    fidelity: Fidelity,
    outputs: tuple[Array, Array, Array],
    names: tuple[str, str],
) -> Report:
    wanted, got, _ = outputs
    labels = measured.labels if wanted.ndim == 2 else None
    accuracies = [None if labels is None else accuracy_of(o, labels) for o in outputs]
    return Report(
        recipe=names[0],
        dataset=names[1],
        seed=settings.seed,
        test_images=len(wanted),
        accuracy=dict(zip(("float", "fake_quantized", "integer"), accuracies, strict=True)),
        accuracy_on="" if labels is None else "test",
        integers=fidelity.integers,
        moved=fidelity.moved,
        largest_difference=fidelity.largest_difference,
        argmax_moved=fidelity.argmax_moved,
        source={} if proof is None else proof.counts(),
        weight_bits=dict(done.widths.weights),
        activation_bits=settings.activations,
        scales="power_of_two" if settings.scheme == "power_of_two" else "float",
        output_db=signal_to_noise(*map(torch.from_numpy, (wanted, got))),
        dropped=done.traced.dropped,
        method={**asdict(settings), "plan": dict(settings.plan)},
        steps=[asdict(step) for step in done.steps],
        layers=[],
        versions=versions(),
        digests={"model.hwk": digest(graph)},
    )


def _write_inputs(
    out: Path, graph: Graph, network: nn.Module, calibration: Samples, tested: Samples | None
) -> None:
    chosen = np.linspace(0, len(calibration.x) - 1, CALIBRATION_IMAGES).astype(int)
    feeds: dict[str, Any] = _feeds(graph, network, calibration.x[np.unique(chosen)])
    stream = io.BytesIO()
    if len(feeds) == 1:
        np.save(stream, next(iter(feeds.values())))
        write_whole(out / "calibration.npy", stream.getvalue())
    else:
        np.savez(stream, **feeds)
        write_whole(out / "calibration.npz", stream.getvalue())
    if tested is not None and tested.labels is not None:
        stream, feeds = io.BytesIO(), _feeds(graph, network, tested.x)
        if len(feeds) == 1:
            feeds = {"inputs": next(iter(feeds.values()))}
        np.savez_compressed(stream, **feeds, labels=tested.labels)
        write_whole(out / "test.npz", stream.getvalue())
