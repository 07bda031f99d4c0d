"""Builds whose layers are computed in parts, by the command line: one build wherever it is asked
for, and every integer that of the interpreter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import boards
from hwkit.boards import Arrival
from hwkit.cli import _run
from hwkit.errors import ConfigError
from hwkit.flow.build import lower, lower_whole
from hwkit.flow.shape import Shape, made_with, shaped
from hwkit.flow.stages import RunsStages, needs_of
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.lower.patch.plan import plan_front
from tests.conformance.graphs import graphs
from tests.examples import more
from tests.lower.patch.test_plan import CHAIN, network
from tests.targets.mcu.test_stages import MAPS

BOARD = "virtual_m4"
SMALL = network((8, 3, 1), (8, 3, 2))
SHAPES: list[list[str]] = [["--sram", "4kB"], ["--input", "streamed"]]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The document that a command prints."""
    assert _run([*arguments, "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


@pytest.mark.parametrize("shape", SHAPES, ids=["limit", "streamed"])
def test_plan_deploy_verify_predict_and_profile_are_of_one_build(
    shape: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out, x, y = (str(tmp_path / name) for name in ("m.hwk", "out", "x.npy", "y.npy"))
    SMALL.save(model)
    common = [model, "--board", BOARD, *shape]
    plan = told(capsys, "plan", *common)
    deployed = told(capsys, "deploy", *common, "-o", out)
    assert deployed["stages"] == plan["plan"]["stages"] != []
    assert deployed["arena_bytes"] == plan["plan"]["arena_bytes"]
    variables = deployed["ram_bytes"] - deployed["stack_bytes"] - deployed["arena_bytes"]
    assert variables <= plan["other_bytes"]
    for where in ([], ["--artifact", out]):
        verified = told(capsys, "verify", *common, *where, "-n", "2")
        assert (verified["differing"], verified["options"]) == (0, deployed["options"])
        assert verified["integers"] >= 2 * 12 * 12 * 8
    store = str(tmp_path / "db")
    profiled = told(capsys, "profile", *common, "--repeats", "1", "--store", store)
    assert profiled["options"] == deployed["options"]
    feeds = np.arange(24 * 24 * 3, dtype=np.int8).reshape(1, 24, 24, 3)
    np.save(x, feeds)
    assert _run(["predict", *common, "-i", x, "-o", y]) == 0
    assert np.array_equal(np.load(y), run(SMALL, {"x": feeds})["y1"])


def test_what_was_deployed_with_other_options_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = str(tmp_path / "m.hwk"), tmp_path / "out"
    SMALL.save(model)
    told(capsys, "deploy", model, "--board", BOARD, "--sram", "4kB", "-o", str(out))
    assert made_with(out) == {"optimize": "balanced", "sram": "4000B", "input": "whole"}
    artifact = ["verify", model, "--board", BOARD, "--artifact", str(out)]
    assert _run([*artifact, "--sram", "5kB"]) == 2
    assert "was built with --sram 4000B --input whole, not --sram 5000B" in capsys.readouterr().err
    assert _run([*artifact, "-n", "1"]) == 0


def test_a_board_that_is_too_small_names_the_bytes_and_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, board = str(tmp_path / "m.hwk"), tmp_path / "little.toml"
    CHAIN.save(model)
    text = Path(boards.load("virtual_m0").origin).read_text()
    text = text.replace('name = "virtual_m0"', 'name = "little"', 1)
    before, sram = text.split("origin = 0x2000_0000")
    board.write_text(f"{before}origin = 0x2000_0000{sram.replace('0x40_0000', '0x2800', 1)}")
    common = [model, "--board", str(board)]
    assert _run(["deploy", *common, "-o", str(tmp_path / "out")]) == 2
    room = 0x2800 - 1024
    refused = capsys.readouterr().err
    assert f"more than its {0x2800}; compute layers in parts (--sram {room}B)" in refused
    verified = told(capsys, "verify", *common, "--sram", f"{room}B", "-n", "1")
    assert verified["differing"] == 0 and verified["options"]["sram_bytes"] == room


def check_bytes(graph: Graph, board: str, shape: Shape) -> int:
    """Every plan's bytes are those of the array in the firmware's source; how many plans."""
    target, whole = lower_whole(graph, board, **shape)
    _, costs = needs_of(target, whole)
    plans = plan_front(costs)
    for plan in plans:
        assert isinstance(target, RunsStages)
        source = target.emit(target.staged(whole, plan.stages)).files["model.c"].decode()
        assert f"int8_t arena[{plan.arena_bytes}] __attribute__" in source
    return len(plans)


@pytest.mark.parametrize("arrival", get_args(Arrival))
def test_every_plan_has_the_bytes_of_its_firmware(arrival: Arrival) -> None:
    assert check_bytes(CHAIN, "virtual_m0", {"input": arrival}) >= 2


@settings(max_examples=more(20))
@given(graphs(MAPS), st.sampled_from(["virtual_m4", "virtual_m0", "virtual_rv32"]))
def test_plans_of_random_networks_have_the_bytes_of_their_firmware(
    graph: Graph, board: str
) -> None:
    assert check_bytes(graph, board, {}) >= 1


def test_options_are_refused_where_nothing_is_computed_in_parts() -> None:
    with pytest.raises(ConfigError, match="host_litert: --sram is for microcontrollers"):
        lower(CHAIN, "host_litert", sram="20kB")
    with pytest.raises(ConfigError, match="host_litert: --input is for microcontrollers"):
        shaped(boards.load("host_litert"), {"input": "streamed"})
    with pytest.raises(ConfigError, match="--sram 20: is no number of bytes"):
        shaped(boards.load("virtual_m0"), {"sram": "20"})


def test_where_no_plan_fits_kernels_without_scratch_may() -> None:
    """In the bytes of the smallest plan by the rule, less one, and computed right."""
    target, lowered = lower_whole(SMALL, BOARD)
    needs, costs = needs_of(target, lowered)
    least = min(plan.arena_bytes for plan in plan_front(costs))
    limit = f"{least - 1 + needs.other_bytes}B"
    _, made = lower(SMALL, BOARD, measure=False, sram=limit)
    assert made.plan.memory.arena_bytes < least
    assert made.plan.picks != lowered.plan.picks
