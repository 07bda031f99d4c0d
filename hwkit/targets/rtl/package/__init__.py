"""The core as something that other designs take: AXI4-Stream ports, sources, a test bench."""

from __future__ import annotations

import io

import numpy as np

from hwkit import resources
from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.identifiers import identifier
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import Lowered
from hwkit.targets.rtl.package import fusesoc, ip_xact, litex
from hwkit.targets.rtl.package.axi_stream import Port, ports, wrapper
from hwkit.targets.rtl.package.readme import readme
from hwkit.targets.rtl.plan import Plan
from hwkit.targets.rtl.verilog import TOP

KIND = "axi_stream"
SAMPLES = 8
"""Inferences of the test bench."""

_NEEDED = (".v", ".sv", ".hex", ".mem", ".dat")
_BENCH = "axi_stream_bench.py"


def check_kind(board: Board, kind: str) -> None:
    """``ConfigError`` for a kind other than ``KIND``."""
    if kind != KIND:
        raise ConfigError(f"package {kind!r}: board {board.name} has {KIND}")


def package(lowered: Lowered[Plan], kind: str) -> dict[str, bytes]:
    """The files of a package by relative path; the same bytes for the same lowered graph.

    ``ConfigError`` for a kind other than ``KIND``. Example: a network called digits has
    ``digits_axis.v``, ``digits_axis.core`` and ``tb/bench.py`` among others.
    """
    check_kind(lowered.board, kind)
    graph, core = lowered.graph, lowered.plan.core
    name = f"{identifier(graph.name, 32).lower()}_axis"
    inputs, outputs = ports(core.sources, "s"), ports(core.sinks, "m")
    files = {path: content for path, content in core.files.items() if path.endswith(_NEEDED)}
    # Two networks in a design: each has a core of its own name.
    own, text = f"{name}_core", files.pop(f"{TOP}.v")
    files[f"{own}.v"] = text.replace(f"module {TOP} ".encode(), f"module {own} ".encode())
    files[f"{name}.v"] = wrapper(name, own, core, inputs, outputs).encode()
    return {
        **files,
        f"{name}.core": fusesoc.core_file(name, sorted(files)).encode(),
        f"{name}.py": litex.module(name, sorted(files), inputs, outputs).encode(),
        "package_ip.tcl": ip_xact.script(name, sorted(files)).encode(),
        "README.md": readme(name, graph, core, inputs, outputs).encode(),
        "tb/bench.py": (resources.folder("hls") / "tb" / _BENCH).read_bytes(),
        **_vectors(graph, inputs, outputs),
    }


def _vectors(graph: Graph, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> dict[str, bytes]:
    """Inferences in a row and what the interpreter makes of them, by the name of their port."""
    feeds = random_feeds(graph, SAMPLES, 0)
    results = run(graph, feeds)
    made = zip(inputs, (feeds[name] for name in graph.inputs), strict=True)
    wanted = zip(outputs, (results[name] for name in graph.outputs), strict=True)
    files = {f"tb/{port.name}.npy": _npy(port, values) for port, values in (*made, *wanted)}
    return {"tb/inferences": f"{SAMPLES}\n".encode(), **files}


def _npy(port: Port, values: Array) -> bytes:
    """As the port carries it: beats of little-endian integers in whole bytes."""
    stream = io.BytesIO()
    kind = "i" if port.stream.dtype.signed else "u"
    rows = values.reshape(-1, port.stream.elements).astype(f"<{kind}{port.element_bytes}")
    np.save(stream, rows)
    return stream.getvalue()
