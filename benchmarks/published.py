"""What boards take of the networks of MLPerf Tiny: estimated here, published by others.

python -m benchmarks.published [FOLDER | model.tflite ...]

Without arguments the folder in $HWKIT_MODELS, if that is set.

The estimates are those of hwkit profile --estimate: the build of each board on the virtual board of
its core, with the waits of the board's flash; virtual boards have none. The published figures are
throughputs of MLPerf Tiny's rounds; nothing of hwkit has run on this hardware. Where a published
figure is of another library, the ratio is the library's and the model's together. One comparison
has the same kernels on both sides, though not the same version: CMSIS-NN, here under TFLM as the
model of virtual_m4 counts it. Boards and networks without a published figure have a row that says
so.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bars import AD, IC, KWS, VWW
from benchmarks.csvfile import write
from benchmarks.moved import MODELS, files
from benchmarks.peers import TFLM_PER_MAC
from benchmarks.virtual import count
from hwkit import boards
from hwkit.device.session import is_emulated
from hwkit.errors import ConfigError, HwkitError
from hwkit.flow.estimating import estimate
from hwkit.flow.source import import_file
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph

BOARDS = (
    "nucleo_l4r5zi",
    "arduino_nano33ble",
    "nucleo_h743zi",
    "virtual_m33",
    "rpi_pico2",
    "rpi_pico",
    "hifive1",
)

OTHER_LIBRARY = "another library"
SAME_KERNELS = "CMSIS-NN on both sides, other versions"
NOTHING = "nothing published that is known"

_V13 = "mlcommons/tiny_results_v1.3 eae9ef9, closed/STMicroelectronics/results/NUCLEO_L4R5ZI-P"
_V11 = "mlcommons/tiny_results_v1.1 04558bf, closed/Krai/results/README.md"


@dataclass(frozen=True, slots=True)
class Published:
    """Inferences a second by network, on ``hardware`` at ``clock_hz``, by ``library``; ``board`` is
    hwkit's with the same core, and the same chip where it is so called."""

    board: str
    hardware: str
    clock_hz: int
    library: str
    per_second: Mapping[str, float]
    source: str

    def cycles(self, network: str) -> float:
        """Of an inference.

        Example: 6.036 a second at 120 MHz are 19,880,716 cycles.
        """
        return self.clock_hz / self.per_second[network]


_CMSIS_NN = Published(
    "nucleo_l4r5zi",
    "NUCLEO-L4R5ZI",
    120_000_000,
    "microTVM, CMSIS-NN 5126318",
    {AD: 116.212, IC: 2.567, KWS: 10.019, VWW: 3.324},
    _V11,
)
PUBLISHED = (
    Published(
        "nucleo_l4r5zi",
        "NUCLEO-L4R5ZI-P",
        120_000_000,
        "X-CUBE-AI 10.2",
        {AD: 208.608, IC: 6.036, KWS: 23.032, VWW: 11.181},
        _V13,
    ),
    _CMSIS_NN,
    Published(
        "nucleo_h743zi",
        "NUCLEO-H7A3ZI-Q (Cortex-M7)",
        280_000_000,
        "X-CUBE-AI 8.0.0",
        {AD: 547.234, IC: 18.215, KWS: 60.988, VWW: 19.867},
        _V11,
    ),
    Published(
        "virtual_m33",
        "nRF5340-DK",
        128_000_000,
        "microTVM, CMSIS-NN 5126318",
        {AD: 159.020, IC: 3.146, KWS: 13.074, VWW: 4.286},
        _V11,
    ),
)


def rows_of(graph: Graph, board: str, store: Path) -> Iterator[dict[str, Any]]:
    """What is estimated of ``graph`` on ``board`` beside each published figure, or beside none."""
    total = sum(macs(graph, op) for op in graph.nodes)
    ours = _cycles(graph, board, store)
    ours = None if ours is None else ours / total
    known = [of for of in PUBLISHED if of.board == board and graph.name in of.per_second]
    for of in known:
        yield _row(graph, board, "hwkit", ours, of, of.cycles(graph.name) / total, OTHER_LIBRARY)
    if not known:
        yield _row(graph, board, "hwkit", ours, None, None, NOTHING)


def _cycles(graph: Graph, board: str, store: Path) -> float | None:
    """Of an inference: estimated, or counted by a virtual board itself; None where it does not
    fit."""
    if is_emulated(boards.load(board)):
        counted = count(graph, board).layer_cycles
        return None if counted is None else sum(counted)
    try:
        return estimate(graph, board, store=store).estimated.total.cycles
    except ConfigError:  # too large for the board
        return None


def model_row(graph: Graph) -> dict[str, Any]:
    """The model of virtual_m4 held against CMSIS-NN on an STM32L4R5, which waits for its flash."""
    total = sum(macs(graph, op) for op in graph.nodes)
    theirs = _CMSIS_NN.cycles(graph.name) / total
    ours = TFLM_PER_MAC[graph.name]
    return _row(graph, "virtual_m4", "TFLM, CMSIS-NN", ours, _CMSIS_NN, theirs, SAME_KERNELS)


def _row(
    graph: Graph,
    board: str,
    what: str,
    ours: float | None,
    of: Published | None,
    theirs: float | None,
    check: str,
) -> dict[str, Any]:
    mcu = boards.load(board).mcu
    assert mcu is not None
    ratio = "" if ours is None or theirs is None else f"{ours / theirs:.2f}"
    return {
        "network": graph.name,
        "board": board,
        "core": mcu.core,
        "what": what,
        "cycles_per_mac": "does not fit" if ours is None else f"{ours:.2f}",
        "published_cycles_per_mac": "" if theirs is None else f"{theirs:.2f}",
        "ratio": ratio,
        "published_on": "" if of is None else of.hardware,
        "published_library": "" if of is None else of.library,
        "check": check,
        "source": "" if of is None else of.source,
        "evidence": "estimated",
    }


def main(arguments: list[str]) -> int:
    """Writes results/published.csv; 2 when a file can't be read or estimated."""
    rows: list[dict[str, Any]] = []
    try:
        paths = arguments or [folder for folder in (os.environ.get(MODELS),) if folder]
        graphs = [import_file(path)[0] for path in files(paths)]
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "measurements.sqlite"
            for graph in graphs:
                rows += [model_row(graph)] if graph.name in TFLM_PER_MAC else []
                for board in BOARDS:
                    rows += rows_of(graph, board, store)
                    print(rows[-1], flush=True)
    except HwkitError as error:
        print(error, file=sys.stderr)
        return 2
    if rows:
        write("published", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
