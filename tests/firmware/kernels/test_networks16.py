"""Whole networks with 16-bit activations, each layer by the kernels on this machine, sanitized."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit import boards
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.ir.interpret import run
from hwkit.targets.mcu.lower import lower
from tests.firmware.kernels.driver import Driver, run_graph
from tests.importers.tflite.networks16 import NETWORKS16
from tests.sessions import random_inputs


@pytest.mark.parametrize("name", sorted(NETWORKS16))
def test_every_tensor_equals_the_interpreter(driver: Driver, name: str) -> None:
    graph = lower(convert(parse(NETWORKS16[name]()), name), boards.load("virtual_m4")).graph
    x = random_inputs(graph, 3, seed=2)
    got = run_graph(driver, graph, x)
    expected = run(graph, {graph.inputs[0]: x}, got)
    for tensor, values in expected.items():
        np.testing.assert_array_equal(got[tensor], values, err_msg=tensor)
