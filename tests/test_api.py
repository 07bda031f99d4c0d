"""The library API of the README, on a user's own Brevitas model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.predicted import predicted

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

import hwkit  # noqa: E402


def test_readme_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import brevitas.nn as qnn
    from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat

    monkeypatch.setenv("HWKIT_STORE", str(tmp_path / "measurements.sqlite"))
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat),
        qnn.QuantConv2d(2, 4, 3, padding=1, bias=True, weight_bit_width=8),
        qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat),
        torch.nn.Flatten(),
        qnn.QuantLinear(4 * 36, 5, bias=True, weight_bit_width=8),
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat),
    )
    for _ in range(3):
        model(torch.randn(16, 2, 6, 6))
    graph = hwkit.freeze(model.eval(), torch.randn(1, 2, 6, 6))

    x = np.random.default_rng(0).integers(-128, 128, (20, 6, 6, 2)).astype(np.int8)
    y = predicted(graph, x)
    assert y.shape == (20, 5) and len(np.unique(y)) > 10
    graph.save(str(tmp_path / "m.hwk"))
    np.testing.assert_array_equal(hwkit.load(tmp_path / "m.hwk").predict(x), y)

    result = hwkit.verify(graph, "virtual_m4", x)
    assert result.exact and result.inputs == 20 and result.moved == 0
    facts = hwkit.deploy(graph, "virtual_m4", tmp_path / "build")
    assert facts["flash_bytes"] > facts["weight_bytes"] > 0
    rows = hwkit.profile(graph, "virtual_m4", repeats=2)
    assert rows["total"]["cycles"] > rows["total"]["instructions"] > 0


def test_functions_survive_imports_of_their_packages() -> None:
    import hwkit.allocate.solve
    import hwkit.profile.store

    assert callable(hwkit.profile) and callable(hwkit.allocate)
