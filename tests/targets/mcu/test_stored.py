"""What is packed in the arena and in flash, and what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, Mul, Padding, Requantize, Rescale, Reshape, Rounding
from hwkit.ir.types import S8, IntType
from hwkit.lower.patch.turns import by_output
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import lower, plan, section, staged
from hwkit.targets.mcu.session import open_session
from hwkit.targets.mcu.stages import staging
from hwkit.targets.mcu.stored import storages
from hwkit.targets.mcu.structs import Table
from hwkit.toolchain import elf
from tests.targets.mcu.staged import packed_in

_SIDE, _CHANNELS = 24, 8
_S4 = IntType(4, True)


def _rescale(dtype: IntType) -> Rescale:
    return Rescale((1 << 30,), (36,), Rounding.DOUBLE, dtype.low, dtype.high)


def _convolutions(dtype: IntType) -> Graph:
    """From 8 bits to 8 bits, with two maps of ``dtype`` between."""
    b, rng = GraphBuilder("convolutions"), np.random.default_rng(0)
    x = b.input("x", (_SIDE, _SIDE, 2), S8)
    for k, (outputs, to) in enumerate([(_CHANNELS, dtype), (_CHANNELS, dtype), (1, S8)]):
        b.constant(f"w{k}", rng.integers(-7, 8, (outputs, 3, 3, b.shape(x)[2])), _S4)
        around = Padding(1, 1, 1, 1)
        op = Conv2d(f"c{k}", x, f"w{k}", None, f"y{k}", padding=around, rescale=_rescale(to))
        x = b.add(op, to)
    return b.build([x])


def _bits(graph: Graph, *staged: tuple[str, ...]) -> dict[str, int]:
    return {name: storage.bits for name, storage in storages(graph, *staged).items()}


def test_types_decide_inside_and_bytes_show_outside() -> None:
    assert _bits(_convolutions(_S4)) == {"x": 8, "y0": 4, "y1": 4, "y2": 8}
    assert _bits(_convolutions(IntType(3, True)))["y0"] == 4
    assert _bits(_convolutions(IntType(2, True)))["y0"] == 2
    assert _bits(_convolutions(IntType(1, True)))["y0"] == 1
    assert _bits(_convolutions(IntType(5, True)))["y0"] == 8


def test_layers_in_parts_have_bytes_or_rows_that_end_with_one() -> None:
    graph = _convolutions(_S4)
    assert _bits(graph, ("c2",)) == {"x": 8, "y0": 4, "y1": 8, "y2": 8}
    assert _bits(graph, ("c2",), ("y1",)) == {"x": 8, "y0": 4, "y1": 4, "y2": 8}
    b = GraphBuilder("odd")
    b.input("x", (4, 3, 1), S8)
    b.add(Requantize("narrow", "x", "a", _rescale(_S4)), _S4)
    b.add(Requantize("last", "a", "y", _rescale(S8)), S8)
    assert _bits(b.build(["y"]), ("last",), ("a",))["a"] == 8


def test_what_has_no_packed_form_has_bytes_on_both_sides() -> None:
    b = GraphBuilder("product")
    b.input("x", (4, 4), S8)
    b.add(Requantize("narrow", "x", "a", _rescale(_S4)), _S4)
    b.add(Requantize("other", "a", "b", _rescale(_S4)), _S4)
    b.add(Reshape("flat", "b", "c"), _S4, shape=(16,))
    b.add(Mul("mul", ("c", "c"), "d", rescale=_rescale(_S4)), _S4)
    b.add(Requantize("last", "d", "y", _rescale(S8)), S8)
    # b is what c is, and d a product.
    assert _bits(b.build(["y"])) == {"x": 8, "a": 4, "b": 8, "c": 8, "d": 8, "y": 8}


@pytest.mark.parametrize("board", ["virtual_m0", "virtual_m4", "virtual_m55", "virtual_rv32"])
def test_fewer_bits_need_a_smaller_arena(board: str) -> None:
    """Two maps of 4608 integers lie over each other but for a few rows."""
    arenas = []
    for bits in (8, 4, 2):
        plan = lower(_convolutions(IntType(bits, True)), boards.load(board)).plan
        assert plan.memory.placed("y0").size_bytes == _SIDE * _SIDE * _CHANNELS * bits // 8
        arenas.append(plan.memory.arena_bytes)
    assert arenas[0] > arenas[1] > arenas[2]


def test_the_firmware_counts_what_the_plan_does() -> None:
    lowered = lower(_convolutions(_S4), boards.load("virtual_m4"))
    files = emit(lowered).files
    model, plan = files["model.c"].decode(), lowered.plan
    assert f"static int8_t arena[{plan.memory.arena_bytes}]" in model
    size = plan.memory.placed("y1").size_bytes
    assert f"{{layer1, arena + {plan.memory.offset('y1')}, {size}}}" in model
    assert {"kernels/hwk_packed_window.h", "kernels/hwk_lanes.h"} <= files.keys()


def test_a_stage_packs_what_saves_bytes() -> None:
    """Its whole result does; the few rows of the map inside are fewer bytes than what unpacking
    them takes."""
    lowered = lower(_convolutions(_S4), boards.load("virtual_m4"))
    stages = [by_output(lowered.graph, lowered.graph.nodes[:2], 4)]
    found = staged(lowered, stages).plan
    assert {name: s.bits for name, s in found.stored.items()} == {
        "x": 8, "y0": 8, "y1": 4, "y2": 8
    }  # fmt: skip
    arenas = [
        plan(lowered.graph, section(lowered.board), lowered.plan.picks, staging=ways).memory
        for ways in staging(lowered.graph, stages).ways_to_pack(lowered.graph)
    ]
    assert len(arenas) == 3
    assert found.memory.arena_bytes == min(memory.arena_bytes for memory in arenas)
    assert found.memory.arena_bytes < arenas[0].arena_bytes


@pytest.mark.parametrize("board", ["virtual_m0", "virtual_m4", "virtual_rv32"])
def test_packed_rows_of_a_stage_on_virtual_boards(board: str, tmp_path: Path) -> None:
    """The arena that is planned, and the integers of the interpreter."""
    lowered = lower(_convolutions(_S4), boards.load(board))
    found = packed_in(staged(lowered, [by_output(lowered.graph, lowered.graph.nodes, 3)]))
    assert found.plan.stored["y0"].bits == found.plan.stored["y1"].bits == 4
    assert found.plan.memory.placed("y0/halo").size_bytes == 2 * _SIDE * _CHANNELS // 2
    artifact = build(emit(found), found, tmp_path)
    arena = elf.read(artifact.path).symbol_bytes["arena"]
    assert arena == found.plan.memory.arena_bytes == artifact.facts["arena_bytes"]
    x = np.random.default_rng(1).integers(-128, 128, (2, _SIDE, _SIDE, 2)).astype(np.int8)
    with open_session(artifact) as session:
        assert np.array_equal(session.infer({"x": x})["y2"], run(found.graph, {"x": x})["y2"])


def _weight_bytes(graph: Graph) -> int:
    """In flash, of the first layer."""
    plan = lower(graph, boards.load("virtual_m4")).plan
    weights = plan.layers[0].calls[0].descriptor.fields["weights"]
    assert isinstance(weights, Table)
    return weights.bytes


@pytest.mark.parametrize(
    ("bits", "features", "stored"),
    [(8, 32, 8), (4, 32, 4), (2, 32, 2), (1, 32, 1), (1, 30, 1), (2, 30, 2)],
)
def test_weights_take_the_bits_of_their_type(bits: int, features: int, stored: int) -> None:
    """Of 1 bit they are -1 and 0, which padding has as well."""
    b, rng, dtype = GraphBuilder("dense"), np.random.default_rng(0), IntType(bits, True)
    b.input("x", (features,), S8)
    b.constant("w", rng.integers(dtype.low, dtype.high + 1, (16, features)), dtype)
    b.add(Dense("fc", "x", "w", None, "y", rescale=_rescale(S8)), S8)
    assert _weight_bytes(b.build(["y"])) == 16 * 32 * stored // 8


@pytest.mark.parametrize(("features", "stored"), [(32, 1), (30, 2)])
def test_two_values_take_a_bit_where_no_zero_is_between_rows(features: int, stored: int) -> None:
    b, rng = GraphBuilder("dense"), np.random.default_rng(0)
    b.input("x", (features,), S8)
    b.constant("w", rng.choice([-1, 1], (16, features)), IntType(2, True))
    b.add(Dense("fc", "x", "w", None, "y", rescale=_rescale(S8)), S8)
    assert _weight_bytes(b.build(["y"])) == 16 * 32 * stored // 8
