"""What widths of maps cost: sums of the table against whole builds, and the memory plan's peak."""

from __future__ import annotations

import pytest

from hwkit import boards
from hwkit.allocate.cost import CostTable, Sensitivity
from hwkit.allocate.solve import predict
from hwkit.errors import ConfigError
from hwkit.lower.map_bits import map_sites, with_map_bits
from hwkit.targets.mcu.build import cached
from hwkit.targets.mcu.choice import choose
from hwkit.targets.mcu.cost import measure_costs
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import lower
from tests.sessions import profile, random_inputs
from tests.targets.mcu.models import residual

BOARD = boards.load("virtual_m4")
NOTHING = Sensitivity(())


@pytest.fixture(scope="module")
def table() -> CostTable:
    return measure_costs(residual(), BOARD, (8,), (8, 4))


@pytest.mark.parametrize("bits", [8, 4])
def test_the_sums_of_one_width_are_a_whole_build(table: CostTable, bits: int) -> None:
    graph = residual() if bits == 8 else with_map_bits(residual(), bits)
    lowered = choose(lower(graph, BOARD))
    artifact = cached(emit(lowered), lowered)
    x = random_inputs(lowered.graph, 1, 3)
    (timings,) = profile(artifact, x, 1)
    layers = dict.fromkeys((row.layer for row in table.rows), 8)
    promised = predict(table, NOTHING, layers, dict.fromkeys((r.map for r in table.maps), bits))
    cycles = sum(timing.cycles or 0 for timing in timings)
    assert abs(promised["latency_cycles"] - cycles) <= 0.03 * cycles
    assert abs(promised["flash_bytes"] - artifact.facts["flash_bytes"]) <= 600
    if bits == 8:
        assert promised["latency_cycles"] == cycles
        assert promised["flash_bytes"] == artifact.facts["flash_bytes"]
        assert promised["sram_bytes"] == artifact.facts["ram_bytes"]


def test_every_layer_that_reads_a_map_has_a_row_for_each_width(table: CostTable) -> None:
    names = {site.name for site in map_sites(residual())}
    assert {row.map for row in table.maps} == names
    for layer in dict.fromkeys(row.layer for row in table.rows):
        widths = [row.activation_bits for row in table.rows if row.layer == layer]
        assert widths == ([8, 4] if layer in table.reads else [None])
    size = {(row.map, row.bits): row.sram_bytes for row in table.maps}
    assert all(size[name, 4] < size[name, 8] for name in names)


def test_a_board_at_a_port_holds_one_image() -> None:
    with pytest.raises(ConfigError, match="costs are measured with several images"):
        measure_costs(residual(), BOARD, (8,), (8, 4), port="/dev/ttyACM0")
