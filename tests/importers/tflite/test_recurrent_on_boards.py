"""Recurrent networks on microcontrollers: every state of 200 steps is the interpreter's, which
equals TFLM (``test_recurrent.py``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit import boards
from hwkit.flow.build import artifact_for
from hwkit.flow.verify import verify
from hwkit.importers.tflite.importer import load_tflite
from tests.emulators import skip_without_emulator
from tests.importers.tflite.files import random_feeds
from tests.importers.tflite.recurrent import dtln, svdf_keyword

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("make", "board"), [(svdf_keyword, "virtual_m4"), (dtln, "virtual_m0")])
def test_two_hundred_steps(make: object, board: str, tmp_path: Path) -> None:
    skip_without_emulator(boards.load(board))
    assert callable(make)
    path = tmp_path / "model.tflite"
    path.write_bytes(make())
    graph = load_tflite(path)
    x = random_feeds(graph, 200, 1)[graph.inputs[0]]
    _, artifact = artifact_for(graph, board, None, False)
    found = verify(graph, board, x, artifact_folder=artifact.folder)
    assert found.integers >= 200 * 4 and (found.differing, found.moved) == (0, 0)
