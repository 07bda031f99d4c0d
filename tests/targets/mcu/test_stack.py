"""The stack that a build reserves is enough, told without running it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.session import open_board
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Requantize, Rescale, Rounding, Transpose
from hwkit.ir.types import S8, S32, IntType, Quantization, TensorType
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import lower
from hwkit.toolchain import firmware, stack
from hwkit.toolchain.stack import EXCEPTION_BYTES, Depth
from tests.conformance.run import check, lowered_or_none
from tests.emulators import skip_without_emulator
from tests.targets.mcu.test_sharing import chain


def _narrow_sum() -> Graph:
    """A packed sum, whose kernel on the Cortex-M55 keeps 800 bytes of vectors on the stack."""
    first = Rescale((1272446316,), (31,), Rounding.HALF_UP, -(2**27), 2**27, left_shift=18)
    second = replace(first, multiplier=(1441542142,))
    narrowed = Rescale((1893922967, 2020260223), (53, 54), Rounding.HALF_UP, 0, 3)
    shape, half = (6, 6, 2), Quantization((0.5,), -128)
    u2 = TensorType(shape, IntType(2, False), Quantization((0.5,), 0))
    return Graph(
        name="narrow_sum",
        nodes=(
            Add("sum", ("a", "b"), "sum", (-128, -128), (first, second), 32),
            Requantize("narrow", "sum", "narrow", narrowed),
            Transpose("turn", "narrow", "y", (0, 1, 2)),
        ),
        tensors={
            "a": TensorType(shape, S8, half),
            "b": TensorType(shape, S8, half),
            "sum": TensorType(shape, S32),
            "narrow": u2,
            "y": u2,
        },
        constants={},
        inputs=("a", "b"),
        outputs=("y",),
    )


@pytest.mark.parametrize("board", ["virtual_m0", "virtual_m4", "virtual_m55", "virtual_rv32"])
@pytest.mark.parametrize("bits", [8, 4])
def test_the_deepest_chain_is_no_less_than_what_was_used(
    board: str, bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Depth] = []

    def deepest(objects: list[Path]) -> Depth:
        found.append(stack.deepest(objects))
        return found[-1]

    lowered = lower(chain(bits), boards.load(board))
    skip_without_emulator(lowered.board)
    monkeypatch.setattr(firmware, "deepest", deepest)
    artifact = build(emit(lowered), lowered, tmp_path)
    x = np.random.default_rng(0).integers(-128, 128, (3, 5, 6)).astype(np.int8)
    with open_board(artifact.board, artifact.path) as device:
        device.infer(x.tobytes())
        used = device.stack_bytes()
    exception = 0 if board == "virtual_rv32" else EXCEPTION_BYTES
    assert found[-1].chain[0] == "Reset_Handler"
    assert found[-1].size_bytes / 3 < used <= found[-1].size_bytes - exception


def test_a_deep_kernel_gets_the_stack_that_it_needs(tmp_path: Path) -> None:
    lowered = lowered_or_none(_narrow_sum(), "virtual_m55")
    assert lowered is not None
    skip_without_emulator(lowered.board)
    check(_narrow_sum(), lowered, tmp_path)
    assert build(emit(lowered), lowered, tmp_path).facts["stack_bytes"] > 1024
