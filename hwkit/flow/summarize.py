"""Run folders and results of stages as the parts of ``summary.json``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.allocate.cost import CostTable, Sensitivity
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file
from hwkit.flow.tune import Tuned
from hwkit.flow.verify import Verification
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.profile.measurement import Measurement
from hwkit.report.describe import model_layers
from hwkit.report.summary import (
    Accuracy,
    Exactness,
    Loop,
    LoopState,
    Model,
)

_MAX_TEST_SET_BYTES = 1 << 30


def model_part(
    name: str, graph: Graph, trained: Mapping[str, Any], run: Path | None = None
) -> Model:
    """A model from its graph and ``train.json``; layers as a device runs them, rescales fused.
    With the folder of its ``run`` its test set is sorted by what the graph takes it for."""
    widths = sorted(set(trained["weight_bits"].values()))
    accuracy = trained["accuracy"]
    return Model(
        name=name,
        recipe=trained["recipe"],
        bits=f"w{'/'.join(map(str, widths))} a{trained['activation_bits']}, "
        f"{trained['scales'].replace('_', ' ')} scales",
        accuracy=Accuracy(accuracy["float"], accuracy["fake_quantized"], accuracy["integer"]),
        test_images=trained["test_images"],
        moved_at_freeze=trained["moved"],
        layers=model_layers(fuse_requantize(graph)),
        integers_at_freeze=trained["integers"],
        dataset=trained["dataset"],
        digest=trained["digests"]["model.hwk"],
        confusion=() if run is None else confusion_part(graph, *inputs_and_labels(run)),
    )


def confusion_part(graph: Graph, inputs: Array, labels: Array) -> tuple[tuple[int, ...], ...]:
    """``Model.confusion`` of ``graph`` on ``inputs`` (N, ...) and ``labels`` (N,), integers from 0;
    empty for a graph with several outputs."""
    if len(graph.outputs) != 1:
        return ()
    y = graph.predict(inputs)
    assert not isinstance(y, dict)
    scores = y.reshape(len(y), -1)
    classes = max(scores.shape[1], int(labels.max(initial=0)) + 1)
    pairs = labels.astype(np.int64) * classes + scores.argmax(axis=1)
    counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(map(int, row)) for row in counts)


def exactness_part(name: str, result: Verification) -> Exactness:
    """One row of the bit-exactness table."""
    return Exactness(
        name, result.board, result.inputs, result.integers, result.differing, result.moved
    )


def loop_state(
    trained: Mapping[str, Any], profile: Measurement, facts: Mapping[str, Any]
) -> LoopState:
    """A network as trained, built and profiled."""
    return LoopState(
        weight_bits=trained["weight_bits"],
        accuracy=trained["accuracy"]["integer"],
        cycles=profile.total.cycles,
        us=profile.total.us,
        flash_bytes=facts["flash_bytes"],
        evidence=profile.evidence,
    )


def loop_part(
    name: str,
    budget: str,
    tuned: Tuned,
    before: LoopState,
    table: CostTable,
    sensitivity: Sensitivity,
) -> Loop:
    """The loop as it ended."""
    plan = tuned.plan
    return Loop(
        model=name,
        board=plan.board,
        budget=budget,
        before=before,
        predicted=LoopState(
            weight_bits=plan.weight_bits,
            accuracy=None,
            cycles=plan.predicted.get("latency_cycles"),
            us=plan.predicted.get("latency_us"),
            flash_bytes=int(plan.predicted["flash_bytes"]),
            evidence="estimated",
        ),
        after=tuned.after,
        sensitivity=sensitivity.rows,
        cost_table=table.rows,
        within_budget=tuned.within_budget,
    )


def inputs_and_labels(run: Path) -> tuple[Any, Any]:
    """The whole test set of a training run: integers (N, ...) and labels (N,); ``FormatError``
    when its file is missing or damaged."""
    import zipfile
    import zlib

    path = run / "test.npz"
    try:
        stream = io.BytesIO(read_file(path, _MAX_TEST_SET_BYTES, "train the recipe first"))
        with np.load(stream, allow_pickle=False) as data:
            return data["inputs"], data["labels"]
    except ConfigError as error:
        raise FormatError(str(error)) from error
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FormatError(f"{path}: not a test set ({error}); train again") from error
