"""Whole networks on the RV32 core, in the virtual board and in QEMU: the very same image answers
the very same bytes after the very same number of instructions, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.device.qemu import Qemu
from hwkit.device.session import open_board
from hwkit.flow.golden import golden_network
from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.graph import Graph
from hwkit.targets.mcu.target import TARGET as mcu
from tests.emulators import skip_without_emulator, skip_without_qemu
from tests.importers.tflite import networks as tflite_networks
from tests.sessions import random_inputs

pytestmark = pytest.mark.slow


def imported(model: bytes, folder: Path) -> Graph:
    path = folder / "network.tflite"
    path.write_bytes(model)
    return load_tflite(path)


NETWORKS: dict[str, Callable[[Path], Graph]] = {
    "bringup": lambda folder: golden_network(),
    "ds_cnn": lambda folder: imported(tflite_networks.ds_cnn(), folder),
    "mobilenet_v2": lambda folder: imported(tflite_networks.mobilenet_v2(), folder),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_instructions_of_each_layer_equal_qemus(name: str, tmp_path: Path) -> None:
    board = boards.load("virtual_rv32")
    skip_without_emulator(board)
    skip_without_qemu(board)
    graph = NETWORKS[name](tmp_path)
    lowered = mcu.lower(graph, board)
    image = mcu.build(mcu.emit(lowered), lowered, tmp_path / "build").path
    data = random_inputs(graph, 1, seed=1).tobytes()
    with open_board(board, image) as here:
        answer, counted, stack_bytes = here.infer(data), here.instructions(), here.stack_bytes()
    with Qemu(board, image) as qemu, open_board(board, None, qemu.port) as there:
        assert there.infer(data) == answer
        assert there.stack_bytes() == stack_bytes
        in_qemu = qemu.counts().layer_instructions
    assert counted == in_qemu and min(in_qemu) > 0
