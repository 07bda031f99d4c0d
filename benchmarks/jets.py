"""Jet tagging, 16-64-32-32-5, unrolled: python -m benchmarks.jets [RUN [WORK]]

RUN is a run folder of the recipe ``jets_qfx``; without it one is trained. WORK keeps what Yosys
counted (minutes to half an hour for each part) for the next time. The RTL is simulated
over the run's whole test set, counted by Yosys, and put beside published figures of networks of the
same shape, which were quoted and not rerun. Their task is the real jet data, the recipe's is
generated, so accuracies do not compare; area and latency do.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from hwkit import resources
from hwkit.flow.summarize import inputs_and_labels
from hwkit.flow.training import train
from hwkit.ir.graph import Graph
from hwkit.ir.serialize import load
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.simulate import simulate
from hwkit.targets.rtl.unrolled import Unrolled, unroll
from hwkit.toolchain import process, verilator, yosys

DESIGN = "hwkit unrolled, recipe jets_qfx"
PARTS = {"ECP5": ("ecp5", ""), "UltraScale+": ("vivado", "xcup")}
"""Yosys' flow and device for each part that LUTs are counted for."""

_COLUMNS = (
    "design",
    "weight_bits",
    "counted_by",
    "part",
    "lut",
    "ff",
    "dsp",
    "clock_mhz",
    "latency_cycles",
    "latency_ns",
    "interval_cycles",
    "integers",
    "differing",
    "source",
    "evidence",
)

PUBLISHED = (
    {
        "design": "hls4ml, pruned to 30 % of the weights",
        "weight_bits": 16,
        "part": "KU115",
        "lut": 88_797,
        "dsp": 954,
        "clock_mhz": 200,
        "latency_cycles": 15,
        "latency_ns": 75,
        "interval_cycles": 1,
        "source": "Duarte et al., JINST 13 P07027 (2018), arXiv:1804.06913; LUT and FF together",
    },
    {
        "design": "hls4ml, QKeras Q6",
        "weight_bits": 6,
        "part": "VU9P",
        "lut": 39_782,
        "ff": 8_128,
        "dsp": 124,
        "clock_mhz": 200,
        "latency_cycles": 11,
        "latency_ns": 55,
        "interval_cycles": 1,
        "source": "Coelho et al., Nat. Mach. Intell. 3 (2021), arXiv:2006.10159",
    },
    {
        "design": "hls4ml, QKeras QB (searched widths)",
        "part": "VU9P",
        "lut": 11_193,
        "ff": 1_771,
        "dsp": 69,
        "clock_mhz": 200,
        "latency_cycles": 14,
        "latency_ns": 70,
        "interval_cycles": 1,
        "source": "Coelho et al., Nat. Mach. Intell. 3 (2021), arXiv:2006.10159",
    },
    {
        "design": "hls4ml, quantization-aware pruning",
        "weight_bits": 6,
        "part": "VU9P",
        "lut": 63_251,
        "ff": 4_394,
        "dsp": 38,
        "clock_mhz": 200,
        "latency_cycles": 9,
        "latency_ns": 45,
        "interval_cycles": 1,
        "source": "Fahim et al. (2021), arXiv:2103.05579",
    },
)
"""Figures as the papers, or later comparisons with them, print them."""


def graph_of(run: Path) -> Graph:
    """The network of ``run``, rescales fused; trained there first where it is not."""
    if not (run / "model.hwk").is_file():
        train("jets_qfx", run, None, print)
    return fuse_requantize(load(run / "model.hwk"))


def _row(evidence: str, **figures: Any) -> dict[str, Any]:
    return dict.fromkeys(_COLUMNS, "") | figures | {"evidence": evidence}


def simulated(graph: Graph, core: Core, x: Any, folder: Path) -> dict[str, Any]:
    """Cycles of the RTL over ``x`` and how many of its integers differ from the interpreter's."""
    sources = [Path(name) for name in sorted(core.files) if name.endswith(".v")]
    harness = resources.folder("hls") / "tb" / "rtl_core.cpp"
    program = verilator.simulator(
        sources, "hwk_core", harness, folder / "sim", optimize="-O0", cwd=folder
    )
    done = simulate(core, program, (x,))
    expected = np.asarray(graph.predict(x)).reshape(len(x), -1)
    return _row(
        "simulated",
        design=DESIGN,
        weight_bits=_bits(graph),
        counted_by=f"Verilator {verilator.version()}",
        latency_cycles=done.latency_cycles,
        interval_cycles=f"{done.interval_cycles:g}",
        integers=int(expected.size),
        differing=int(np.count_nonzero(done.y[0] != expected)),
    )


def counted(graph: Graph, made: Unrolled, folder: Path) -> list[dict[str, Any]]:
    """LUT and FF by da4ml's own estimate and by Yosys, before placement."""
    common = {"design": DESIGN, "weight_bits": _bits(graph)}
    common |= {"latency_cycles": made.core.latency_cycles, "interval_cycles": 1}
    rows = [_row("estimated", **common, counted_by="da4ml 0.6", lut=made.lut, ff=made.ff, dsp=0)]
    with ThreadPoolExecutor(len(PARTS)) as pool:
        found = pool.map(lambda part: _cells(made.core, part, folder), PARTS)
    tool = yosys.version("yosys")
    for part, cells in zip(PARTS, found, strict=True):
        rows.append(_row("estimated", **common, counted_by=tool, part=part, **cells))
    return rows


def _cells(core: Core, part: str, folder: Path) -> dict[str, int]:
    """LUT, FF and DSP of the core alone, as Yosys maps it to ``part``."""
    beside = folder / part
    if not _is_done(core, beside):
        _write(core, beside)
        sources = sorted(name for name in core.files if name.endswith(".v"))
        (beside / "count.ys").write_text(yosys.script(*PARTS[part], "hwk_core", sources))
        command = [yosys.find_program("yosys"), "-q", "count.ys"]
        process.run(command, beside / "yosys.log", cwd=beside, timeout_s=7200)
    counts = yosys.counts(beside / "stat.json")
    return {"lut": counts.lut, "ff": counts.ff, "dsp": counts.dsp}


def _is_done(core: Core, folder: Path) -> bool:
    """Whether this very core was counted in ``folder``."""
    if not (folder / "stat.json").is_file():
        return False
    return all((folder / name).read_bytes() == text for name, text in core.files.items())


def _write(core: Core, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat.json").unlink(missing_ok=True)
    for name, content in core.files.items():
        (folder / name).write_bytes(content)


def _bits(graph: Graph) -> int:
    return max(t.dtype.bits for n, t in graph.tensors.items() if n.endswith(".weight"))


def main(arguments: list[str]) -> None:
    """Writes ``results/jets.csv``."""
    with tempfile.TemporaryDirectory(prefix="hwkit-jets-") as name:
        run = Path(arguments[0]) if arguments else Path(name) / "run"
        folder = Path(arguments[1]) if arguments[1:] else Path(name) / "rtl"
        graph = graph_of(run)
        made = unroll(graph)
        _write(made.core, folder)
        x, _ = inputs_and_labels(run)
        rows = [simulated(graph, made.core, x, folder), *counted(graph, made, folder)]
    rows += [_row("published", **figures) for figures in PUBLISHED]
    write("jets", rows)
    for row in rows:
        print({key: value for key, value in row.items() if value != ""})


if __name__ == "__main__":
    main(sys.argv[1:])
