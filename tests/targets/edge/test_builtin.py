"""LiteRT without XNNPACK: every integer, and the depthwise layers that it rounds in two ways."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import DepthwiseConv2d
from hwkit.ir.types import S8, S32
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import load
from tests.conformance.graphs import ALL_OPS, Space
from tests.targets.edge.networks import compare, lowered, rescale, runtime
from tests.targets.edge.test_tflite_runtime import taken_by

BOARD = "host_litert_builtin"


def test_random_layers() -> None:
    space = Space(ops=ALL_OPS, activations=(S8,), weight_bits=(8,), max_ops=2, raw_output=True)
    assert taken_by(BOARD, space, 25, 10) > 10


def _depthwise(channels: int) -> GraphBuilder:
    rng = np.random.default_rng(channels)
    b = GraphBuilder("dw")
    b.input("x", (9, 9, channels), S8)
    b.constant("w", rng.integers(-127, 128, (1, 3, 3, channels)), S8)
    b.constant("b", rng.integers(-500, 500, channels), S32)
    b.add(DepthwiseConv2d("dw", "x", "w", "b", "y", rescale=rescale([0.003] * channels)), S8)
    return b


@pytest.mark.parametrize("channels", [5, 8, 16])
def test_channels_by_eights(channels: int) -> None:
    x = np.random.default_rng(1).integers(-128, 128, (30, 9, 9, channels)).astype(np.int8)
    compare(_depthwise(channels).build(["y"]), BOARD, x)


def test_eights_and_a_rest_are_refused() -> None:
    with pytest.raises(UnsupportedOp, match=r"dw: .*12 channels, of which eights round otherwise"):
        lowered(_depthwise(12).build(["y"]), BOARD)


def test_no_delegate() -> None:
    """The board without XNNPACK is without it, the default one is not."""
    for board, delegated in ((BOARD, False), ("host_litert", True)):
        assert boards.load(board).edge is not None
        form = lowered(_depthwise(8).build(["y"]), board)
        assert load(runtime(board), emit(form).files[MODEL]).facts["delegated"] is delegated
