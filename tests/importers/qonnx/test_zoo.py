"""Any Brevitas model of supported layers: fake-quantized outputs against the integer graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.predicted import predicted

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from torch import nn  # noqa: E402

from hwkit.importers import load_model  # noqa: E402
from hwkit.ir.graph import Graph  # noqa: E402
from hwkit.ir.ops import Rounding, rescales  # noqa: E402
from hwkit.train.freeze import Fidelity, export, fidelity, freeze  # noqa: E402
from tests.importers.qonnx import zoo  # noqa: E402
from tests.importers.qonnx.zoo import Kit  # noqa: E402

pytestmark = pytest.mark.slow

MAP = (3, 9, 9)
MOVED_SHARE = 0.02
"""Ties of float32 sums fall either way, and what moved in one layer is seen by all outputs of the
next."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def frozen(model: Any, shape: tuple[int, ...] = MAP) -> tuple[Graph, Fidelity]:
    model = zoo.calibrated(model, shape)
    graph = freeze(model, zoo.inputs(1, shape))
    return graph, fidelity(graph, model, zoo.inputs(64, shape))


def assert_near(found: Fidelity, steps: int = 1) -> None:
    assert found.integers > 0
    assert found.largest_difference <= steps, found
    assert found.moved <= MOVED_SHARE * found.integers, found


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
@pytest.mark.parametrize("name", zoo.EXACT)
def test_power_of_two_scales_are_exact(name: str, per_channel: bool) -> None:
    graph, found = frozen(zoo.EXACT[name](Kit(dyadic=True, per_channel=per_channel)))
    assert (found.moved, found.integers) == (0, found.integers), found
    for op in graph.nodes:
        rescale = getattr(op, "rescale", None)
        assert rescale is None or rescale.rounding is Rounding.HALF_EVEN
        assert rescale is None or all(m & (m - 1) == 0 for m in rescale.multiplier)


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
@pytest.mark.parametrize("name", [*zoo.EXACT, *zoo.NEAR])
def test_float_scales_move_hardly_any_integer(
    name: str, per_channel: bool, record_property: Callable[[str, object], None]
) -> None:
    model = {**zoo.EXACT, **zoo.NEAR}[name](Kit(per_channel=per_channel))
    _, found = frozen(model)
    record_property("moved", f"{found.moved} of {found.integers}")
    # One step more or less in front of a batch norm with a large gain is two steps behind it.
    assert_near(found, 2 if name == "normed" else 1)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
def test_every_width(bits: int) -> None:
    for weight_bits, name in ((bits, "strided"), (8, "residual"), (bits, "depthwise")):
        kit = Kit(dyadic=True, weight_bits=weight_bits, bits=bits)
        graph, found = frozen(zoo.EXACT[name](kit))
        assert found.moved == 0, (name, found)
        assert {t.dtype.bits for n, t in graph.tensors.items() if n.endswith(".weight")} == {
            weight_bits
        }
        assert_near(frozen(zoo.EXACT[name](Kit(weight_bits=weight_bits, bits=bits)))[1])


@pytest.mark.parametrize("dyadic", [True, False])
def test_one_dimensional(dyadic: bool) -> None:
    graph, found = frozen(zoo.one_dimensional(Kit(dyadic=dyadic)), (3, 31))
    assert graph.tensors["input"].shape == (1, 31, 3)
    assert found.moved == 0 if dyadic else found.largest_difference <= 1


def test_float_biases_are_kept() -> None:
    for name in ("strided", "residual", "averaged"):
        graph, found = frozen(zoo.EXACT[name](Kit(bias_quant=None, weight_bits=4, bits=4)))
        assert any(any(r.offset) for op in graph.nodes for r in rescales(op))
        assert graph.metadata["differing"] == "0"
        assert_near(found)


def test_floor_rounding_is_kept() -> None:
    kit = Kit(dyadic=True)
    model = zoo.strided(kit)
    for key, stage in (("r1", kit.relu), ("out", kit.identity)):
        model.add_module(key, stage(float_to_int_impl_type="FLOOR"))
    graph, found = frozen(model)
    assert found.moved == 0
    assert {op.name: op.rescale.rounding for op in graph.nodes if hasattr(op, "rescale")
            and op.rescale}["r1"] is Rounding.FLOOR  # fmt: skip


def test_layers_are_named_by_their_modules() -> None:
    graph, _ = frozen(zoo.residual(Kit()))
    names = [op.name for op in graph.nodes]
    assert names == [
        "c0", "r0", "ca", "qa", "cb", "qb", "add", "r1", "cc", "qc", "add_2", "out",
    ]  # fmt: skip


def test_argmax_survives_per_channel_scales_without_output_quantizer() -> None:
    model = zoo.calibrated(zoo.mlp(Kit()), MAP)
    graph = freeze(model, zoo.inputs(1, MAP))
    found = fidelity(graph, model, zoo.inputs(64, MAP))
    assert found.argmax_moved == 0
    assert graph.outputs == ("l2.common_scale",)


@pytest.mark.parametrize("name", ["strided", "residual", "averaged", "joined"])
def test_both_exporters_give_the_same_integers(name: str, tmp_path: Path) -> None:
    from brevitas.export import export_qonnx

    model = zoo.calibrated(zoo.EXACT[name](Kit()), MAP)
    export(model, zoo.inputs(1, MAP), tmp_path / "a.onnx")
    export_qonnx(model, args=zoo.inputs(1, MAP), export_path=str(tmp_path / "b.onnx"),
                 dynamo=True, verbose=False)  # fmt: skip
    a, b = (load_model(tmp_path / f"{n}.onnx") for n in "ab")
    x = np.random.default_rng(1).integers(-128, 128, (8, 9, 9, 3)).astype(np.int8)
    assert np.array_equal(predicted(a, x), predicted(b, x))
    assert [op.name for op in a.nodes if "weight" in dir(op)] == [
        op.name for op in b.nodes if "weight" in dir(op)
    ]


@pytest.mark.parametrize("name", ["strided", "residual", "averaged"])
def test_agrees_with_qonnx(name: str, tmp_path: Path) -> None:
    qonnx = pytest.importorskip("qonnx.core.modelwrapper")
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model

    from hwkit.train.freeze import input_integers, output_integers

    model = zoo.calibrated(zoo.EXACT[name](Kit(dyadic=True)), MAP)
    export(model, zoo.inputs(1, MAP), tmp_path / "m.onnx")
    graph = load_model(tmp_path / "m.onnx")
    wrapped = cleanup_model(qonnx.ModelWrapper(str(tmp_path / "m.onnx")))
    for _ in range(3):
        x = zoo.inputs(1, MAP).numpy()
        reals = execute_onnx(wrapped, {wrapped.graph.input[0].name: x})[
            wrapped.graph.output[0].name
        ]
        wanted = output_integers(graph, reals)
        assert np.array_equal(predicted(graph, input_integers(graph, x)), wanted)


class _Returned(nn.Module):
    """A model that returns a ``QuantTensor``: its export has scale and zero point as outputs."""

    def __init__(self) -> None:
        super().__init__()
        kit = Kit(weight_bits=4, bits=5)
        self.quant, self.conv, self.out = kit.identity(), kit.conv(3, 4, 3), kit.identity()

    def forward(self, x: Any) -> Any:
        return self.out(self.conv(self.quant(x)))


def test_a_model_that_returns_a_quant_tensor() -> None:
    graph, found = frozen(_Returned())
    assert len(graph.outputs) == 1
    assert_near(found)
