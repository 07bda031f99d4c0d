"""Networks with 16-bit activations: TFLM, the interpreter and firmware on virtual cores agree.
Kernels are chosen by measuring for the small network on one core, and every night for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.flow.build import artifact_for
from hwkit.flow.verify import verify
from tests.emulators import skip_without_emulator
from tests.examples import FACTOR
from tests.importers.tflite.files import as_tflm
from tests.importers.tflite.networks import sixteen_bits
from tests.importers.tflite.networks16 import NETWORKS16
from tests.predicted import predicted
from tests.sessions import random_inputs

CORES = ("virtual_m0", "virtual_m4", "virtual_m55", "virtual_rv32")


@pytest.mark.parametrize("name", sorted(NETWORKS16))
def test_interpreter_equals_tflm(name: str, tmp_path: Path) -> None:
    graph = as_tflm(NETWORKS16[name](), tmp_path, 100)
    y = predicted(graph, random_inputs(graph, 100, seed=1))
    assert len(np.unique(y)) > 10


def _equal(model: bytes, board: str, tmp_path: Path, measure: bool = FACTOR > 1) -> None:
    skip_without_emulator(boards.load(board))
    graph = as_tflm(model, tmp_path, 3)
    _, artifact = artifact_for(graph, board, None, measure)
    x = random_inputs(graph, 8, seed=1)
    done = verify(graph, board, x, artifact_folder=artifact.folder)
    assert (done.differing, done.moved) == (0, 0) and done.integers > 0


@pytest.mark.parametrize("board", CORES)
def test_a_small_network(board: str, tmp_path: Path) -> None:
    _equal(sixteen_bits(), board, tmp_path, board == "virtual_m4" or FACTOR > 1)


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("lstm", "virtual_m4"),
        ("signal", "virtual_m0"),
        ("signal", "virtual_m55"),
        ("mobilenet_block", "virtual_m4"),
        ("mobilenet_block", "virtual_rv32"),
    ],
)
def test_networks(name: str, board: str, tmp_path: Path) -> None:
    _equal(NETWORKS16[name](), board, tmp_path)


@pytest.mark.slow  # 12 builds; the test above has each network on a core
@pytest.mark.parametrize("board", CORES)
@pytest.mark.parametrize("name", sorted(NETWORKS16))
def test_every_network_on_every_core(name: str, board: str, tmp_path: Path) -> None:
    _equal(NETWORKS16[name](), board, tmp_path)
