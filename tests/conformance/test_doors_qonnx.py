"""The QONNX door: every integer of an import equals the file's own execution, but counted ties.

``python -m benchmarks.doors`` does the same for hundreds of networks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.importers import load_proven
from tests.conformance.doors import Network

QONNX_SEEDS = range(60)
EXECUTED_SEEDS = range(100, 116)
BREVITAS_SEEDS = range(5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.onnx"


def test_random_qonnx_graphs_keep_every_integer(path: Path) -> None:
    integers = ties = 0
    for seed in QONNX_SEEDS:
        _, proof = load_proven(Network(seed).save(path), 8)
        assert proof is not None
        assert proof.differing == 0, (seed, proof)
        integers += proof.integers
        ties += proof.ties
    assert integers > 50_000
    assert ties <= 1e-4 * integers


def test_our_execution_is_qonnx_s(path: Path) -> None:
    pytest.importorskip("qonnx")
    from tests.conformance.qonnx_execution import compare

    compared = 0
    for seed in EXECUTED_SEEDS:
        network = Network(seed)
        x = np.random.default_rng(seed).normal(0, 2, (1, *network.input_shape))
        compared += compare(network.save(path), x.astype(np.float32))[0]
    assert compared > 5_000


def test_every_operator_in_both_forms(path: Path) -> None:
    """The networks of the QDQ door with ``Quant`` nodes; our execution of some is qonnx's."""
    pytest.importorskip("qonnx")
    from tests.conformance.doors_onnx import Network as Every
    from tests.conformance.qonnx_execution import compare

    integers = 0
    for seed in range(200, 220):
        network = Every(seed)
        path.write_bytes(network.as_qonnx())
        _, proof = load_proven(path, 4)
        assert proof is not None
        assert proof.differing == 0, (seed, network.kinds, proof)
        integers += proof.integers
        if seed < 208:
            compare(path, network.samples[:1])
    assert integers > 10_000


def test_random_brevitas_models_keep_every_integer(path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("brevitas")
    from hwkit.train.freeze import export
    from tests.conformance.doors_brevitas import drawn

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    integers = 0
    try:
        for seed in BREVITAS_SEEDS:
            model = drawn(seed)
            export(model, torch.zeros(1, *model.shape), path)
            _, proof = load_proven(path, 4)
            assert proof is not None
            assert proof.differing == 0, (seed, proof)
            integers += proof.integers
    finally:
        torch.set_num_threads(threads)
    assert integers > 5_000
