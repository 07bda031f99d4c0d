"""What waiting for a board's flash adds to each layer: estimated on the board of its core."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.lower.checked import golden_inputs
from hwkit.target import Artifact, Lowered
from hwkit.targets.mcu.estimate import estimates
from hwkit.targets.mcu.lower import McuPlan, section
from hwkit.targets.mcu.session import open_session


def flash_waits(lowered: Lowered[McuPlan]) -> Sequence[int | None]:
    """Cycles of each layer that ``hwkit profile --estimate`` has more than the core alone; None
    for boards that are emulated themselves, or whose flash nothing is known of."""
    mcu = section(lowered.board)
    if mcu.emulator or mcu.flash_timing is None:
        return [None] * len(lowered.graph.nodes)
    plain, timed = (_cycles(artifact) for artifact in estimates(lowered))
    return [
        None if now is None or then is None else now - then
        for now, then in zip(timed, plain, strict=True)
    ]


def _cycles(artifact: Artifact[McuPlan]) -> list[int | None]:
    with open_session(artifact) as session:
        (timings,) = session.timed(golden_inputs(artifact.lowered.graph, 1), 1, 1)
    return [timing.cycles for timing in timings]
