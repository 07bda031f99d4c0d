"""Boards with several SRAMs: a network that fits none of them alone runs from all, exact."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.boards import Board, MemoryRegion
from hwkit.device.virtual.__main__ import Process, listen, url
from hwkit.device.virtual.board import VirtualBoard
from hwkit.device.virtual.cost_models import cost_model
from hwkit.errors import ConfigError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run as interpret
from hwkit.ir.ops import Add, Conv2d, Padding
from hwkit.ir.types import S8
from hwkit.lower.memory import Used
from hwkit.target import Artifact
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.choice.measure import measure
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, lower
from hwkit.toolchain import elf
from tests.sessions import run
from tests.targets.mcu.models import rescale

MAP_BYTES = 24 * 24 * 8
FAST = MemoryRegion("fast", "sram", 0x2000_0000, 0x2000)
SLOW = MemoryRegion("slow bank", "sram", 0x3000_0000, 0x2000)


def board(*banks: MemoryRegion) -> Board:
    m4 = boards.load("virtual_m4")
    assert m4.mcu is not None
    (flash, _) = m4.mcu.memory
    return replace(m4, mcu=replace(m4.mcu, memory=(flash, *banks)))


@contextmanager
def running(artifact: Artifact[McuPlan]) -> Iterator[str]:
    """The port of a virtual board that no board file describes."""
    assert artifact.board.mcu is not None
    uart = listen(0)
    machine = VirtualBoard(artifact.board.mcu, artifact.path, uart)
    process = Process(machine, cost_model(artifact.board.mcu))
    ended = threading.Thread(target=process.run)
    ended.start()
    try:
        yield url(uart)
    finally:
        process.answer("exit")
        ended.join()


def network() -> Graph:
    """Three maps are alive at once: x, two convolutions of it and their sum with the first."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("banks")
    b.input("x", (24, 24, 8), S8)
    source = "x"
    for name in ("a", "b", "c"):
        weight = b.constant(f"{name}/w", rng.integers(-128, 128, (8, 3, 3, 8)), S8)
        one = Padding(1, 1, 1, 1)
        b.add(Conv2d(name, source, weight, None, name, padding=one, rescale=rescale(38)), S8)
        source = name
    b.add(Add("sum", ("a", "c"), "y", (-3, -3), rescale=rescale(31)), S8)
    return b.build(["y"])


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact[McuPlan]:
    lowered = lower(network(), board(FAST, SLOW))
    return build(emit(lowered), lowered, tmp_path_factory.mktemp("banks"))


@pytest.mark.parametrize("bank", [FAST, replace(SLOW, origin=FAST.origin)])
def test_it_fits_neither_bank_alone(bank: MemoryRegion, tmp_path: Path) -> None:
    lowered = lower(network(), board(bank))
    with pytest.raises(ConfigError, match=f"activations and stack need .* bytes of {bank.name}"):
        build(emit(lowered), lowered, tmp_path)


def test_both_banks_hold_maps_and_every_integer_is_right(artifact: Artifact[McuPlan]) -> None:
    x = np.random.default_rng(4).integers(-128, 128, (3, 24, 24, 8)).astype(np.int8)
    expected = interpret(artifact.lowered.graph, {"x": x})["y"]
    assert len(np.unique(expected)) > 100
    with running(artifact) as port:
        assert np.array_equal(run(artifact, x, port), expected)


def test_each_arena_lies_in_its_bank(artifact: Artifact[McuPlan]) -> None:
    image, memory = elf.read(artifact.path), artifact.lowered.plan.memory
    fast, slow = memory.regions
    assert (fast.region, slow.region) == ("fast", "slow bank")
    assert slow.size_bytes >= MAP_BYTES
    for used, name, bank in ((fast, "arena", FAST), (slow, "arena_slow_bank", SLOW)):
        assert image.symbol_bytes[name] == used.size_bytes
        assert bank.origin <= image.address(name)
        assert image.address(name) + used.size_bytes <= bank.origin + bank.size_bytes
    assert image.ram_bytes >= fast.size_bytes + slow.size_bytes == memory.arena_bytes


def test_the_memory_map_names_regions(artifact: Artifact[McuPlan]) -> None:
    facts, memory = artifact.facts, artifact.lowered.plan.memory
    assert facts["arena_regions"] == {used.region: used.size_bytes for used in memory.regions}
    tops = {"fast": 0, "slow bank": 0}
    for row in facts["memory_map"]:
        tops[row["region"]] = max(tops[row["region"]], row["offset"] + row["size_bytes"])
    assert tops == facts["arena_regions"]


def with_skip() -> Graph:
    """The first map is read again by a convolution behind all others."""
    rng = np.random.default_rng(5)
    b = GraphBuilder("skip")
    x = b.input("x", (24, 24, 4), S8)

    def conv(name: str, source: str, channels: int, stride: int) -> str:
        inputs = b.shape(source)[2]
        weight = b.constant(f"{name}/w", rng.integers(-128, 128, (channels, 3, 3, inputs)), S8)
        around = Padding(1, 1, 1, 1)
        one = Conv2d(
            name, source, weight, None, name, (stride, stride), around, rescale=rescale(38)
        )
        return b.add(one, S8)

    kept = conv("kept", x, 8, 2)
    y = conv("small", conv("large", kept, 32, 1), 8, 1)
    z = conv("late", kept, 8, 1)
    b.add(Add("sum", (y, z), "out", (-3, -3), rescale=rescale(31)), S8)
    return b.build(["out"])


def test_a_map_is_fetched_before_it_is_read_again(tmp_path: Path) -> None:
    """Copied to the fast bank by the firmware, which computes the same integers."""
    fast = replace(FAST, wait_cycles=0)
    lowered = lower(with_skip(), board(fast, replace(SLOW, wait_cycles=9)))
    memory = lowered.plan.memory
    (move,) = memory.moves
    assert move.tensor == "kept" and lowered.graph.nodes[move.layer].name == "late"
    artifact = build(emit(lowered), lowered, tmp_path)
    (row,) = artifact.facts["arena_moves"]
    assert (row["from"], row["to"], row["size_bytes"]) == ("slow bank", "fast", 12 * 12 * 8)
    assert artifact.facts["arena_wait_cycles"] == artifact.facts["arena_wait_bound_cycles"]
    parts = [one for one in artifact.facts["memory_map"] if one["tensor"] == "kept"]
    assert [one["region"] for one in parts] == ["slow bank", "fast"]
    x = np.random.default_rng(6).integers(-128, 128, (3, 24, 24, 4)).astype(np.int8)
    with running(artifact) as port:
        assert np.array_equal(run(artifact, x, port), interpret(lowered.graph, {"x": x})["out"])


def test_what_fits_the_first_bank_stays_there_as_planned_for_it_alone() -> None:
    large = replace(FAST, size_bytes=0x8000)
    alone, both = (lower(network(), board(*banks)) for banks in ((large,), (large, SLOW)))
    assert both.plan.memory.regions == (*alone.plan.memory.regions, Used("slow bank", 0))
    assert both.plan.memory.placements == alone.plan.memory.placements


def test_banks_that_are_too_small_together_are_refused(tmp_path: Path) -> None:
    lowered = lower(network(), board(FAST, replace(SLOW, size_bytes=0x1000)))
    with pytest.raises(ConfigError, match=r"activations need .* bytes of slow bank, .* more than"):
        build(emit(lowered), lowered, tmp_path)


def test_kernels_for_several_banks_are_measured_on_a_board_of_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The virtual board has no bank of these names; the plan keeps its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lowered = lower(network(), board(FAST, SLOW))
    measured = measure(lowered, boards.load("virtual_m4"), "")
    assert measured.plan is lowered.plan
    assert measured.total.arena_bytes == lowered.plan.memory.arena_bytes
    assert measured.total.instructions and measured.total.instructions > 0
