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
import resource
import signal
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from time import perf_counter_ns
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hwkit.targets.edge.runtime import Model, Runtime

Array = npt.NDArray[Any]
Described = list[tuple[str, list[int]]]
"""Type and shape of each of several arrays."""

MEMORY_BYTES = 8 << 30
"""Address space of the child."""
_KEPT = 4
"""Models that stay loaded."""
_GRACE_S = 10.0


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


@dataclass
class _Loaded:
    """A model, and how many inferences it has done since it was loaded."""

    model: Model
    steps: int = 0

    def invoke(self) -> None:
        self.steps += 1
        self.model.invoke()


class _Child:
    """Answers requests; keeps the last few models loaded."""

    def __init__(self, folder: Path, answers: IO[str]) -> None:
        self.folder, self.answers = folder, answers
        self.runtimes = _runtimes()
        self.loaded: OrderedDict[str, _Loaded] = OrderedDict()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        loaded = self.at(request)
        if request["do"] == "load":
            return {"facts": loaded.model.facts()}
        inputs = read_arrays(self.folder, "input", request["inputs"])
        if request["do"] == "time":
            return {"ns": self.times(loaded, inputs, request)}
        return {"outputs": write_arrays(self.folder, "output", self.run(loaded, inputs, request))}

    def at(self, request: dict[str, Any]) -> _Loaded:
        """The model, after as many inferences as the request says (None: any number): a state
        that was lost with a process is not made up."""
        parts = ("model", "runtime", "threads", "output_count", "timed")
        key = json.dumps([request[part] for part in parts])
        steps = request["steps"]
        if key in self.loaded and steps == 0 < self.loaded[key].steps:
            del self.loaded[key]
        if key not in self.loaded:
            while len(self.loaded) >= _KEPT:
                self.loaded.popitem(last=False)
            self.loaded[key] = _Loaded(self.opened(request))
        self.loaded.move_to_end(key)
        if steps not in (None, self.loaded[key].steps):
            raise self.runtimes.Refused("the states of earlier inferences are lost; reset it")
        return self.loaded[key]

    def opened(self, request: dict[str, Any]) -> Model:
        model = (self.folder / request["model"]).read_bytes()
        runtime: Runtime = self.runtimes.get(request["runtime"])
        return runtime.open(model, request["threads"], request["output_count"])

    def run(self, loaded: _Loaded, inputs: list[Array], request: dict[str, Any]) -> list[Array]:
        """Every output for every sample behind the first ``skip``: (samples, shape in the file)."""
        rows = []
        for k in range(request["samples"]):
            loaded.model.feed([x[k] for x in inputs])
            loaded.invoke()
            if k >= request["skip"]:
                rows.append(loaded.model.outputs())
            self.send({})
            _stop_after(request["limit_s"])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def times(self, loaded: _Loaded, inputs: list[Array], request: dict[str, Any]) -> list[int]:
        """Nanoseconds of each of ``repeats`` inferences after ``warm_up`` others."""
        loaded.model.feed([x[0] for x in inputs])
        for _ in range(request["warm_up"]):
            loaded.invoke()
        times = []
        for _ in range(request["repeats"]):
            start = perf_counter_ns()
            loaded.model.invoke()
            times.append(perf_counter_ns() - start)
        return times

    def send(self, answer: dict[str, Any]) -> None:
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()


def _runtimes() -> ModuleType:
    """The package of runtimes beside this file, by a path: what contains it is not imported."""
    folder = Path(__file__).with_name("runtime")
    places = [str(folder)]
    spec = spec_from_file_location(
        "hwkit_runtime", folder / "__init__.py", submodule_search_locations=places
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _stop_after(seconds: float) -> None:
    """The kernel ends this process a little later than its starter would, should that be gone."""
    signal.setitimer(signal.ITIMER_REAL, seconds and seconds + _GRACE_S)


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
        except (child.runtimes.Refused, RuntimeError, ValueError) as error:
            answer = {"refused": _line(error)}
        _stop_after(0)
        child.send(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
