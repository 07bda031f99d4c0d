"""The lists of words that board files may use, held against what stands behind each word."""

from __future__ import annotations

from hwkit import boards, targets
from hwkit.boards import words
from hwkit.device.virtual import board as virtual
from hwkit.device.virtual import cost_models
from hwkit.targets.edge import runtime
from hwkit.targets.hls4ml.backends import BACKENDS
from hwkit.targets.rtl.pins import FORMATS
from hwkit.toolchain import programmer


def test_each_word_has_what_it_names() -> None:
    assert set(words.COST_MODELS) == {"", *cost_models._MODELS}
    assert set(words.PROGRAMMERS) == set(programmer.PROGRAMMERS)
    assert set(words.HLS4ML_BACKENDS) - {""} == set(BACKENDS)
    assert set(words.runtimes()) == set(runtime.names())
    served = {board.target: board for board in map(boards.load, boards.names())}
    assert {name: targets.get(served[name]).name for name in words.SECTIONS} == {
        name: name for name in words.SECTIONS
    }
    assert set(words.FLOWS["rtl"]) == {"verilator", *FORMATS}
    assert set(virtual._CORES) < set(words.CORES)


def test_each_word_is_used_by_a_board() -> None:
    known = [boards.load(name) for name in boards.names()]
    mcus = [board.mcu for board in known if board.mcu]
    fpgas = [board.fpga for board in known if board.fpga]
    assert {mcu.core for mcu in mcus} == set(words.CORES)
    assert {mcu.emulator for mcu in mcus} == set(words.EMULATORS)
    assert {"", *(mcu.cost_model for mcu in mcus)} == set(words.COST_MODELS)
    assert {board.edge.runtime for board in known if board.edge} < set(words.runtimes())
    assert {fpga.flow for fpga in fpgas} == set(words.all_flows())
    assert {fpga.style for fpga in fpgas} == set(words.STYLES)
    assert {region.kind for mcu in mcus for region in mcu.memory} == set(words.REGION_KINDS)
    used = [*(mcu.programmer for mcu in mcus), *(fpga.programmer for fpga in fpgas)]
    assert {found.tool for found in used if found} == set(words.PROGRAMMERS)


def test_folders_are_their_own_lists() -> None:
    assert {"cmsdk", "pl011", "semihosting"} <= set(words.uart_drivers())
    assert {"none", "dwt"} <= set(words.counters())
    assert {"mps2", "rp2040"} <= set(words.platforms())
    assert {"ref", "dsp"} <= set(words.kernel_variants()) and "kernels" not in words.platforms()
