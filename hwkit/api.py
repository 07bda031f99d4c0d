"""The library API. Each function imports its stage when called, so that ``import hwkit`` is instant
and needs nothing that is not used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import torch

    from hwkit.allocate.plan import BitPlan
    from hwkit.boards import FoldingGoal
    from hwkit.flow.boundary import Inputs
    from hwkit.flow.bringup import BringUp, Step
    from hwkit.flow.export import Exported
    from hwkit.flow.shape import Shape
    from hwkit.flow.verify import Verification
    from hwkit.ir.graph import Graph
    from hwkit.ir.types import Array
    from hwkit.profile.store import Stored
    from hwkit.profile.store.database import Place
    from hwkit.train.ptq.settings import Options

    Samples: TypeAlias = torch.Tensor | Array | Iterable[object]


def load(path: str | Path, bits: int | None = None) -> Graph:
    """The graph in a ``.hwk``, quantized ``.onnx`` or ``.tflite`` file; with ``bits`` its weights
    are rounded to so many, as by ``--bits`` of the commands.

    ``ConfigError``, ``FormatError`` or ``UnsupportedOp`` for what is no such file, or damaged, or
    holds an operation that hwkit lacks. Example: ``hwkit.load("model.tflite").predict(x)``.
    """
    from hwkit.flow.models import load as flow

    return flow(path, bits)


def freeze(model: torch.nn.Module, example: torch.Tensor) -> Graph:
    """The integer graph of a Brevitas ``model``; ``example`` is one batch of its input.

    One line on stderr counts how it compares with the exported file's own execution.
    Example: ``hwkit.freeze(model.eval(), torch.randn(1, 3, 32, 32))``.
    """
    from hwkit.importers.proof import counted
    from hwkit.train.freeze import freeze as flow

    graph = flow(model, example)
    if line := counted(graph):
        print(f"{type(model).__name__}: {line}", file=sys.stderr)
    return graph


@overload
def quantize(
    module: torch.nn.Module,
    batches: Samples,
    out: None = None,
    *,
    test: Samples | None = None,
    methods: Sequence[str] = (),
    **options: Unpack[Options],
) -> Graph: ...
@overload
def quantize(
    module: torch.nn.Module,
    batches: Samples,
    out: str | Path,
    *,
    test: Samples | None = None,
    methods: Sequence[str] = (),
    **options: Unpack[Options],
) -> dict[str, Any]: ...


def quantize(
    module: torch.nn.Module,
    batches: Samples,
    out: str | Path | None = None,
    *,
    test: Samples | None = None,
    methods: Sequence[str] = (),
    **options: Unpack[Options],
) -> Graph | dict[str, Any]:
    """A float ``torch.nn.Module`` quantized after training: its integer graph, or with a folder
    ``out`` a run in it as of ``hwkit quantize``, and its ``train.json``.

    ``batches`` are samples (N, ...), or an iterable of batches of them, or of (samples, labels);
    ``test`` samples and labels for the accuracies; ``methods`` names of ``train.ptq.settings``'
    METHODS; ``options`` fields of its ``Settings``.

    Example: ``hwkit.quantize(network, images[:512], weights=4).predict(pixels)``.
    """
    from hwkit.flow.quantizing import quantize_module as flow

    folder = None if out is None else Path(out)
    return flow(module, batches, folder, test=test, methods=methods, **options)


def predict(
    graph: Graph,
    x: Inputs,
    board: str | None = None,
    *,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    reset_each: bool = False,
    **shape: Unpack[Shape],
) -> Array | dict[str, Array]:
    """``graph.predict(x)``, or with a ``board`` built for it and run there.

    ``port`` is a device that already runs the artifact, ``artifact_folder`` what ``deploy`` left;
    samples of a network with states are successive steps, with ``reset_each`` each begins anew;
    ``optimize``, ``sram`` and ``input`` shape the build (``flow.shape.Shape``). The array of the
    only output, or each by name, first axis the batch.

    Example: ``hwkit.predict(graph, x, "virtual_m4", optimize="speed")``.
    """
    from hwkit.flow.predict import predict as flow

    results = flow(graph, x, board, port, artifact_folder, reset_each=reset_each, **shape)
    return results[graph.outputs[0]] if len(graph.outputs) == 1 else results


def deploy(
    graph: Graph,
    board: str,
    out: str | Path,
    packages: Sequence[str] = (),
    *,
    goal: FoldingGoal | None = None,
    flashed: bool = False,
    **shape: Unpack[Shape],
) -> dict[str, Any]:
    """Emits and builds ``graph`` for ``board`` into ``out``; returns ``deploy.json``.

    ``packages`` (``library``, ``arduino``, ``zephyr``, ``tflm``, ``axi_stream``) are left in
    ``out`` too; ``goal`` is what an FPGA's design is folded for; with ``flashed`` the image is
    written to the connected board; ``optimize``, ``sram`` and ``input`` shape the build.

    Example: ``hwkit.deploy(graph, "rpi_pico", "build", ["library"])["flash_bytes"]``.
    """
    from hwkit.boards import NO_GOAL
    from hwkit.flow.build import deploy as flow
    from hwkit.formats import stamped

    made = flow(graph, board, out, packages, goal or NO_GOAL, flashed=flashed, **shape)
    return stamped("deploy.json", made)


def export(
    graph: Graph,
    to: str,
    out: str | Path,
    form: str | None = None,
    runtime: str | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
) -> Exported:
    """Writes ``graph`` to ``out`` as ``onnx``, ``qonnx`` or ``tflite``, and compares the file's own
    runtime with the interpreter on ``samples`` random inputs.

    ``form`` of ONNX: ``integer`` (the default), ``qdq`` or ``qop``; ``runtime`` of a .tflite:
    ``tflm`` or ``litert``, by default the one that moves fewer integers.

    Example: ``hwkit.export(graph, "onnx", "m.onnx", form="qdq").compared[0].differing``.
    """
    from hwkit.flow.export import export as flow

    return flow(graph, to, Path(out), form, runtime, samples=samples, seed=seed)


def verify(
    graph: Graph,
    board: str,
    x: Inputs | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    **shape: Unpack[Shape],
) -> Verification:
    """``board`` against the interpreter on ``x``, or on ``samples`` random inputs of ``seed``.

    ``port``, ``artifact_folder`` and what shapes the build as for ``predict``.

    Example: ``hwkit.verify(graph, "virtual_m4", samples=100, optimize="speed").check()``.
    """
    from hwkit.flow.verify import verify as flow

    return flow(
        graph,
        board,
        x,
        samples=samples,
        seed=seed,
        port=port,
        artifact_folder=artifact_folder,
        **shape,
    )


def profile(
    graph: Graph,
    board: str,
    *,
    repeats: int = 10,
    within: float | None = None,
    nearest: bool = False,
    seed: int = 0,
    store: Place = None,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    **shape: Unpack[Shape],
) -> dict[str, Any]:
    """Per-layer figures of ``graph`` on ``board``, medians of ``repeats`` inferences of one random
    input, as ``hwkit profile --json`` prints them; also added to ``store`` (see ``measurements``).

    With ``within`` as many inferences as it takes until the interval of the whole model's median is
    so small a share of it. What the store's table of layers predicted stands beside; ``nearest``
    asks it about layers that nobody measured too. ``port``, ``artifact_folder`` and what shapes
    the build as for ``predict``.

    Example: ``hwkit.profile(graph, "virtual_m4", repeats=5)["total"]["cycles"]``.
    """
    from hwkit.flow.profiling import profile as flow
    from hwkit.formats import stamped

    taken = flow(
        graph,
        board,
        repeats=repeats,
        within=within,
        nearest=nearest,
        seed=seed,
        store=store,
        port=port,
        artifact_folder=artifact_folder,
        **shape,
    )
    return stamped("profile", taken.to_json())


def measurements(store: Place = None, *, board: str | None = None) -> list[Stored]:
    """What profiles and campaigns have stored, oldest first, of one ``board`` where given.

    ``store`` is a SQLite file or ``postgresql://user@host/name``, by default the user's own file.
    Each has its ``measurement`` with the full context, and its ``exactness``: integers compared,
    and how many differed (None: nobody looked).

    Example: ``hwkit.measurements(board="virtual_m4")[-1].measurement.total.cycles``.
    """
    from hwkit.profile.store import read

    return read(store, board)


def bringup(
    board: str,
    port: str | None = None,
    *,
    flash: bool = False,
    tell: Callable[[Step], None] | None = None,
) -> BringUp:
    """Walks link, info, memory, golden vectors and clock of ``board``, virtual or at ``port``; with
    ``flash`` the image is written there first. ``tell`` hears each step as it ends.

    Example: ``hwkit.bringup("virtual_m4").exit_code`` is 0 when all is well.
    """
    from hwkit.flow.bringup import bringup as flow

    return flow(board, port, flash=flash, tell=tell or (lambda step: None))


def allocate(run: str | Path, board: str, budget: str, out: str | Path) -> BitPlan:
    """The bit plan for a training run within ``budget``, written to ``out``.

    Example: ``hwkit.allocate("runs/m", "virtual_m4", "latency=40ms,flash=18kB", "plan.json")``.
    """
    from hwkit.flow.loop import allocate as flow

    return flow(Path(run), board, budget, Path(out))
