"""One inference on a virtual board, with everything that it counts."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from hwkit import boards
from hwkit.device.session import Device, open_board
from hwkit.errors import BitExactnessError, DeviceError
from hwkit.flow.build import artifact_for
from hwkit.flow.shape import Shape
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import Artifact
from hwkit.targets.mcu.emit import from_device, selftest_input, to_device
from hwkit.targets.mcu.target import TARGET as mcu

BOARD = "virtual_m4"
"""Unless a benchmark names another one."""

CORES = ("virtual_m0", "virtual_m4", "virtual_m7", "virtual_m33", "virtual_m55", "virtual_rv32")
"""A board for each instruction set that there are kernels for."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Between the calls of ``hwk_profile_mark``: exact instructions and modelled cycles of each
    layer, a call of the mark included; no cycles on a core without a model. ``stack_used_bytes``
    is the most that the firmware used since reset."""

    artifact: Artifact[Any]
    layer_instructions: list[int]
    layer_cycles: list[int] | None
    stack_used_bytes: int
    cost_model: str
    cost_model_error: str

    @property
    def kernels(self) -> tuple[str, ...]:
        """Variant and name of the kernels that the last layer calls."""
        plan = self.artifact.lowered.plan
        called = [plan.kernels[call.kernel] for call in plan.layers[-1].calls]
        return tuple(dict.fromkeys(f"{kernel.variant}/{kernel.name}" for kernel in called))

    @property
    def context(self) -> dict[str, str]:
        """What decides the counts beside the layer, and what they are worth."""
        board, tools = self.artifact.board, self.artifact.facts["tools"]
        assert board.mcu is not None
        # The board says which core the code is for; what remains is the level and the like.
        flags = tools["flags"].removeprefix(" ".join(board.mcu.cpu_flags)).strip()
        return {
            "board": board.name,
            "core": board.mcu.core,
            "compiler": f"zig {tools['zig']} {flags}",
            "cost_model": self.cost_model,
            "cost_model_error": self.cost_model_error,
            "evidence": board.evidence,
        }


def count(graph: Graph, board: str = BOARD, **shape: Unpack[Shape]) -> Counted:
    """Builds ``graph`` for ``board`` as ``hwkit deploy`` does, kernels chosen by measuring, and
    counts what ``counted`` counts."""
    return counted(graph, artifact_for(graph, board, None, **shape)[1])


def count_by_rule(graph: Graph, board: str) -> Counted:
    """The same with the first kernel that the board's folders have for each layer."""
    lowered = mcu.lower(graph, boards.load(board))
    with tempfile.TemporaryDirectory() as folder:
        return counted(graph, mcu.build(mcu.emit(lowered), lowered, Path(folder)))


def counted(graph: Graph, artifact: Artifact[Any]) -> Counted:
    """Runs the self-test of ``artifact`` and takes the counts.

    Its input is made on the board, so no slow line carries it; its output's CRC-32 must be the
    interpreter's. Raises ``BitExactnessError`` when the board's integers are not: the speed of a
    wrong answer is no result.
    """
    with open_board(artifact.board, artifact.path) as device:
        if not device.selftest().passed:
            _check(graph, artifact.lowered.graph, device)
        counts = device.counts()
        assert counts is not None
        return Counted(
            artifact,
            counts.layer_instructions,
            counts.layer_cycles,
            device.stack_bytes(),
            counts.cost_model,
            counts.cost_model_error,
        )


def _check(graph: Graph, lowered: Graph, device: Device) -> None:
    """Finds the wrong integer behind a wrong CRC-32."""
    source, output = lowered.inputs[0], lowered.tensors[lowered.outputs[0]]
    x = selftest_input(lowered.tensors[source])
    expected = run(lowered, {source: x})[lowered.outputs[0]][0]
    got = from_device(device.infer(to_device(x[0], lowered.tensors[source].dtype)), output)
    compare(graph.name, expected, got)
    raise DeviceError(f"{graph.name}: the board fails its self-test, but not its input sent to it")


def compare(name: str, expected: Array, got: Array) -> None:
    """Raises ``BitExactnessError`` at the first integer of ``got`` that is not as ``expected``."""
    wrong = np.argwhere(expected != got)
    if len(wrong):
        index = tuple(int(i) for i in wrong[0])
        raise BitExactnessError(name, index, int(expected[index]), int(got[index]))
