"""Models in their runtimes: bytes of a .tflite and integers in, the runtime's integers out.

All run one sample at a time, as a device does, in a supervised child.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hwkit.boards import EdgeBoard
from hwkit.errors import ConfigError, ToolMissing
from hwkit.ir.types import Array
from hwkit.targets.edge import runtime as runtimes
from hwkit.targets.edge.observed import with_outputs
from hwkit.targets.edge.runtime import Arithmetic, Runtime
from hwkit.targets.edge.supervised import Child, shared_child
from hwkit.toolchain import isolated

_LIMIT_S = 60.0
"""Longest that timing may take besides the inferences."""
_PATIENCE = 100
"""How many times as long as the first inference others may take."""


def runtime_called(name: str) -> Runtime:
    """The runtime that a board file or a caller names; ``ConfigError`` lists the known ones."""
    try:
        return runtimes.get(name)
    except KeyError:
        known = ", ".join(runtimes.names())
        raise ConfigError(f"no runtime {name!r} for .tflite; known: {known}") from None


def arithmetic_of(board: EdgeBoard) -> Arithmetic:
    """How the board's runtime computes; ``ConfigError`` for one that only runs files."""
    arithmetic = runtime_called(board.runtime).arithmetic
    if arithmetic is None:
        raise ConfigError(
            f"runtime {board.runtime!r} runs files as they are, and no graph is lowered for it; "
            "give the .tflite itself, or take host_litert or host_tflm"
        )
    return arithmetic


def needs_of(board: EdgeBoard) -> tuple[str, ...]:
    """What is installed here to write a file and to run it: packages, the environment that the
    runtime lives in, or what connects to the machine that has it."""
    runtime = runtime_called(board.runtime)
    place = runtime.environment or runtime.package if board.link is None else board.link.via
    return tuple(dict.fromkeys(("ai-edge-litert", place)))


def package_version(name: str) -> str:
    """Version of the package of the runtime called ``name``; ``ToolMissing`` when it is not
    installed."""
    runtime = runtime_called(name)
    if runtime.environment:
        return isolated.get(runtime.environment).versions[runtime.package]
    try:
        return version(runtime.package)
    except PackageNotFoundError:
        raise ToolMissing(runtime.package, "pip install 'hwkit[edge]'") from None


def version_on(board: EdgeBoard) -> str:
    """Version of the package of the board's runtime where that runs; ``ToolMissing`` when it is not
    installed there, ``DeviceError`` when a machine does not answer."""
    if board.link is None:
        return package_version(board.runtime)
    package = runtime_called(board.runtime).package
    request = {"do": "about", "runtime": board.runtime, "package": package}
    found, _ = shared_child(board.runtime, board).ask(request, b"")
    version_there: str = found["about"]["version"]
    if not version_there:
        python = f"{board.link.python} -m pip install {package}"
        raise ToolMissing(f"{package} on {board.link.host}", f"{python} (there)")
    return version_there


class Loaded:
    """A model of ``outputs`` outputs loaded into the runtime called ``runtime``.

    ``child`` is where it runs: by default the one that hwkit's own models share. Raises
    ``ConfigError`` for no runtime, ``Refused`` when it refuses the model, ``DeviceError`` when it
    dies of it.
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
        if child is None or child.link is None:
            package_version(runtime)
        self._own = None if child is None or child.shared else child
        self._child = shared_child(runtime) if child is None else child
        self.model = model
        self._request = {
            "runtime": runtime,
            "threads": threads,
            "output_count": outputs,
            "steps": None,
            "timed": False,
            "skip": 0,
        }
        self.facts = self._ask({"do": "load"})[0]["facts"]
        """What the runtime says of the model: ``delegated`` (whether XNNPACK took some of it) or
        ``arena_bytes``."""

    def about(self) -> dict[str, Any]:
        """What computes: ``child.about`` of the process that holds the model."""
        package = runtime_called(str(self._request["runtime"])).package
        found: dict[str, Any] = self._ask({"do": "about", "package": package})[0]["about"]
        return found

    def close(self) -> None:
        """Ends the process, unless it is the shared one."""
        if self._own is not None:
            self._own.close()

    def _ask(
        self,
        request: dict[str, Any],
        inputs: Sequence[Array] = (),
        limit_s: float | None = None,
        model: bytes | None = None,
    ) -> tuple[dict[str, Any], list[Array]]:
        model = self.model if model is None else model
        return self._child.ask(self._request | request, model, inputs, limit_s)

    def run(self, inputs: Sequence[Array], steps: int | None = None) -> list[Array]:
        """Every output, (samples, shape in the file), for ``inputs`` in the file's order, each
        with the samples first; at least one sample.

        ``steps`` is how many samples a model with states has seen since they had their initial
        values: 0 brings it back to these. ``Refused`` where it has seen another number.
        """
        request = {"do": "run", "samples": len(inputs[0]), "steps": steps}
        return self._ask(request, inputs)[1]

    def observe(
        self, inputs: Sequence[Array], names: Sequence[str], skip: int = 0, steps: int = 0
    ) -> dict[str, Array]:
        """The same of those inner tensors of ``names`` that the model computes, for the samples
        behind the first ``skip``: from the initial state, or going on after as many ``steps`` as
        were observed of the same names before."""
        model, found = with_outputs(self.model, names)
        if not found:
            return {}
        request = {"do": "run", "samples": len(inputs[0]), "skip": skip, "steps": steps}
        outputs = self._ask(request | {"output_count": len(found)}, inputs, model=model)[1]
        return dict(zip(found, outputs, strict=True))

    def times_us(self, inputs: Sequence[Array], repeats: int, warm_up: int) -> list[float]:
        """Microseconds of ``repeats`` inferences of one sample after ``warm_up`` others, measured
        beside the runtime. States that the model has go on from one to the next."""
        timed = {"do": "time", "timed": True}
        limit = _LIMIT_S * (1 + repeats)
        if warm_up:
            first = {"warm_up": 0, "repeats": 1}
            (ns,) = self._ask(timed | first, inputs)[0]["ns"]
            warm_up -= 1
            limit = _LIMIT_S + _PATIENCE * 1e-9 * ns * (warm_up + repeats)
        timed |= {"warm_up": warm_up, "repeats": repeats}
        return [ns / 1000 for ns in self._ask(timed, inputs, limit)[0]["ns"]]


def load(board: EdgeBoard, model: bytes, outputs: int = 1, child: Child | None = None) -> Loaded:
    """``model``, which hwkit wrote, with ``outputs`` outputs, loaded into the board's runtime."""
    child = shared_child(board.runtime, board) if child is None else child
    return Loaded(board.runtime, model, threads=board.threads, outputs=outputs, child=child)


def run_all(loaded: Loaded, x: Array) -> list[Array]:
    """Every output for every sample of ``x``, without the batch axis of the file."""
    return [y.reshape(len(y), *y.shape[2:]) for y in loaded.run([x])]
