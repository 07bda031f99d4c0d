"""Bilinear resizing in the runtimes: each in its own steps, to the last integer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Rescale, ResizeBilinear, Rounding
from hwkit.ir.tflite import BILINEAR_STEPS, bilinear, bilinear_rescale
from hwkit.ir.types import S8, S32, Quantization
from tests.targets.edge.networks import BOARDS, compare, lowered

MEAN = bilinear_rescale(-128, 127)
CONVENTIONS = ((False, False), (False, True), (True, False))


def resized(
    before: tuple[int, int, int],
    after: tuple[int, int],
    convention: tuple[bool, bool],
    rescale: Rescale | None = MEAN,
) -> Graph:
    align, centres = convention
    places = [bilinear(before[k], after[k], align=align, centres=centres) for k in range(2)]
    steps = (BILINEAR_STEPS, BILINEAR_STEPS)
    b = GraphBuilder("resized")
    facts = Quantization((0.1,), 3)
    b.input("x", before, S8, facts)
    (rows, down), (columns, right) = places
    op = ResizeBilinear("resize", "x", "y", rows, down, columns, right, steps, rescale=rescale)
    b.add(op, S8 if rescale else S32, facts)
    return b.build(["y"])


@pytest.mark.parametrize("board", BOARDS)
def test_every_convention(board: str) -> None:
    rng = np.random.default_rng(1)
    for k in range(24):
        before = (*rng.integers(1, 7, 2).tolist(), 3)
        after = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
        graph = resized(before, after, CONVENTIONS[k % 3])
        form = compare(graph, board, rng.integers(-128, 128, (4, *before)).astype(np.int8))
        assert form.retargeted == (("resize",) if board == "host_litert" else ())


def test_other_steps_and_roundings_take_the_runtime_s() -> None:
    """Thirds, rounded half to even, as an ONNX file has them: moved, and named."""
    graph = resized((2, 2, 1), (6, 6), (False, True))
    (op,) = graph.nodes
    assert isinstance(op, ResizeBilinear)
    rows, weights = (0, 0, 0, 0, 0, 1), (0, 0, 1, 3, 5, 0)
    thirds = Rescale((-(-(1 << 30) // 36),), (30,), Rounding.HALF_EVEN, -128, 127)
    op = replace(
        op, rows=rows, row_weights=weights, columns=rows, column_weights=weights, steps=(6, 6),
        rescale=thirds,
    )  # fmt: skip
    graph = graph.with_nodes((op,))
    x = np.random.default_rng(0).integers(-128, 128, (5, 2, 2, 1)).astype(np.int8)
    assert compare(graph, "host_tflm", x).retargeted == ("resize",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rescale": None}, "its integers reach"),
        ({"rescale": replace(MEAN, shift=(50,))}, "changes the scale"),
        ({"rescale": replace(MEAN, zero_point=1)}, "changes the zero point"),
        ({"rows": (1, 0, 1, 1)}, "no convention"),
    ],
)
def test_what_has_no_operator_is_refused(change: dict[str, object], why: str) -> None:
    graph = resized(
        (2, 2, 1), (4, 4), (False, False), None if change == {"rescale": None} else MEAN
    )
    (op,) = graph.nodes
    with pytest.raises(UnsupportedOp, match=f"^resize: .*{why}"):
        lowered(graph.with_nodes((replace(op, **change),)), "host_tflm")  # type: ignore[arg-type]
