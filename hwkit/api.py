"""The library API. Each function imports its stage when called, so that ``import hwkit`` is instant
and needs nothing that is not used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwkit.allocate.plan import BitPlan
    from hwkit.flow.boundary import Inputs
    from hwkit.flow.verify import Verification
    from hwkit.ir.graph import Graph


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


def deploy(
    graph: Graph, board: str, out: str | Path, packages: Sequence[str] = ()
) -> dict[str, Any]:
    """Emits and builds ``graph`` for ``board`` into ``out``; returns ``deploy.json``.

    ``packages`` (``library``, ``arduino``, ``zephyr``, ``tflm``) are left in ``out`` too.
    """
    from hwkit.flow.build import deploy as flow

    return flow(graph, board, out, packages)


def verify(graph: Graph, board: str, x: Inputs | None = None, **options: Any) -> Verification:
    """``board`` against the interpreter on ``x`` or random inputs; ``samples``, ``seed``, ``port``
    as in ``flow.verify.verify``."""
    from hwkit.flow.verify import verify as flow

    return flow(graph, board, x, **options)


def profile(graph: Graph, board: str, **options: Any) -> dict[str, Any]:
    """Per-layer figures of ``graph`` on ``board``, as ``hwkit profile --json`` prints them;
    ``repeats``, ``store``, ``port`` as in ``flow.profiling.profile``."""
    from hwkit.flow.profiling import profile as flow

    return flow(graph, board, **options).to_json()


def allocate(run: str | Path, board: str, budget: str, out: str | Path) -> BitPlan:
    """The bit plan for a training run within ``budget``, written to ``out``."""
    from hwkit.flow.loop import allocate as flow

    return flow(Path(run), board, budget, Path(out))
