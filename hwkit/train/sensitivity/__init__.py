"""How much a network suffers when its layers' weights get fewer bits, by one of several methods.

All are functions of a ``Probe``, the trained network of a run, and give a ``Harm``: a number for
each layer and width, 0 at the width that the layer was trained at, to be added up over a plan.
Their units differ; ``benchmarks/sensitivities.py`` ranks them by how well they order plans.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, remove_abandoned, write_json
from hwkit.record import from_json, to_json
from hwkit.toolchain.cache import cache_folder
from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import versions
from hwkit.train.recipe import read_recipe
from hwkit.train.sensitivity import (
    distilled,
    entropy,
    learned,
    masking,
    pairs,
    perturbation,
    trace,
)
from hwkit.train.sensitivity.harm import Harm, divergence
from hwkit.train.sensitivity.probe import Probe, probe_of

WIDTHS = (8, 4, 2)
"""That boards may store."""
SAMPLES = 512
METHODS: Mapping[str, Callable[[Probe, Sequence[int], Progress], Harm]] = {
    "perturbation": perturbation.measure,
    "masking": masking.measure,
    "trace": trace.measure,
    "distilled": distilled.measure,
    "pairs": pairs.measure,
    "entropy": entropy.measure,
    "learned": learned.measure,
}
"""By the name that ``--sensitivity`` takes; the first is what is taken without it."""
METHOD = perturbation.TITLE
_VERSION = 1
"""Of the methods: what was measured by another is measured again."""


def sensitivity(
    recipe: str | Path,
    run_folder: str | Path,
    bits: Sequence[int] = WIDTHS,
    samples: int = SAMPLES,
    progress: Progress = silent,
    method: str = "perturbation",
) -> dict[str, dict[int, float]]:
    """The harm by layer and width, also written to ``sensitivity.json`` in the folder.

    ``run_folder`` holds the ``checkpoint.pt`` of ``recipe``; ``samples`` training images, evenly
    spread, are looked at, where the method looks at any. What was measured before of the same
    network is in the cache. The width at which a layer was trained has harm 0.

    Raises ``ConfigError`` for widths outside 2..8, an unknown method or one that this network has
    nothing for, ``FormatError`` for a folder without a run.
    """
    if not bits or any(not 2 <= b <= 8 for b in bits):
        raise ConfigError(f"bit widths {list(bits)} are not all in 2..8")
    if method not in METHODS:
        raise ConfigError(f"sensitivity {method!r:.40}: unknown; give {', '.join(METHODS)}")
    settings, folder = read_recipe(recipe), Path(run_folder)
    probe = probe_of(settings, folder, samples)
    found = measured(probe, bits, method, progress)
    facts: dict[str, Any] = {
        "method": found.title,
        "recipe": settings.name,
        "samples": len(probe.x),
        "seed": settings.seed,
        "trained_bits": dict(probe.trained_bits),
        "layers": {k: {str(b): v for b, v in row.items()} for k, row in found.layers().items()},
    }
    write_json(folder / "sensitivity.json", facts)
    return found.layers()


def measured(probe: Probe, bits: Sequence[int], method: str, progress: Progress = silent) -> Harm:
    """By a method of ``METHODS``: as remembered, or measured now and remembered."""
    made_of = [_VERSION, method, list(bits), len(probe.x), probe.digest, versions()]
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    folder = cache_folder("sensitivities")
    path = folder / f"{method}-{digest[:32]}.json"
    if (known := _known(path)) is not None:
        return known
    found = METHODS[method](probe, bits, progress)
    remove_abandoned(folder)
    write_json(path, to_json(found))
    return found


def _known(path: Path) -> Harm | None:
    """What was remembered; None where nothing was, or the file is damaged."""
    if not path.exists():
        return None
    try:
        return from_json(Harm, read_json(path), str(path))
    except FormatError:
        return None


__all__ = ["METHOD", "METHODS", "SAMPLES", "WIDTHS", "Harm", "Probe", "divergence", "measured",
           "probe_of", "sensitivity"]  # fmt: skip
