"""Layers that share a copy of their kernel; the tiles in assembly, on the boards' own cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.session import open_board
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run as interpret
from hwkit.ir.ops import Conv2d, Dense, Padding, Rescale, Rounding
from hwkit.ir.types import S8, S32, IntType
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import lower
from tests.sessions import layer_outputs

CHANNELS = (4, 5, 8, 3, 12, 7, 16, 20, 1, 24)
"""Of convolutions in a row: every rest of their taps by 16, odd numbers of outputs."""

FEATURES = (9, 4, 13, 33, 6, 64, 30, 5, 7)
"""Of dense layers in a row: every rest of inputs by 16 and of outputs by 4."""


def chain(bits: int, rounding: Rounding = Rounding.DOUBLE) -> Graph:
    """Convolutions 1x1 and 3x3 by turns over (3, 5, 6), then dense layers."""
    rng = np.random.default_rng(bits)
    b = GraphBuilder("chain")
    x = b.input("x", (3, 5, 6), S8)
    dtype = IntType(bits, True)

    def constants(name: str, *shape: int) -> tuple[str, str, Rescale]:
        b.constant(f"{name}.w", rng.integers(dtype.low, dtype.high + 1, shape), dtype)
        b.constant(f"{name}.b", rng.integers(-2000, 2000, shape[0]), S32)
        shifts = tuple(int(s) for s in rng.integers(32 + bits - 2, 32 + bits + 4, shape[0]))
        multipliers = tuple(int(m) for m in rng.integers(1 << 30, 1 << 31, shape[0]))
        zero_point = int(rng.integers(-128, 128))
        r = Rescale(multipliers, shifts, rounding, -128, 127, zero_point)
        return f"{name}.w", f"{name}.b", r

    for k, outputs in enumerate(CHANNELS):
        size, name = 1 + 2 * (k % 2), f"conv{k}"
        weight, bias, r = constants(name, outputs, size, size, b.shape(x)[2])
        same = Padding(size // 2, size // 2, size // 2, size // 2)
        op = Conv2d(name, x, weight, bias, f"{name}.y", (1, 1), same, (1, 1), k - 5, rescale=r)
        x = b.add(op, S8)
    for k, outputs in enumerate(FEATURES):
        weight, bias, r = constants(f"dense{k}", outputs, b.shape(x)[-1])
        x = b.add(Dense(f"dense{k}", x, weight, bias, f"dense{k}.y", k, rescale=r), S8)
    return b.build([x])


@pytest.mark.parametrize("board", ["virtual_m4", "virtual_m33"])
@pytest.mark.parametrize("bits", [8, 4])
def test_layers_that_share_code_compute_their_own_integers(
    board: str, bits: int, tmp_path: Path
) -> None:
    lowered = lower(chain(bits), boards.load(board))
    artifact = build(emit(lowered), lowered, tmp_path)
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (2, 3, 5, 6)).astype(np.int8)
    names = [op.output for op in lowered.graph.nodes]
    expected = interpret(lowered.graph, {"x": x}, keep=names)
    seen = layer_outputs(artifact, x)
    for name in names:
        assert np.array_equal(seen[name], expected[name]), name
    with open_board(artifact.board, artifact.path) as device:
        device.infer(x[0].tobytes())
        assert 2 * device.stack_bytes() < artifact.facts["stack_bytes"]


def test_equal_kinds_share_and_others_do_not() -> None:
    source = emit(lower(chain(8), boards.load("virtual_m4"))).files["model.c"].decode()
    copies = [
        line for line in source.splitlines() if line.startswith("static") and "_shared" in line
    ]
    kernels = [line.split("void ")[1].split("(")[0] for line in copies]
    # 1x1 of channels that are no multiple of 4, 3x3 of such that are; the last of each alone.
    names = [name.rpartition("_shared")[0] for name in kernels]
    assert sorted(names) == ["hwk_conv2d_s8", "hwk_conv2d_s8", "hwk_dense_s8"]
    assert all(source.count(f"  {name}(&layer") >= 2 for name in kernels)
    plain = emit(lower(chain(8), boards.load("virtual_m55"))).files["model.c"].decode()
    assert "_shared" not in plain
