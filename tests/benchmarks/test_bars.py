"""Bars: what counts as met, and that the table is of the figures that are there."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.bars import BEFORE, CODE_BYTES, IC, LAYERS, VWW, network_rows, one_dimensional
from benchmarks.csvfile import read
from benchmarks.peers import PEERS, TFLM_PER_MAC, rows_of
from benchmarks.published import PUBLISHED
from hwkit.ir.counts import macs


def measured(network: str, board: str, **other: Any) -> dict[str, str]:
    """A row of mlperf_tiny.csv."""
    counts = {
        "macs": 1000,
        "cycles": 1050,
        "instructions": 2200,
        "ram_bytes": 42_758,
        "flash_bytes": 92_752,
        "code_bytes": CODE_BYTES,
        "unexplained_arena_bytes": 0,
    }
    row = {"network": network, "board": board, "optimize": "balanced", **counts, **other}
    return {name: str(value) for name, value in row.items()}


def met(row: dict[str, str]) -> dict[str, str]:
    return {of["figure"]: of["met"] for of in network_rows([row])}


def test_a_bar_is_the_most_that_is_met() -> None:
    found = met(measured(IC, "virtual_m4"))
    assert found == {
        "cycles per mac": "yes",
        "ram beside before": "yes",
        "flash beside before": "yes",
        "code bytes": "yes",
        "arena bytes that bought nothing": "yes",
    }


@pytest.mark.parametrize(
    ("figure", "other"),
    [
        ("cycles per mac", {"cycles": 1_050_001, "macs": 1_000_000}),
        ("ram beside before", {"ram_bytes": 42_759}),
        ("flash beside before", {"flash_bytes": 148_404}),
        ("code bytes", {"code_bytes": CODE_BYTES + 1}),
        ("arena bytes that bought nothing", {"unexplained_arena_bytes": 16}),
    ],
)
def test_a_bar_that_is_missed(figure: str, other: dict[str, int]) -> None:
    found = met(measured(IC, "virtual_m4", **other))
    assert [name for name, answer in found.items() if answer == "no"] == [figure]


def test_what_is_asked_elsewhere() -> None:
    assert met(measured(IC, "virtual_m0"))["instructions per mac"] == "yes"
    assert met(measured(IC, "virtual_m0", instructions=2201))["instructions per mac"] == "no"
    assert "cycles per mac" not in met(measured(IC, "virtual_m0"))
    fast = met(measured(IC, "virtual_m4", optimize="speed", cycles=820))
    assert fast["cycles per mac"] == "yes" and "ram beside before" not in fast
    assert met(measured(VWW, "virtual_m4", flash_bytes=130_001))["flash bytes"] == "no"


def test_the_table_is_of_the_figures_that_are_there() -> None:
    expected = [{k: str(v) for k, v in row.items()} for row in network_rows(read("mlperf_tiny"))]
    assert [row for row in read("bars") if row["network"] in BEFORE] == expected
    layers = [row["network"] for row in read("bars") if row["network"] not in BEFORE]
    assert layers == [one_dimensional(*layer).name for layer in LAYERS]


def test_layers_of_one_dimension() -> None:
    graph = one_dimensional(9, 64)
    assert graph.tensors[graph.outputs[0]].shape == (41, 1, 64)
    assert macs(graph, graph.nodes[0]) == 41 * 64 * 9


def test_published_throughputs_as_cycles() -> None:
    x_cube = PUBLISHED[0]
    assert round(x_cube.cycles(IC)) == 19_880_716
    assert all(of.per_second.keys() == TFLM_PER_MAC.keys() for of in PUBLISHED)


def test_peers_are_of_the_figures_that_are_there() -> None:
    expected = [{k: str(v) for k, v in row.items()} for row in rows_of(read("mlperf_tiny"))]
    assert read("peers") == expected
    assert len(expected) == 2 * len(PEERS)
