"""A graph as a file for others' tools, and how that file's own runtime compares with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import ConfigError, HwkitError, ToolMissing, UnsupportedOp
from hwkit.files import check_writable, write_whole
from hwkit.flow import boundary
from hwkit.flow.build import lower_whole
from hwkit.importers import load_model
from hwkit.importers.parts import parts_of
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array, Shape
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.target import Lowered, Target
from hwkit.targets.onnx.borders import results_of
from hwkit.targets.onnx.draft import in_onnx, in_shape
from hwkit.targets.onnx.emit import OnnxFile, integer_file
from hwkit.targets.onnx.executed import Executed
from hwkit.targets.onnx.qonnx import qonnx_file
from hwkit.targets.onnx.quantized import Form, quantized_file
from hwkit.targets.onnx.running import Running, package_version

KINDS = ("onnx", "qonnx", "tflite")
RUNTIMES = {"tflm": "host_tflm", "litert": "host_litert"}
"""Whose arithmetic a .tflite is written for, and the board that has it."""
_READ_BACK = "read back"
_QONNX_SAMPLES = 4
"""Its execution in Python takes seconds a sample."""


@dataclass(frozen=True, slots=True)
class Compared:
    """``integers`` of all outputs of ``inputs`` samples: ``differing`` from the interpreter's, by
    ``largest`` at most. ``by`` is who computed the file's."""

    by: str
    inputs: int
    integers: int
    differing: int
    largest: int

    def line(self) -> str:
        """For people. Example: ``ONNX Runtime 1.31.1: 16 inputs, 160 integers, 0 differing``."""
        text = (
            f"{self.by}: {self.inputs} inputs, {self.integers} integers, {self.differing} differing"
        )
        return f"{text} (by {self.largest} at most)" if self.differing else text


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: ``to`` and ``form`` as asked for, ``bytes`` of the file, ``rounded`` the
    nodes that round otherwise there than in the graph, and what was compared."""

    to: str
    form: str
    bytes: int
    rounded: tuple[str, ...]
    compared: tuple[Compared, ...]
    missing: tuple[str, ...] = ()
    """Why something was not compared: a runtime is not there, the importer lacks an op."""

    @property
    def exact(self) -> bool:
        """Whether every integer that was compared is equal."""
        return not any(entry.differing for entry in self.compared)

    def to_json(self) -> dict[str, Any]:
        """As ``hwkit export --json`` prints it."""
        return {**asdict(self), "exact": self.exact}


def export(
    graph: Graph,
    to: str,
    out: Path,
    form: str | None = None,
    runtime: str | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
) -> Exported:
    """Writes ``graph`` to ``out`` as ``to`` (``KINDS``) and compares its own runtime with the
    interpreter on ``samples`` random inputs.

    ``form`` of ONNX: ``integer`` (default: ConvInteger and integer arithmetic, exact), ``qdq`` or
    ``qop``. ``runtime`` of a .tflite: ``tflm`` or ``litert``, by default the one whose rounding
    moves fewer integers. ``ConfigError`` for an option that ``to`` has not, ``UnsupportedOp`` for
    an op that has no form there.
    """
    if to not in KINDS:
        raise ConfigError(f"--to {to}: unknown; known: {', '.join(KINDS)}")
    if form is not None and to != "onnx":
        raise ConfigError(f"--form {form}: forms are of --to onnx; leave --form out")
    if runtime is not None and to != "tflite":
        raise ConfigError(f"--runtime {runtime}: runtimes are of --to tflite; leave it out")
    check_writable(out)
    feeds = random_feeds(graph, samples, seed)
    case = _Case(graph, feeds, Interpreter(graph).infer(feeds))
    if to == "tflite":
        made = _tflite(case, runtime)
    else:
        made = _qonnx(case) if to == "qonnx" else _onnx(case, Form(form or "integer"))
    write_whole(out, made.model)
    return Exported(
        to, made.form, len(made.model), made.rounded, tuple(case.compared), tuple(case.missing)
    )


_Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Inputs by name to outputs by name, the graph's integers."""


@dataclass(frozen=True, slots=True)
class _Made:
    model: bytes
    form: str
    rounded: tuple[str, ...] = ()


class _Case:
    """A graph, inputs, and what the interpreter makes of them."""

    def __init__(
        self, graph: Graph, feeds: Mapping[str, Array], expected: Mapping[str, Array]
    ) -> None:
        self.graph, self.feeds, self.expected = graph, feeds, expected
        self.compared: list[Compared] = []
        self.missing: list[str] = []

    def compare(
        self,
        by: str,
        run: Callable[[Mapping[str, Array]], Mapping[str, Array]],
        most: int = 1 << 30,
    ) -> None:
        """Counts what ``run`` gives for the first ``most`` samples; notes where it cannot."""
        feeds = {name: x[:most] for name, x in self.feeds.items()}
        try:
            got = run(feeds)
        except HwkitError as error:
            if not isinstance(error, ToolMissing) and by != _READ_BACK:
                raise
            self.missing.append(f"{by}: {error}")
            return
        self.compared.append(counted(by, boundary.batch(feeds), self.expected, got))

    def read_back(self, model: bytes, ending: str) -> None:
        """The file imported again, in the interpreter."""

        def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"exported{ending}"
                path.write_bytes(model)
                graph = load_model(path)
            if (parts := parts_of(graph)) is not None:
                raise UnsupportedOp(graph.name, "integers", f"some of it is read as {parts.line()}")
            turn = {".onnx": (in_onnx, in_shape)}.get(ending, (_same, _reshaped))
            entered = {
                name: turn[1](turn[0](x), graph.tensors[name].shape)
                for name, x in zip(graph.inputs, feeds.values(), strict=True)
            }
            found = zip(self.graph.outputs, Interpreter(graph).infer(entered).values(), strict=True)
            return {name: turn[1](turn[0](y), self.graph.tensors[name].shape) for name, y in found}

        self.compare(_READ_BACK, run)


def _same(x: Array) -> Array:
    return x


def _reshaped(x: Array, shape: Shape) -> Array:
    return x.reshape(len(x), *shape)


def counted(
    by: str, samples: int, expected: Mapping[str, Array], got: Mapping[str, Array]
) -> Compared:
    """The integers of the first ``samples`` in which ``got`` differs from ``expected``."""
    apart = [
        np.abs(got[name].astype(np.int64) - wanted[:samples].astype(np.int64))
        for name, wanted in expected.items()
    ]
    return Compared(
        by,
        samples,
        sum(a.size for a in apart),
        sum(int(np.count_nonzero(a)) for a in apart),
        max((int(a.max()) for a in apart if a.size), default=0),
    )


def _onnx(case: _Case, form: Form) -> _Made:
    graph = case.graph
    rounded: tuple[str, ...] = ()
    if form is Form.INTEGER:
        file = integer_file(graph)
    else:
        graph = fuse_requantize(graph)
        file, rounded = quantized_file(graph, form)

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return results_of(file, graph, Running(file.model), feeds)

    case.compare(_onnxruntime(), run)
    if form is not Form.INTEGER:
        case.read_back(file.model, ".onnx")
    return _Made(file.model, str(form), rounded)


def _onnxruntime() -> str:
    try:
        return f"ONNX Runtime {package_version()}"
    except ToolMissing:
        return "ONNX Runtime"


def _qonnx(case: _Case) -> _Made:
    graph = fuse_requantize(case.graph)
    file: OnnxFile = qonnx_file(graph)
    case.read_back(file.model, ".onnx")

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return results_of(file, graph, Executed(file.model), feeds, batch=1)

    case.compare("qonnx", run, _QONNX_SAMPLES)
    return _Made(file.model, "qonnx")


def _tflite(case: _Case, runtime: str | None) -> _Made:
    wanted = RUNTIMES.values() if runtime is None else [_board(runtime)]
    found: list[tuple[int, Target[Any], Lowered[Any]]] = []
    refused: HwkitError | None = None
    for board in wanted:
        try:
            target, lowered = lower_whole(case.graph, board)
        except UnsupportedOp as error:
            refused = refused or error
            continue
        moved = counted(board, 1 << 30, case.expected, _lowered_results(case, lowered.graph))
        found.append((moved.differing, target, lowered))
    if not found:
        assert refused is not None
        raise refused
    _, target, lowered = min(found, key=lambda entry: entry[0])
    model = target.emit(lowered).files["model.tflite"]

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        with tempfile.TemporaryDirectory() as folder:
            artifact = target.build(target.emit(lowered), lowered, Path(folder))
            with target.open(artifact) as session:
                got = session.infer(boundary.enter(case.graph, lowered.graph, feeds))
        return boundary.leave(case.graph, lowered.graph, got)

    case.compare(lowered.board.name, run)
    if lowered.board.name == RUNTIMES["tflm"]:  # Files are read in TFLM's arithmetic.
        case.read_back(model, ".tflite")
    return _Made(model, lowered.board.name, lowered.retargeted)


def _lowered_results(case: _Case, lowered: Graph) -> Mapping[str, Array]:
    got = Interpreter(lowered).infer(boundary.enter(case.graph, lowered, case.feeds))
    return boundary.leave(case.graph, lowered, got)


def _board(runtime: str) -> str:
    if runtime not in RUNTIMES:
        raise ConfigError(f"--runtime {runtime}: unknown; known: {', '.join(RUNTIMES)}")
    return RUNTIMES[runtime]
