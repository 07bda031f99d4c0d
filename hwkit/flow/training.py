"""Training runs: a recipe, and a bit plan if there is one, to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwkit.errors import ToolMissing
from hwkit.files import real_folder

Say = Callable[[str], None]
SENSITIVITIES = (
    "perturbation", "masking", "trace", "distilled", "pairs", "entropy", "learned",
)  # fmt: skip
"""Methods that ``train.sensitivity.METHODS`` has, known here without torch."""
SENSITIVITY = SENSITIVITIES[0]
"""What is taken where none is asked for."""


def train(
    recipe: str | Path,
    out: Path,
    plan: Path | None,
    say: Say,
    float_from: Path | None = None,
    start_from: Path | None = None,
    widths: Sequence[int] = (8, 4, 2),
    sensitivity: str = SENSITIVITY,
) -> dict[str, Any]:
    """Trains ``recipe`` into ``out`` and measures each layer's sensitivity at ``widths`` there, by
    the method called ``sensitivity`` (``train.sensitivity.METHODS``).

    Returns the content of ``train.json``. ``say`` is told of progress, a line at a time;
    ``float_from`` a ``checkpoint.pt`` whose float weights are taken, ``start_from`` one of another
    recipe with the same blocks, whose quantized-trained weights are. Raises ``ToolMissing``
    without torch.
    """
    out = real_folder(out)
    try:
        from hwkit.train.pipeline import train as run
        from hwkit.train.sensitivity import sensitivity as measure
    except ModuleNotFoundError as error:
        raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error

    def progress(phase: str, done: int, total: int) -> None:
        say(f"{out.name}: {phase} {done}/{total}")

    result = run(recipe, out, plan, float_from, progress, start_from)
    if widths:
        measure(recipe, out, widths, progress=progress, method=sensitivity)
    return asdict(result)
