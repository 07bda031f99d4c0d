"""Networks of others as firmware: every integer on the virtual Cortex-M4 as in the interpreter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from tests.conformance.run import check, lowered_or_none
from tests.importers.tflite.networks import NETWORKS

pytestmark = pytest.mark.slow

_NAMES = ("ds_cnn", "mobilenet_v2", "mobilenet_v3", "streaming", "decoder")


@pytest.mark.parametrize("name", _NAMES)
def test_networks_of_others_on_the_virtual_board(name: str, tmp_path: Path) -> None:
    graph = convert(parse(NETWORKS[name]()), name)
    # A firmware has one output.
    graph = replace(graph, outputs=graph.outputs[:1])
    lowered = lowered_or_none(graph, "virtual_m4")
    assert lowered is not None and not lowered.retargeted
    check(graph, lowered, tmp_path / "build")
