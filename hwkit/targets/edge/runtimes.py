"""The runtimes: bytes of a .tflite and integers in, the runtime's integers out.

All run one sample at a time, on one thread, as a device does, in a supervised child.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.errors import ToolMissing
from hwkit.ir.types import Array
from hwkit.targets.edge.supervised import Child, shared_child

PACKAGES = {
    "litert": "ai-edge-litert",
    "litert_reference": "ai-edge-litert",
    "tflm": "tflite-micro",
}
"""The package that holds each runtime."""
_WARM_UP = 10
"""Untimed runs: caches, the allocation of scratch, the clock of the core."""


def package_version(runtime: str) -> str:
    """Version of the runtime's package; ``ToolMissing`` when it is not installed."""
    package = PACKAGES[runtime]
    try:
        return version(package)
    except PackageNotFoundError:
        raise ToolMissing(package, "pip install 'hwkit[edge]'") from None


class Session:
    """A model of ``outputs`` outputs loaded into a runtime.

    ``child`` is where it runs: by default the one that hwkit's own models share. Raises
    ``Refused`` when the runtime refuses the model, ``DeviceError`` when it dies of it.
    """

    def __init__(
        self,
        runtime: str,
        model: bytes,
        *,
        threads: int = 1,
        outputs: int = 1,
        child: Child | None = None,
    ) -> None:
        package_version(runtime)
        self._child = shared_child() if child is None else child
        self._model = model
        self._request = {"runtime": runtime, "threads": threads, "output_count": outputs}
        self.facts = self._ask({"do": "load"})[0]["facts"]
        """What the runtime says of the model: ``delegated`` (whether XNNPACK took some of it) or
        ``arena_bytes``."""

    def _ask(
        self, request: dict[str, Any], inputs: Sequence[Array] = (), limit_s: float | None = None
    ) -> tuple[dict[str, Any], list[Array]]:
        return self._child.ask(self._request | request, self._model, inputs, limit_s)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Every output, (samples, shape in the file), for ``inputs`` in the file's order, each
        with the samples first; at least one sample."""
        return self._ask({"do": "run", "samples": len(inputs[0])}, inputs)[1]

    def observe(self, inputs: Sequence[Array], names: Sequence[str]) -> dict[str, Array]:
        """The same of those inner tensors of ``names`` that the model computes."""
        request = {"do": "run", "samples": len(inputs[0]), "names": list(names)}
        answer, outputs = self._ask(request, inputs)
        return dict(zip(answer["found"], outputs, strict=True))

    def times_us(self, inputs: Sequence[Array], repeats: int) -> list[float]:
        """Microseconds of ``repeats`` inferences of one sample, measured beside the runtime."""
        timed = {"do": "time", "warm_up": 0, "repeats": 1}
        (first,) = self._ask(timed, inputs)[0]["ns"]
        limit = 60 + 100e-9 * first * (_WARM_UP + repeats)
        timed |= {"warm_up": _WARM_UP, "repeats": repeats}
        return [ns / 1000 for ns in self._ask(timed, inputs, limit)[0]["ns"]]


def session(board: EdgeBoard, model: bytes, outputs: int = 1) -> Session:
    """``model``, which hwkit wrote, with ``outputs`` outputs, loaded into the board's runtime."""
    return Session(board.runtime, model, threads=board.threads, outputs=outputs)


def run_all(loaded: Session, x: Array) -> list[Array]:
    """Every output for every sample of ``x``, without the batch axis of the file."""
    return [np.concatenate(list(y)) for y in loaded.run([x])]
