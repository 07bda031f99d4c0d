"""A whole target in one file: dense layers and tables by Python's own integers.

It shares nothing with hwkit's arithmetic, so that agreeing with the interpreter means something.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp, Dense, Op, Requantize, Rescale, Reshape, Rounding
from hwkit.ir.types import Array
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.target import (
    WHOLE_MODEL,
    Artifact,
    BuildPlan,
    Capabilities,
    Identity,
    LayerTiming,
    Lowered,
)

PROGRAM = "program.json"
_OPS: tuple[type[Op], ...] = (Dense, Requantize, Clamp, Reshape)
_ROUNDINGS = (Rounding.HALF_UP, Rounding.FLOOR)


@dataclass(slots=True)
class Calculator:
    """Runs a program: a list of steps over tensors that are flat lists of integers."""

    folder: Path
    graph: Graph
    program: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.program = json.loads((self.folder / PROGRAM).read_text())

    @property
    def identity(self) -> Identity:
        return Identity("hardware", "hwkit-toy 1.0", model=self.program["model"], host="here")

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        names = dict.fromkeys((*self.graph.outputs, *keep))
        samples = len(next(iter(feeds.values())))
        runs = [self._run({n: x[k] for n, x in feeds.items()}) for k in range(samples)]
        return {name: self._stacked(name, runs) for name in names if name in self.graph.tensors}

    def _stacked(self, name: str, runs: list[dict[str, list[int]]]) -> Array:
        tensor = self.graph.tensors[name]
        flat = np.array([run[name] for run in runs], tensor.dtype.container)
        return flat.reshape(len(runs), *tensor.shape)

    def _run(self, sample: Mapping[str, Array]) -> dict[str, list[int]]:
        values = {name: [int(v) for v in x.ravel()] for name, x in sample.items()}
        for step in self.program["steps"]:
            x = values[step["input"]]
            if "weight" in step:
                sums = [sum(a * b for a, b in zip(row, x, strict=True)) for row in step["weight"]]
                x = [a + b for a, b in zip(sums, step["bias"], strict=True)]
            if "rescale" in step:
                x = [_rescaled(v, k, step["rescale"]) for k, v in enumerate(x)]
            if "clamp" in step:
                low, high = step["clamp"]
                x = [min(max(v, low), high) for v in x]
            values[step["output"]] = x
        return values

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        stamps = []
        for _ in range(warm_up + repeats + 1):
            stamps.append(time.perf_counter_ns())
            self.infer(feeds)
        work = sum(macs(self.graph, op) for op in self.graph.nodes)
        return [
            [LayerTiming(WHOLE_MODEL, self.graph.name, "Model", work, us=(b - a) / 1000)]
            for a, b in list(pairwise(stamps))[warm_up:]
        ]

    def reset(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Calculator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _rescaled(value: int, channel: int, r: Mapping[str, Any]) -> int:
    """One integer by one multiplier: ``floor`` or ``half_up``, then the clamp."""
    multiplier, shift, offset = (
        values[channel % len(values)] for values in (r["multiplier"], r["shift"], r["offset"])
    )
    scaled = ((value - r["subtract"]) << r["left_shift"]) * multiplier + offset
    half = 1 << shift - 1 if r["half_up"] and shift else 0
    rounded = ((scaled + half) >> shift) + r["zero_point"]
    return int(min(max(rounded, r["low"]), r["high"]))


class Toy:
    """See ``hwkit.target.Target``."""

    name = "toy"

    def capabilities(self, board: Board) -> Capabilities:
        return Capabilities(
            name=self.name,
            ops=frozenset(_OPS),
            roundings={op: _ROUNDINGS for op in (Dense, Requantize)},
            weight_bits=tuple(range(1, 9)),
            activation_bits=tuple(range(1, 33)),
            signed_activations=False,
            most_inputs=1,
            most_outputs=int(board.settings["most_outputs"]),
        )

    def lower(self, graph: Graph, board: Board) -> Lowered[None]:
        return Lowered(apply(graph, fuse_requantize), board, None)

    def emit(self, lowered: Lowered[None]) -> BuildPlan:
        graph = lowered.graph
        steps = [_step(graph, op) for op in graph.nodes]
        program = {"model": serialize.digest(graph), "steps": steps}
        return BuildPlan({PROGRAM: json.dumps(program, indent=1).encode()})

    def build(self, plan: BuildPlan, lowered: Lowered[None], out: Path) -> Artifact[None]:
        for name, content in plan.files.items():
            (out / name).write_bytes(content)
        return self.artifact(out, lowered)

    def artifact(self, out: Path, lowered: Lowered[None]) -> Artifact[None]:
        if not (out / PROGRAM).is_file():
            raise ConfigError(f"{out}: holds no {PROGRAM}; deploy there first")
        return Artifact(out, out / PROGRAM, lowered.board, lowered)

    def open(self, artifact: Artifact[None], port: str | None = None) -> Calculator:
        return Calculator(artifact.folder, artifact.lowered.graph)

    def tools(self, board: Board) -> dict[str, str]:
        return {"hwkit-toy": "1.0"}


def _step(graph: Graph, op: Op) -> dict[str, Any]:
    step: dict[str, Any] = {"output": op.output}
    match op:
        case Dense():
            weight = graph.constants[op.weight].astype(int)
            zero_point = op.input_zero_point
            bias = graph.constants[op.bias].astype(int) if op.bias else np.zeros(len(weight), int)
            step["weight"] = weight.tolist()
            step["bias"] = (bias - zero_point * weight.sum(axis=1)).tolist()
            step["input"] = op.input
            if op.rescale is not None:
                step["rescale"] = _fields(op.rescale, 0)
        case Requantize():
            step["input"] = op.input
            step["rescale"] = _fields(op.rescale, op.input_zero_point)
        case Clamp():
            step |= {"input": op.input, "clamp": [op.low, op.high]}
        case Reshape():
            step["input"] = op.input
    return step


def _fields(r: Rescale, subtract: int) -> dict[str, Any]:
    return {
        "multiplier": r.multiplier,
        "shift": r.shift,
        "offset": r.offset,
        "half_up": r.rounding is Rounding.HALF_UP,
        "low": r.low,
        "high": r.high,
        "zero_point": r.zero_point,
        "left_shift": r.left_shift,
        "subtract": subtract,
    }


TARGET = Toy()
