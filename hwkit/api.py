"""The library API. Each function imports its stage when called, so that ``import hwkit`` is instant
and needs nothing that is not used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwkit.allocate.plan import BitPlan
    from hwkit.flow.boundary import Inputs
    from hwkit.flow.export import Exported
    from hwkit.flow.verify import Verification
    from hwkit.ir.graph import Graph
    from hwkit.ir.types import Array


def load(path: str | Path) -> Graph:
    """The graph in a ``.hwk``, QONNX ``.onnx`` or int8 ``.tflite`` file."""
    from hwkit.flow.models import load as flow

    return flow(path)


def freeze(model: Any, example: Any) -> Graph:
    """The integer graph of a Brevitas ``model``; ``example`` is one batch of its input.

    One line on stderr counts how it compares with the exported file's own execution.
    """
    from hwkit.importers.proof import counted
    from hwkit.train.freeze import freeze as flow

    graph = flow(model, example)
    if line := counted(graph):
        print(f"{type(model).__name__}: {line}", file=sys.stderr)
    return graph


@overload
def quantize(module: Any, batches: Any, **options: Any) -> Graph: ...
@overload
def quantize(module: Any, batches: Any, out: str | Path, **options: Any) -> dict[str, Any]: ...


def quantize(
    module: Any, batches: Any, out: str | Path | None = None, **options: Any
) -> Graph | dict[str, Any]:
    """A float ``torch.nn.Module`` quantized after training: its integer graph, or with a folder
    ``out`` a run in it as of ``hwkit quantize``, and its ``train.json``.

    ``batches`` are samples (N, ...), or an iterable of batches of them, or of (samples, labels).
    ``options``: fields of ``train.ptq.settings.Settings``, ``methods`` (names of its METHODS) and
    ``test``, samples and labels for the accuracies.

    Example: ``hwkit.quantize(network, images[:512], weights=4).predict(pixels)``.
    """
    from hwkit.flow.quantizing import quantize_module as flow

    return flow(module, batches, None if out is None else Path(out), **options)


def predict(
    graph: Graph, x: Inputs, board: str | None = None, **options: Any
) -> Array | dict[str, Array]:
    """``graph.predict(x)``, or with a ``board`` built for it and run there.

    ``port``, ``artifact_folder``, ``reset_each`` as in ``flow.predict.predict``; ``optimize``,
    ``sram`` and ``input`` as in ``flow.shape.Shape``.
    The array of the only output, or each by name.
    """
    from hwkit.flow.predict import predict as flow

    results = flow(graph, x, board, **options)
    return results[graph.outputs[0]] if len(graph.outputs) == 1 else results


def deploy(
    graph: Graph, board: str, out: str | Path, packages: Sequence[str] = (), **options: Any
) -> dict[str, Any]:
    """Emits and builds ``graph`` for ``board`` into ``out``; returns ``deploy.json``.

    ``packages`` (``library``, ``arduino``, ``zephyr``, ``tflm``) are left in ``out`` too;
    ``goal`` and ``flashed`` as in ``flow.build.deploy``; ``optimize``, ``sram`` and ``input`` as in
    ``flow.shape.Shape``.
    """
    from hwkit.flow.build import deploy as flow
    from hwkit.formats import stamped

    return stamped("deploy.json", flow(graph, board, out, packages, **options))


def export(graph: Graph, to: str, out: str | Path, **options: Any) -> Exported:
    """Writes ``graph`` to ``out`` as ``onnx``, ``qonnx`` or ``tflite``, and compares the file's own
    runtime with the interpreter; ``form``, ``runtime``, ``samples``, ``seed`` as in
    ``flow.export.export``.

    Example: ``hwkit.export(graph, "onnx", "m.onnx", form="qdq").compared[0].differing``.
    """
    from hwkit.flow.export import export as flow

    return flow(graph, to, Path(out), **options)


def verify(graph: Graph, board: str, x: Inputs | None = None, **options: Any) -> Verification:
    """``board`` against the interpreter on ``x`` or random inputs; ``samples``, ``seed``, ``port``,
    ``artifact_folder`` as in ``flow.verify.verify``; ``optimize``, ``sram`` and ``input`` as in
    ``flow.shape.Shape``.

    Example: ``hwkit.verify(graph, "virtual_m4", samples=100, optimize="speed").check()``.
    """
    from hwkit.flow.verify import verify as flow

    return flow(graph, board, x, **options)


def profile(graph: Graph, board: str, **options: Any) -> dict[str, Any]:
    """Per-layer figures of ``graph`` on ``board``, as ``hwkit profile --json`` prints them;
    ``repeats``, ``within``, ``nearest``, ``seed``, ``store``, ``port`` and ``artifact_folder`` as
    in ``flow.profiling.profile``; ``optimize``, ``sram`` and ``input`` as in ``flow.shape.Shape``.

    Example: ``hwkit.profile(graph, "virtual_m4", repeats=5)["total"]["cycles"]``.
    """
    from hwkit.flow.profiling import profile as flow
    from hwkit.formats import stamped

    return stamped("profile", flow(graph, board, **options).to_json())


def allocate(run: str | Path, board: str, budget: str, out: str | Path) -> BitPlan:
    """The bit plan for a training run within ``budget``, written to ``out``."""
    from hwkit.flow.loop import allocate as flow

    return flow(Path(run), board, budget, Path(out))
