"""Random graphs through whole targets: lowered, emitted, built, run, every integer compared.

The graphs are drawn from what each target claims (``spaces.space_of``), on every board that runs
on this machine: those of installed packages too, see ``test_plugins.py``.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from hwkit import boards, targets
from hwkit.device.session import is_emulated
from hwkit.ir.graph import Graph
from tests.conformance.graphs import graphs
from tests.conformance.run import check, lowered_or_none
from tests.conformance.spaces import space_of
from tests.emulators import skip_without_emulator
from tests.examples import more

EXAMPLES = {
    "host_litert": 60,
    "host_onnxruntime": 40,
    "host_tflm": 60,
    "interpreter": 100,
    "toy": 60,
    "virtual_m4": 30,
    "virtual_m7": 4,
    "virtual_m33": 4,
    "virtual_m55": 4,
    "virtual_rv32v": 4,
}
"""How many graphs a board is given; 8 where nothing is said."""

QUICK = ("host_litert", "host_onnxruntime", "host_tflm", "interpreter", "toy")

ELSEWHERE = {
    "finn_sim": "tests/targets/finn/test_simulation.py: many graphs for one start of FINN",
    "host_litert_builtin": "tests/targets/edge/test_builtin.py",
    "host_openvino": "tests/targets/edge/test_openvino.py: near, not exact",
    "host_tflite_runtime": "tests/targets/edge/test_tflite_runtime.py: where it is installed",
    "rtl_sim": "test_rtl.py: many cores for one simulator",
    "rtl_sim_unrolled": "tests/targets/rtl/test_unrolled.py",
    "virtual_rv32_e31": "virtual_rv32: the same image, and only its cycles are others",
}
"""Boards that run here and whose random graphs are another test's."""


def runs_here(name: str) -> bool:
    """Whether this machine runs what is built for a board."""
    board = boards.load(name)
    if board.target == "hls4ml":
        return board.name == "hls4ml_csim"  # the others are projects for a vendor's tool
    if board.target == "finn":
        return board.name == "finn_sim"
    return board.target not in ("mcu", "rtl") or is_emulated(board)


HERE = [name for name in boards.names() if runs_here(name)]


def test_no_board_is_forgotten() -> None:
    assert set(ELSEWHERE) < set(HERE)
    assert {"interpreter", "host_tflm", "virtual_m0", "virtual_rv32", "hls4ml_csim"} < set(HERE)


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in HERE
        if name not in ELSEWHERE
    ],
)
def test_every_integer_of_random_graphs(board: str) -> None:
    description = boards.load(board)
    skip_without_emulator(description)
    space = space_of(targets.get(description).capabilities(description))
    if description.target == "edge":
        # Whole sums are refused as often as not; tests/targets/edge/test_random.py has them.
        space = replace(space, raw_output=False)
    accepted = refused = 0

    @settings(max_examples=more(EXAMPLES.get(board, 8)))
    @given(graphs(space))
    def one(graph: Graph) -> None:
        nonlocal accepted, refused
        lowered = lowered_or_none(graph, board)
        if lowered is None:
            refused += 1
            return
        accepted += 1
        with tempfile.TemporaryDirectory() as folder:
            check(graph, lowered, Path(folder))

    one()
    # Refusals are honest, but a target that refused most graphs would prove nothing.
    assert accepted > refused
