"""What layers of signs, of few integers and of whole windows are made of."""

from __future__ import annotations

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import IntType
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.layers import SIGNS, Lanewise, Matrix
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.ranges import Range
from hwkit.targets.rtl.rescaling import scaling
from tests.targets.rtl.networks import mixed, resnet8, signs

U1 = IntType(1, False)


def test_signs_are_bits_between_all_layers() -> None:
    layers = network(signs()).layers
    assert [layer.name for layer in layers] == [
        "signs/bits", "first", "maxima/bits", "second", "fc",
    ]  # fmt: skip
    for layer in layers[1:]:
        assert isinstance(layer, Matrix | Lanewise) and layer.source == U1
        if isinstance(layer, Matrix):
            assert layer.kind(Fold(1, 1)) == SIGNS and layer.weight_bits == 1
            if layer.name != "fc":
                assert layer.scaling is not None and len(layer.scaling.steps[0]) == 1


def test_steps_are_the_rescale() -> None:
    for high, rounding in ((1, Rounding.FLOOR), (3, Rounding.HALF_EVEN), (2, Rounding.HALF_UP)):
        r = Rescale((5, 3), (4, 5), rounding, 0, high)
        x = np.arange(-40, 60)[:, None]
        made = scaling(r, IntType(8, True), Range(-50, 50), -3, IntType(2, False), "x")
        assert made.dsp == 0 and len(made.steps) == 2
        counted = (x[:, :, None] >= np.array(made.steps)).sum(axis=2)
        inside = (x[:, 0] >= -50) & (x[:, 0] <= 50)
        wanted = rescale(np.repeat(x - 3, 2, axis=1), r, "x")
        np.testing.assert_array_equal(counted[inside], wanted[inside])


def test_what_has_no_steps() -> None:
    """Shifts are cheaper than three comparisons, and five results have no thresholds."""
    wide = Range(-50, 50)
    for r in (
        Rescale((1,), (3,), Rounding.FLOOR, 0, 3),
        Rescale((5,), (4,), Rounding.FLOOR, 0, 4),
    ):
        assert not scaling(r, IntType(8, True), wide, 0, IntType(3, False), "x").steps


def test_a_place_a_cycle() -> None:
    first = network(resnet8(8, 4)).layers[0]
    assert isinstance(first, Matrix)
    folds = list(first.folds())
    # Padding of one column at each side: ten cycles a row of eight places.
    assert min(first.cycles(fold) for fold in folds) == 8 * 10
    assert min(first.cycles(fold) for fold in folds if not fold.whole) == 9 * 64
    for layer in network(mixed()).layers:
        for fold in layer.folds():
            assert not fold.whole or isinstance(layer, Matrix | Lanewise)
