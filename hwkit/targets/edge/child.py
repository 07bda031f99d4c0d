"""The process in which the native runtimes run; ``supervised.py`` starts it and talks to it.

A runtime trusts the file that it reads. A check that fails there ends the whole process, wrong
offsets can make it read anywhere: here it only takes down a child. Nothing but numpy and the
runtime is imported, so that the start is short and any environment's Python will do.

``python child.py FOLDER``: one JSON request a line on standard input, one JSON answer a line on
standard output, arrays as plain bytes in files of FOLDER. A line ``{}`` in between says that a
sample is done. What native code prints goes to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import resource
import signal
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Described = list[tuple[str, list[int]]]
"""Type and shape of each of several arrays."""

MEMORY_BYTES = 8 << 30
"""Address space of the child."""
_KEPT = 4
"""Models that stay loaded."""
_GRACE_S = 10.0
_TFLM_ARENA_BYTES = 64 << 20
"""What the interpreter may take; how much it does take is its own report."""
_ARENA = re.compile(rb"Arena allocation total (\d+) bytes")


class Refused(Exception):
    """The runtime says no: one line of what it said."""


class Runtime(Protocol):
    """A model loaded into a runtime."""

    def load(self, samples: Sequence[Array]) -> None:
        """Sets the inputs, one sample each, in the file's order."""

    def invoke(self) -> None:
        """Runs the model once."""

    def outputs(self) -> list[Array]:
        """Copies of all outputs, in the file's order and shapes."""

    def facts(self) -> dict[str, Any]:
        """What the runtime says of the model."""


class LiteRt:
    """LiteRT: with its default XNNPACK delegate, or with its reference kernels."""

    def __init__(self, model: bytes, threads: int, outputs: int, reference: bool) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        self._model = model  # The interpreter reads it in place.
        self._interpreter = Interpreter(
            model_content=model, num_threads=threads, experimental_op_resolver_type=kind
        )
        self._interpreter.allocate_tensors()
        self._inputs = self._interpreter.get_input_details()
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def load(self, samples: Sequence[Array]) -> None:
        for detail, sample in zip(self._inputs, samples, strict=True):
            self._interpreter.set_tensor(detail["index"], sample.reshape(detail["shape"]))

    def invoke(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[Array]:
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def facts(self) -> dict[str, Any]:
        """Whether XNNPACK took (some of) the model."""
        details = self._interpreter._get_ops_details()
        return {"delegated": any(detail["op_name"] == "DELEGATE" for detail in details)}


class Tflm:
    """TensorFlow Lite for Microcontrollers, reference kernels."""

    def __init__(self, model: bytes, threads: int, outputs: int, reference: bool) -> None:
        from tflite_micro.python.tflite_micro.runtime import Interpreter

        self._interpreter = Interpreter.from_bytes(model, arena_size=_TFLM_ARENA_BYTES)
        self._count = outputs

    def load(self, samples: Sequence[Array]) -> None:
        for place, sample in enumerate(samples):
            shape = self._interpreter.get_input_details(place)["shape"]
            self._interpreter.set_input(sample.reshape(shape), place)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[Array]:
        return [np.array(self._interpreter.get_output(k)) for k in range(self._count)]

    def facts(self) -> dict[str, Any]:
        """Bytes of arena that the model takes, as the interpreter reports them."""
        with _caught_stderr() as caught:
            self._interpreter.print_allocations()
            caught.seek(0)
            match = _ARENA.search(caught.read())
        if match is None:
            raise Refused("TFLM did not report its arena; install the pinned tflite-micro")
        return {"arena_bytes": int(match.group(1))}


_RUNTIMES: dict[str, tuple[type[LiteRt] | type[Tflm], bool]] = {
    "litert": (LiteRt, False),
    "litert_reference": (LiteRt, True),
    "tflm": (Tflm, False),
}


def write_arrays(folder: Path, stem: str, arrays: Sequence[Array]) -> Described:
    """Writes each array's bytes to ``folder/stem0``, ``stem1``, ...; returns types and shapes."""
    for k, array in enumerate(arrays):
        (folder / f"{stem}{k}").write_bytes(np.ascontiguousarray(array).tobytes())
    return [(array.dtype.name, list(array.shape)) for array in arrays]


def read_arrays(folder: Path, stem: str, described: Described) -> list[Array]:
    """What ``write_arrays`` wrote; ``ValueError`` where bytes and shape do not fit."""
    return [
        np.frombuffer((folder / f"{stem}{k}").read_bytes(), np.dtype(name)).reshape(shape)
        for k, (name, shape) in enumerate(described)
    ]


def with_outputs(model: bytes, names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The same model with those of ``names`` that it computes as its outputs, and these names."""
    import flatbuffers
    from ai_edge_litert.schema_py_generated import ModelT

    root = ModelT.InitFromPackedBuf(model, 0)
    graph = root.subgraphs[0]
    computed = {int(index) for op in graph.operators for index in op.outputs}
    position = {
        tensor.name.decode(): index
        for index, tensor in enumerate(graph.tensors)
        if index in computed
    }
    found = [name for name in names if name in position]
    graph.outputs = [position[name] for name in found]
    root.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output()), found


class _Child:
    """Answers requests; keeps the last few models loaded."""

    def __init__(self, folder: Path, answers: IO[str]) -> None:
        self.folder, self.answers = folder, answers
        self.loaded: OrderedDict[str, Runtime] = OrderedDict()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        names = request.get("names")
        found: list[str] = []
        if names is None:
            runtime = self.runtime(request)
        else:
            model, found = with_outputs((self.folder / request["model"]).read_bytes(), names)
            runtime = _loaded(request, model, len(found))
        if request["do"] == "load":
            return {"facts": runtime.facts()}
        inputs = read_arrays(self.folder, "input", request["inputs"])
        if request["do"] == "time":
            return {"ns": self.times(runtime, inputs, request)}
        outputs = write_arrays(self.folder, "output", self.run(runtime, inputs, request))
        return {"outputs": outputs, "found": found}

    def runtime(self, request: dict[str, Any]) -> Runtime:
        key = json.dumps([request[part] for part in ("model", "runtime", "threads")])
        if key not in self.loaded:
            while len(self.loaded) >= _KEPT:
                self.loaded.popitem(last=False)
            model = (self.folder / request["model"]).read_bytes()
            self.loaded[key] = _loaded(request, model, request["output_count"])
        self.loaded.move_to_end(key)
        return self.loaded[key]

    def run(self, runtime: Runtime, inputs: list[Array], request: dict[str, Any]) -> list[Array]:
        """Every output for every sample: (samples, shape in the file)."""
        rows = []
        for k in range(request["samples"]):
            runtime.load([x[k] for x in inputs])
            runtime.invoke()
            rows.append(runtime.outputs())
            self.send({})
            _stop_after(request["limit_s"])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def times(self, runtime: Runtime, inputs: list[Array], request: dict[str, Any]) -> list[int]:
        """Nanoseconds of each of ``repeats`` inferences after ``warm_up`` others."""
        runtime.load([x[0] for x in inputs])
        for _ in range(request["warm_up"]):
            runtime.invoke()
        times = []
        for _ in range(request["repeats"]):
            start = perf_counter_ns()
            runtime.invoke()
            times.append(perf_counter_ns() - start)
        return times

    def send(self, answer: dict[str, Any]) -> None:
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()


def _loaded(request: dict[str, Any], model: bytes, outputs: int) -> Runtime:
    kind, reference = _RUNTIMES[request["runtime"]]
    return kind(model, request["threads"], outputs, reference)


def _stop_after(seconds: float) -> None:
    """The kernel ends this process a little later than its starter would, should that be gone."""
    signal.setitimer(signal.ITIMER_REAL, seconds and seconds + _GRACE_S)


@contextmanager
def _caught_stderr() -> Iterator[IO[bytes]]:
    """Catches what native code prints on standard error in a file."""
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        try:
            os.dup2(caught.fileno(), 2)
            yield caught
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def main(folder: Path) -> None:
    """Serves until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    child = _Child(folder, answers)
    for line in sys.stdin:
        request = json.loads(line)
        _stop_after(request["limit_s"])
        try:
            answer = child.answer(request)
        except MemoryError:
            answer = {"refused": f"it wants more than {MEMORY_BYTES} bytes of memory"}
        except (Refused, RuntimeError, ValueError) as error:
            answer = {"refused": _line(error)}
        _stop_after(0)
        child.send(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
