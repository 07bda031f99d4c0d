"""How far a network with float parts, as hwkit runs it, is from its file's own execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import DeviceError, HwkitError
from hwkit.files import read_file
from hwkit.flow.whole import RUNTIME, Infer, Whole, child_for, meaning_of, sample_shape
from hwkit.importers import MAX_FILE_BYTES
from hwkit.importers.parts import DEVIATION, Port
from hwkit.importers.tflite.file import parse
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.edge.loaded import Loaded
from hwkit.targets.onnx.draft import in_onnx
from hwkit.targets.onnx.executed import Executed
from hwkit.targets.onnx.running import Running


@dataclass(frozen=True, slots=True)
class Deviation:
    """The largest distance of ``numbers`` outputs of ``inputs`` samples from those of ``by``, the
    file's own execution, whose largest magnitude is ``reach``."""

    by: str
    inputs: int
    numbers: int
    largest: float
    reach: float

    def line(self) -> str:
        """For people, and in a graph's metadata."""
        return (
            f"not integer-exact: {self.largest:.3g} at most from {self.by}'s, of {self.numbers} "
            f"numbers up to {self.reach:.3g}, {self.inputs} inputs"
        )

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


def measure(whole: Whole, path: Path, x: Mapping[str, Array], infer: Infer) -> Deviation:
    """The whole network on ``x``, its integer part by ``infer``, beside the file at ``path``.

    ``DeviceError`` where no runtime takes the file, ``ToolMissing`` without one.
    """
    got = whole.infer(x, infer)
    by, wanted = _original(whole, path, x)
    largest = reach = 0.0
    numbers = 0
    for name, y in zip(whole.outputs, wanted, strict=True):
        mine = got[name]
        if name in whole.graph.outputs and y.dtype.kind == "f" and mine.dtype.kind != "f":
            mine = in_onnx(meaning_of(whole.graph, name).reals(mine))
        mine = mine.astype(np.float64).reshape(-1)
        theirs = y.astype(np.float64).reshape(-1)
        finite = np.isfinite(theirs)
        apart = np.abs(mine[finite] - theirs[finite])
        largest = max(largest, float(apart.max(initial=0)))
        reach = max(reach, float(np.abs(theirs[finite]).max(initial=0)))
        numbers += int(finite.sum())
    samples = len(next(iter(x.values())))
    return Deviation(by, samples, numbers, largest, reach)


def noted(graph: Graph, found: Deviation) -> Graph:
    """``graph`` with its deviation in its metadata."""
    return replace(graph, metadata={**graph.metadata, DEVIATION: found.line()})


def random_inputs(whole: Whole, samples: int, seed: int = 0) -> dict[str, Array]:
    """Normally distributed reals, or integers of the whole range, for every input of the whole."""
    rng = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for port in whole.parts.inputs:
        shape, dtype = (samples, *sample_shape(port)), np.dtype(port.dtype)
        if dtype.kind == "f" and port.key in whole.graph.inputs:
            feeds[port.key] = _quantized_reals(whole.graph, port, samples, rng)
            continue
        if dtype.kind == "f":
            feeds[port.key] = rng.normal(size=shape).astype(dtype)
            continue
        tensor = whole.graph.tensors.get(port.key)
        limits = np.iinfo(dtype)
        low, high = (limits.min, limits.max)
        if tensor is not None:
            low, high = tensor.dtype.low, tensor.dtype.high
        feeds[port.key] = rng.integers(low, high + 1, shape).astype(dtype)
    return feeds


def _quantized_reals(graph: Graph, port: Port, samples: int, rng: np.random.Generator) -> Array:
    """What random integers of a graph's input stand for, in its file's layout."""
    tensor = graph.tensors[port.key]
    x = rng.integers(tensor.dtype.low, tensor.dtype.high + 1, (samples, *tensor.shape))
    reals = in_onnx(meaning_of(graph, port.key).reals(x))
    return reals.reshape(samples, *sample_shape(port))


def _original(whole: Whole, path: Path, x: Mapping[str, Array]) -> tuple[str, list[Array]]:
    data = read_file(path, MAX_FILE_BYTES, "give the file that the model was imported from")
    if path.suffix == ".tflite":
        return _tflite(whole, path, data, x)
    return _onnx(whole, data, x)


def _tflite(
    whole: Whole, path: Path, data: bytes, x: Mapping[str, Array]
) -> tuple[str, list[Array]]:
    """TFLM, if the graph follows it and it takes the file, or LiteRT's reference kernels."""
    file = parse(data)
    feeds = [x[port.key].reshape(len(x[port.key]), *port.shape) for port in whole.parts.inputs]
    refused: HwkitError | None = None
    for runtime in dict.fromkeys((whole.graph.metadata.get("runtime", RUNTIME), RUNTIME)):
        child = child_for(runtime, str(path))
        try:
            return runtime, Loaded(runtime, data, outputs=len(file.outputs), child=child).run(feeds)
        except DeviceError as error:
            refused = error
    assert refused is not None
    raise refused


def _onnx(whole: Whole, data: bytes, x: Mapping[str, Array]) -> tuple[str, list[Array]]:
    """The qonnx package where the file has nodes of its own, else ONNX Runtime."""
    import onnx

    domains = {node.domain for node in onnx.load_model_from_string(data).graph.node}
    standard = domains <= {"", "ai.onnx", "com.microsoft"}
    model: Running | Executed = Running(data) if standard else Executed(data)
    samples = len(next(iter(x.values())))
    rows = []
    for k in range(samples):
        feeds = {
            port.name: x[port.key][k : k + 1].reshape(port.shape).astype(port.dtype)
            for port in whole.parts.inputs
        }
        rows.append(model.run(feeds))
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return "ONNX Runtime" if standard else "qonnx", columns
