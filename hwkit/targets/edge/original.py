"""A user's own .tflite, byte for byte, in a runtime: integers in, integers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeAlias

import numpy as np

from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError, DeviceError, FormatError, HwkitError
from hwkit.importers.tflite.context import held
from hwkit.importers.tflite.file import FLOAT32, INT64, TYPE_NAMES, FileTensor, TfliteFile, parse
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.target import Artifact, Lowered
from hwkit.targets.edge.loaded import Loaded, load, runtime_called
from hwkit.targets.edge.supervised import new_child


@dataclass(frozen=True)
class OriginalFile:
    """A file as it is, loaded into ``runtime`` in a child of its own.

    A float input that is quantized at once takes the integers behind its QUANTIZE, and a float
    output that was dequantized last gives those before its DEQUANTIZE, as the importer has them.
    """

    file: TfliteFile
    loaded: Loaded

    def run(self, feeds: Sequence[Array], steps: int | None = None) -> list[Array]:
        """Each output for each input in the file's order, all with the samples first and without
        the file's batch of 1, as the imported graph has them. ``ConfigError`` for feeds that do
        not fit, ``DeviceError`` when the runtime fails. ``steps`` as ``Loaded.run`` has it."""
        got = self.loaded.run(self._entering(feeds), steps)
        return [self._leaving(k, y) for k, y in zip(self.file.outputs, got, strict=True)]

    def observable(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of ``names`` that are tensors which the file computes, each the only one called
        so."""
        given = [tensor.name for tensor in self.file.tensors]
        computed = {given[k] for op in self.file.operators for k in op.outputs if k >= 0}
        once = [n for n in dict.fromkeys(names) if n in computed and given.count(n) == 1]
        return tuple(once)

    def observe(
        self, feeds: Sequence[Array], names: Sequence[str], skip: int = 0, steps: int = 0
    ) -> dict[str, Array]:
        """The inner tensors among ``names``, for ``feeds`` as ``run`` takes them behind the first
        ``skip``; where the file gives one name to several tensors, that name is left out.
        ``steps`` as ``Loaded.observe`` has it."""
        given = [tensor.name for tensor in self.file.tensors]
        once = self.observable(names)
        seen = self.loaded.observe(self._entering(feeds), once, skip, steps)
        return {
            name: _without_batch(self.file.tensors[given.index(name)], y)
            for name, y in seen.items()
        }

    def times_us(self, feeds: Sequence[Array], repeats: int, warm_up: int) -> list[float]:
        """See ``Loaded.times_us``."""
        return self.loaded.times_us(self._entering(feeds), repeats, warm_up)

    def _entering(self, feeds: Sequence[Array]) -> list[Array]:
        """What the runtime is fed with, in the file's types."""
        if len(feeds) != len(self.file.inputs) or len({len(x) for x in feeds}) > 1:
            raise ConfigError(
                f"{[x.shape for x in feeds]} for a file of {len(self.file.inputs)} inputs; "
                "give one array for each, with the same number of samples"
            )
        if not len(feeds[0]):
            raise ConfigError("no samples; give at least one")
        return [self._fed(index, x) for index, x in zip(self.file.inputs, feeds, strict=True)]

    def _fed(self, index: int, x: Array) -> Array:
        tensor = self.file.tensors[index]
        if x[0].size != prod(tensor.shape):
            raise ConfigError(
                f"input {tensor.name!r}: {x.shape[1:]} integers for {tensor.shape}; "
                "give arrays of the file's shapes"
            )
        if tensor.type != FLOAT32:
            return _cast(tensor, x)
        readers = [op for op in self.file.operators if index in op.inputs]
        if [op.code for op in readers] != ["QUANTIZE"]:
            raise ConfigError(f"input {tensor.name!r} is float32; give a fully quantized file")
        inner = self.file.tensors[readers[0].outputs[0]]
        scale, zero_point = _meaning(inner)
        steps = _cast(inner, x).astype(np.int64) - zero_point
        real: Array = steps.astype(np.float32) * np.float32(scale)
        return real

    def _leaving(self, index: int, y: Array) -> Array:
        """A runtime's output, (samples, shape in the file), as integers of a sample's shape."""
        tensor = self.file.tensors[index]
        y = _without_batch(tensor, y)
        if tensor.type == INT64 and abs(y).max() <= np.iinfo(np.int32).max:
            return y.astype(np.int32)  # As the graph has them: places are counted in 32 bits.
        if tensor.type != FLOAT32:
            return y
        writer = next((op for op in self.file.operators if index in op.outputs), None)
        if writer is None or writer.code != "DEQUANTIZE":
            raise ConfigError(f"output {tensor.name!r} is float32; give a fully quantized file")
        inner = self.file.tensors[writer.inputs[0]]
        scale, zero_point = _meaning(inner)
        return _cast(inner, np.rint(y / np.float64(scale)) + zero_point)


EdgePlan: TypeAlias = OriginalFile | None
"""What runs: None is hwkit's own file of the graph, else the one that it was imported from."""


def _without_batch(tensor: FileTensor, y: Array) -> Array:
    batch = int(len(tensor.shape) > 1 and tensor.shape[0] == 1)
    shape = held(tensor.shape[batch:] or (1,))
    if y[0].size != prod(shape):
        raise DeviceError(f"{tensor.name!r}: {y.shape[1:]} came back for {tensor.shape}")
    return y.reshape(len(y), *shape)


def _cast(tensor: FileTensor, x: Array) -> Array:
    """``x`` in the tensor's integer type."""
    name = TYPE_NAMES.get(tensor.type, "")
    if "int" not in name:
        raise ConfigError(f"tensor {tensor.name!r} is no integer; give a fully quantized file")
    limits = np.iinfo(name)
    if x.min() < limits.min or x.max() > limits.max:
        raise ConfigError(f"tensor {tensor.name!r}: {x.min()}..{x.max()} does not fit its {name}")
    return x.astype(name)


def _meaning(tensor: FileTensor) -> tuple[float, int]:
    if len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
        raise FormatError(f"tensor {tensor.name!r} has no scale; damaged, copy it again")
    return tensor.scale[0], tensor.zero_point[0]


def load_original(
    path: str | Path, runtime: str | EdgeBoard, part: Callable[[bytes], bytes] | None = None
) -> OriginalFile:
    """``path`` in the runtime of that name, such as ``litert``, ``litert_reference`` or ``tflm``,
    on one thread here, or in a board's; ``part`` cuts out of its bytes what runs.

    Raises ``ConfigError`` when it cannot be read, ``FormatError`` when it is damaged,
    ``DeviceError`` when the runtime refuses it, dies of it or hangs.
    """
    path = Path(path)
    board = EdgeBoard(runtime) if isinstance(runtime, str) else runtime
    runtime_called(board.runtime)
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give an existing .tflite") from error
    try:
        model = model if part is None else part(model)
        file = parse(model)
    except HwkitError as error:
        raise FormatError(f"{path}: {error}") from error
    if not file.inputs or not file.outputs:
        raise ConfigError(f"{path}: has no input or no output; nothing could be compared")
    child = new_child(board.runtime, str(path), board)
    return OriginalFile(file, load(board, model, len(file.outputs), child))


def run_original(
    path: str | Path, feeds: Mapping[str, Array] | Sequence[Array], runtime: str
) -> list[Array]:
    """Outputs of the file at ``path``, unchanged, in ``runtime``; see ``load_original``.

    ``feeds`` holds an integer array (samples, *shape) for each input, in the file's order, as the
    imported graph names and orders them; each output is (samples, *shape of one sample), as the
    graph's. Example: ``run_original("kws.tflite", [x], "tflm")[0].shape`` is (len(x), 12).
    """
    arrays = list(feeds.values()) if isinstance(feeds, Mapping) else list(feeds)
    return load_original(path, runtime).run(arrays)


def open_original(graph: Graph, board: Board, path: Path) -> Artifact[EdgePlan]:
    """``path``, which ``graph`` was imported from, as an artifact of ``board``: what runs is the
    file itself, and it must equal ``graph`` as it is."""
    assert board.edge is not None
    original = load_original(path, board.edge)
    return Artifact(path.parent, path, board, Lowered(graph, board, original))
