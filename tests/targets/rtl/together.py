"""Several cores in one simulation program: compiling takes longer than running them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwkit import resources
from hwkit.ir.graph import Graph
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.cost import Cost
from hwkit.targets.rtl.folding import Folding
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import core_of
from hwkit.toolchain import verilator


def random_folding(graph: Graph, seed: int) -> tuple[Core, Folding]:
    """The core of ``graph`` with a folding of every layer drawn by ``seed``."""
    rng = np.random.default_rng(seed)
    net = network(graph)
    folds = []
    for layer in net.layers:
        every = list(layer.folds())
        folds.append(every[int(rng.integers(len(every)))])
    folding = Folding(tuple(folds), 0, Cost())
    return core_of(graph, net, folding, "part"), folding


def build(cores: Sequence[Core], folder: Path) -> Path:
    """One program for all; ``+select=K`` runs core ``K``, whose taps ``tapped`` names."""
    files: dict[str, bytes] = {}
    ports = [_last_bits(core) for core in cores]
    parts = []
    for k, core in enumerate(cores):
        for name, content in core.files.items():
            if name == "hwk_core.v":
                text = content.decode().replace("module hwk_core ", f"module hwk_core_{k} ")
                text = text.replace('.NAME("', f'.NAME("core{k}_')
                files[f"hwk_core_{k}.v"] = text.encode()
            else:
                files[name] = content
        parts.append(_SLOT.format(k=k, **ports[k]))
    widest = {name: max(port[name] for port in ports) for name in ports[0]}
    files["hwk_core.v"] = TOP.format(**widest, last=len(cores) - 1, parts="".join(parts)).encode()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    harness = resources.folder("hls") / "tb" / "rtl_core.cpp"
    sources = [Path(name) for name in sorted(files) if name.endswith(".v")]
    return verilator.simulator(
        sources, "hwk_core", harness, folder / "sim", optimize="-O0", cwd=folder
    )


def _last_bits(core: Core) -> dict[str, int]:
    """The highest bit of each port: data in and out, streams in and out."""
    return {
        "i": sum(stream.beat_bits for stream in core.sources) - 1,
        "o": sum(stream.beat_bits for stream in core.sinks) - 1,
        "ins": len(core.sources) - 1,
        "outs": len(core.sinks) - 1,
    }


def tapped(core: Core, k: int) -> Core:
    """Core ``k`` of a program, with the names of its taps there."""
    taps = {tensor: (f"core{k}_{name}", stream) for tensor, (name, stream) in core.taps.items()}
    return replace(core, taps=taps)


_SLOT = """
    wire [{o}:0] data_{k};
    wire [{ins}:0] s_ready_{k};
    wire [{outs}:0] m_valid_{k};
    assign m[{k}] = data_{k};
    assign s_ready_of[{k}] = s_ready_{k};
    assign m_valid_of[{k}] = m_valid_{k};
    hwk_core_{k} core_{k} (
        .clk(clk), .rst(rst),
        .s_data(s_data[{i}:0]), .s_ready(s_ready_{k}),
        .s_valid(select == {k} ? s_valid[{ins}:0] : {{{ins}+1{{1'b0}}}}),
        .m_data(data_{k}), .m_valid(m_valid_{k}),
        .m_ready(select == {k} ? m_ready[{outs}:0] : {{{outs}+1{{1'b0}}}}));
"""

TOP = """
module hwk_core (
    input wire clk, input wire rst,
    input wire [{i}:0] s_data, input wire [{ins}:0] s_valid, output wire [{ins}:0] s_ready,
    output wire [{o}:0] m_data, output wire [{outs}:0] m_valid, input wire [{outs}:0] m_ready
);
    integer select = 0;
    initial void'($value$plusargs("select=%d", select));
    wire [{o}:0] m [0:{last}];
    wire [{ins}:0] s_ready_of [0:{last}];
    wire [{outs}:0] m_valid_of [0:{last}];
    assign s_ready = s_ready_of[select];
    assign m_valid = m_valid_of[select];
    assign m_data = m[select];
{parts}
endmodule
"""
