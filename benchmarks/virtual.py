"""One inference on a virtual board, with everything that it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.device.session import open_board
from hwkit.errors import BitExactnessError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.verify import random_inputs
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import Artifact
from hwkit.targets.mcu.emit import from_device, to_device

BOARD = "virtual_m4"


@dataclass(frozen=True, slots=True)
class Counted:
    """Between the calls of ``hwk_profile_mark``: exact instructions and modelled cycles of each
    layer, a call of the mark included. ``stack_used_bytes`` is the most that the firmware used
    since reset."""

    artifact: Artifact
    layer_instructions: list[int]
    layer_cycles: list[int]
    stack_used_bytes: int
    cost_model: str
    cost_model_error: str

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the kernels in the image."""
        return tuple(self.artifact.lowered.plan.kernels)

    @property
    def context(self) -> dict[str, str]:
        """What decides the counts beside the layer, and what they are worth."""
        tools = self.artifact.facts["tools"]
        return {
            "board": BOARD,
            "compiler": f"zig {tools['zig']} {tools['flags']}",
            "cost_model": self.cost_model,
            "cost_model_error": self.cost_model_error,
            "evidence": self.artifact.board.evidence,
        }


def count(graph: Graph) -> Counted:
    """Builds ``graph``, runs one random input and takes the counts.

    Raises ``BitExactnessError`` when the board's integers are not the interpreter's: the speed of
    a wrong answer is no result.
    """
    _, artifact = artifact_for(graph, BOARD, None)
    lowered = artifact.lowered.graph
    source, output = lowered.inputs[0], lowered.tensors[lowered.outputs[0]]
    x = boundary.enter(graph, lowered, random_inputs(graph, 1, 0))
    expected = run(lowered, {source: x})[lowered.outputs[0]][0]
    with open_board(artifact.board, artifact.path) as device:
        data = to_device(x[0], lowered.tensors[source].dtype)
        compare(graph.name, expected, from_device(device.infer(data), output))
        counts = device.counts()
        assert counts is not None and counts.layer_cycles is not None
        return Counted(
            artifact,
            counts.layer_instructions,
            counts.layer_cycles,
            device.stack_bytes(),
            counts.cost_model,
            counts.cost_model_error,
        )


def compare(name: str, expected: Array, got: Array) -> None:
    """Raises ``BitExactnessError`` at the first integer of ``got`` that is not as ``expected``."""
    wrong = np.argwhere(expected != got)
    if len(wrong):
        index = tuple(int(i) for i in wrong[0])
        raise BitExactnessError(name, index, int(expected[index]), int(got[index]))
