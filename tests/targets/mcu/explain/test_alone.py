"""Which layers are measured together, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.errors import AccumulatorOverflow, ConfigError, HwkitError, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.targets.mcu.explain import alone
from hwkit.targets.mcu.explain.alone import Alone, fastest, image
from tests.emulators import skip_without_emulator
from tests.firmware.single import SAME, dense, depthwise, window
from tests.targets.mcu.explain.test_variants import of

M4 = boards.load("virtual_m4")
CONV = of(window((8, 8, 8), 8, (3, 3), pad=SAME))
FEW = of(window((8, 8, 3), 8, (3, 3), pad=SAME))
DENSE = of(dense(64, 10))


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[tuple[str, ...]]]:
    """The kernels of each image that is asked for; the last of a layer's is the fastest."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[list[tuple[str, ...]]] = []

    def costs(some: list[alone._Trial], board: object) -> Iterator[int]:
        asked.append([trial.kernels for trial in some])
        return iter(100 - k for trial in some for k in range(len(trial.kernels)))

    monkeypatch.setattr(alone, "_costs", costs)
    return asked


def test_a_layer_is_measured_once(builds: list[object], tmp_path: Path) -> None:
    first = fastest([CONV, DENSE, CONV], M4)
    assert len(builds) == 1 and first[0] == first[2]
    assert fastest([DENSE, CONV], M4) == [first[1], first[0]]
    assert len(builds) == 1
    for kept in (tmp_path / "hwkit" / "alone").glob("*.json"):
        kept.write_text(kept.read_text()[:9])
    assert fastest([DENSE, CONV], M4) == [first[1], first[0]]
    assert len(builds) == 2


def test_every_kernel_but_the_definition(builds: list[list[tuple[str, ...]]]) -> None:
    found = fastest([CONV, of(depthwise((8, 8, 8), kernel=(2, 5)))], M4)
    ((of_conv, of_depthwise),) = builds
    assert {"conv2d_s8", "conv2d_s8_h8", "conv2d_s8_winograd4"} <= set(of_conv)
    assert not any(name.endswith("_ref") for name in of_conv + of_depthwise)
    assert found[0] == Alone(of_conv[-1], 101 - len(of_conv))


def test_a_layer_that_no_kernel_computes(
    builds: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_fits(*_: object) -> None:
        raise UnsupportedOp("layer0", "mcu", "why not")

    monkeypatch.setattr(alone, "that_fit", none_fits)
    assert fastest([CONV], M4) == [None] and not builds


@pytest.mark.parametrize(
    "error", [ConfigError("board virtual_m4: too much"), AccumulatorOverflow("layer0", "a sum")]
)
def test_halves_where_there_is_no_room(
    error: HwkitError, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def costs(some: list[alone._Trial], board: object) -> Iterator[int]:
        if len(some) > 1 or some[0].single is DENSE:
            raise error
        return iter([7] * len(some[0].kernels))

    monkeypatch.setattr(alone, "_costs", costs)
    conv, none, few = fastest([CONV, DENSE, FEW], M4)
    assert none is None and conv and few and conv.cost == few.cost == 7


def test_an_image_holds_so_many_kernels_and_inputs() -> None:
    layers = [of(window((8, side, 8), 8, (3, 3), pad=SAME)) for side in range(4, 20)]
    trials = [alone._Trial(layer, ("a",), Path()) for layer in layers]
    assert [len(some) for some in alone._images(trials)] == [12, 4]
    many = [alone._Trial(CONV, tuple("abcdefg"), Path())] * 7
    assert [len(some) for some in alone._images(many)] == [3, 3, 1]
    assert list(alone._images([])) == []


def test_layers_of_an_image_share_inputs_and_tables() -> None:
    made: Graph = image([CONV, CONV, of(window((8, 8, 8), 8, (1, 1)))])
    assert len(made.inputs) == 1 and len(made.constants) == 2
    assert [op.name for op in made.nodes] == ["layer0", "layer1", "layer2"]
    assert made.outputs == ("y2",)


@pytest.mark.slow
def test_really_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    skip_without_emulator(M4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    conv, few = fastest([CONV, FEW], M4)
    assert conv and conv.kernel.startswith("conv2d_s8_")
    assert 0.4 < conv.cost / CONV.macs < 1.5
    assert few and few.cost / FEW.macs > conv.cost / CONV.macs
