"""Imported networks, really run on the virtual cores: the board equals the interpreter, and the
interpreter TFLM. Kernels are chosen by measuring for one network on one core, and every night for
all on all: a choice costs some ten builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.flow.build import artifact_for
from hwkit.flow.verify import verify
from tests.emulators import skip_without_emulator
from tests.examples import FACTOR
from tests.importers.tflite.every_operator import EVERY_OPERATOR
from tests.importers.tflite.files import as_tflm
from tests.importers.tflite.networks import NETWORKS
from tests.predicted import predicted
from tests.sessions import random_inputs

pytestmark = pytest.mark.slow

MEASURED = ("ds_cnn", "virtual_m4")
CORES = ("virtual_m0", "virtual_m4", "virtual_m7", "virtual_m33", "virtual_m55", "virtual_rv32")
FITTING = [name for name in NETWORKS if name not in ("decoder", "sixteen_bits")]
"""The others have two outputs or 16-bit activations."""


def runs(name: str, board: str, tmp_path: Path, samples: int) -> None:
    skip_without_emulator(boards.load(board))
    graph = as_tflm((NETWORKS | EVERY_OPERATOR)[name](), tmp_path, samples)
    x = random_inputs(graph, samples, seed=1)
    assert len(np.unique(predicted(graph, x))) > 1
    measure = (name, board) == MEASURED or FACTOR > 1
    _, artifact = artifact_for(graph, board, None, measure)
    done = verify(graph, board, x, artifact_folder=artifact.folder)
    assert (done.differing, done.moved) == (0, 0) and done.integers > 0


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("arithmetic", "virtual_m0"),
        ("arithmetic", "virtual_m4"),
        ("arithmetic", "virtual_m55"),
        ("movement", "virtual_m4"),
        ("transposed", "virtual_rv32"),
    ],
)
def test_every_operator(name: str, board: str, tmp_path: Path) -> None:
    runs(name, board, tmp_path, 3)


def pairs() -> list[tuple[str, str]]:
    """Two networks on every core, the others on two; ``benchmarks.cores`` takes all."""
    everywhere = [(name, board) for name in ("ds_cnn", "mobilenet_v2") for board in CORES]
    others = [name for name in FITTING if (name, CORES[0]) not in everywhere]
    some = [(name, board) for name in others for board in ("virtual_m0", "virtual_m55")]
    return everywhere + some + [(name, "virtual_m33") for name in EVERY_OPERATOR]


@pytest.mark.parametrize(("name", "board"), pairs())
def test_every_network(name: str, board: str, tmp_path: Path) -> None:
    runs(name, board, tmp_path, 2)
