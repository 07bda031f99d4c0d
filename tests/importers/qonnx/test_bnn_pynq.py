"""FINN's example networks: binary weights and activations, 2x - 1 in front, a norm behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from hwkit.flow.verify import verify
from hwkit.importers import load_proven
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array, IntType
from tests.examples import more

from .bnn_pynq import exported

pytestmark = pytest.mark.slow  # each is exported by PyTorch, which takes ten seconds

SAMPLES = 40

EVERY = more(1) > 1
"""At night; by day one network of each kind."""


def proven(path: Path, samples: int) -> Graph:
    graph, proof = load_proven(path, samples)
    assert proof is not None and proof.differing == 0
    assert proof.ties < 1e-4 * proof.integers
    return graph


def by_qonnx(path: Path, images: Array) -> tuple[Array, Array]:
    """What QONNX's own execution gives: the first quantizer's reals and the output's."""
    model = ModelWrapper(onnx.load(str(path)))
    activations = [
        node
        for node in model.graph.node
        if node.op_type in ("Quant", "BipolarQuant") and model.find_producer(node.input[0])
    ]
    first = activations[0].output[0]
    ports = model.graph.input[0].name, model.graph.output[0].name
    rows = [execute_onnx(model, {ports[0]: image[None]}, True) for image in images]
    return np.stack([r[first][0] for r in rows]), np.stack([r[ports[1]][0] for r in rows])


@pytest.mark.parametrize(
    "name",
    ["tfc_1w2a", *(["tfc_1w1a", "tfc_2w2a", "sfc_1w1a", "lfc_1w2a"] if EVERY else [])],
)
def test_fully_connected(name: str, tmp_path: Path) -> None:
    path = exported(name, tmp_path / f"{name}.onnx")
    graph = proven(path, SAMPLES)
    x, y = graph.inputs[0], graph.outputs[0]
    images = np.random.default_rng(6).random((SAMPLES, 1, 28, 28), np.float32)
    assert graph.tensors[x].dtype == IntType(2, True)
    assert graph.metadata[f"input {x}"] == f"2.0 * {x} + -1.0"
    read, wanted = by_qonnx(path, images)
    facts = graph.tensors[x].quantization
    assert facts is not None and facts.zero_point == 0
    integers = np.rint(read / facts.scale[0]).astype(np.int8)
    got = run(graph, {x: integers})[y]
    step = graph.tensors[y].quantization
    assert step is not None
    # The output is real: the graph's step is so fine that float32 is what differs.
    np.testing.assert_allclose(
        got * step.scale[0], wanted, rtol=0, atol=0.51 * step.scale[0] + 2e-5
    )
    assert np.array_equal(got.argmax(1), wanted.argmax(1))


@pytest.mark.parametrize("name", ["cnv_1w1a", *(["cnv_2w2a"] if EVERY else [])])
def test_convolutional(name: str, tmp_path: Path) -> None:
    graph = proven(exported(name, tmp_path / f"{name}.onnx"), 4)
    assert graph.tensors[graph.inputs[0]].shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["tfc_1w1a", *(["tfc_2w2a"] if EVERY else [])])
def test_the_smallest_in_rtl(name: str, tmp_path: Path) -> None:
    graph = proven(exported(name, tmp_path / f"{name}.onnx"), 4)
    found = verify(graph, "rtl_sim", samples=20)
    assert found.integers > 20 * 10 and found.differing == 0
