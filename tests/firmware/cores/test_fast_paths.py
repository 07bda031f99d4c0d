"""What each fast path of the kernels saves, in executed instructions of one layer each.

A condition that turns a fast path off changes no integer: only counts tell. Emulators count
exactly, so no layer may take one instruction more than instructions.csv says. A kernel that got
better, or must cost more, writes that table anew (``fast_paths.py``), where a reader sees it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.qemu import find_program
from hwkit.errors import ToolMissing
from hwkit.ir.interpret import run
from hwkit.toolchain import zig
from tests import sessions
from tests.firmware.cores import fast_paths

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", fast_paths.BOARDS)
def test_no_layer_costs_more_than_its_fast_path(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    assert board.mcu is not None
    if board.mcu.emulator == "unicorn":
        pytest.importorskip("unicorn")
    try:
        zig.program()
        if board.mcu.emulator == "qemu":
            find_program(board.mcu)
    except ToolMissing as missing:
        pytest.skip(str(missing))
    artifact = fast_paths.built(name, tmp_path)
    found, budget = fast_paths.counted(artifact), fast_paths.budgets()[name]
    assert found.keys() == budget.keys()
    slower = {k: (found[k], budget[k]) for k in budget if found[k] > budget[k]}
    assert not slower
    x = fast_paths.inputs(3)
    assert np.array_equal(sessions.run(artifact, x), run(artifact.lowered.graph, {"x": x})["y"])
