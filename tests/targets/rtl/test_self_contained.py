"""The Verilog by itself: a core in any folder, and every module with its defaults."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import resources
from hwkit.errors import ToolFailed
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.simulate import simulate
from hwkit.targets.rtl.unrolled import unroll
from hwkit.toolchain import process, verilator, yosys
from tests.conformance.graphs import inputs_for
from tests.targets.rtl import networks, together

HARNESS = resources.folder("hls") / "tb" / "rtl_core.cpp"


def written(core: Core, folder: Path) -> list[Path]:
    for name, content in core.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [folder / name for name in sorted(core.files) if name.endswith(".v")]


def hostile(graph: Graph) -> Graph:
    """The graph with layers called as keywords, ports and each other, or at any length."""
    names = ["output", "S_data", "m_valid", "a" * 300, "a" * 299 + "b", "s_fc", "wire", "1/`\n"]
    nodes = tuple(
        replace(op, name=names[k] if k < len(names) else f"{op.name} {k}")
        for k, op in enumerate(graph.nodes)
    )
    return graph.with_nodes(nodes)


def cores() -> list[tuple[Graph, Core]]:
    """Weights, biases, offsets and a table; the second one unrolled."""
    graph = networks.pointwise()
    return [
        (hostile(networks.mixed()), together.random_folding(hostile(networks.mixed()), 1)[0]),
        (graph, unroll(graph).core),
    ]


@pytest.mark.parametrize(("graph", "core"), cores(), ids=["folded", "unrolled"])
def test_a_core_is_simulated_from_any_folder(graph: Graph, core: Core, tmp_path: Path) -> None:
    sources = written(core, tmp_path / "deployed")
    elsewhere = tmp_path / 'else"\nwhere'
    elsewhere.mkdir()
    harness = Path(shutil.copy(HARNESS, elsewhere))
    # As a user would: the sources' paths, and a program that runs in a folder of its own.
    program = verilator.simulator(
        sources, "hwk_core", harness, elsewhere / "sim", optimize="-O0", cwd=elsewhere
    )
    x = inputs_for(graph, 4, 4)
    y = run(graph, {graph.inputs[0]: x})[graph.outputs[0]].reshape(len(x), -1)
    np.testing.assert_array_equal(simulate(core, program, (x,)).y[0], y)

    shutil.move(tmp_path / "deployed", tmp_path / "moved")
    with pytest.raises(ToolFailed) as caught:
        simulate(core, program, (x,))
    assert "no memory image" in Path(caught.value.log).read_text()
    images = f"+images={tmp_path / 'moved' / 'rtl'}"
    np.testing.assert_array_equal(simulate(core, program, (x,), arguments=[images]).y[0], y)


def test_a_core_is_read_by_yosys_from_any_folder(tmp_path: Path) -> None:
    core = together.random_folding(networks.mixed(), 1)[0]
    written_to = written(core, tmp_path / "deployed")
    sources = " ".join(str(path.relative_to(tmp_path)) for path in written_to)
    script = f"read_verilog -defer -sv {sources}; prep -flatten -top hwk_core; check -assert"
    process.run([yosys.find_program("yosys"), "-q", "-p", script], tmp_path / "log", cwd=tmp_path)


MODULES = sorted((resources.folder("hls") / "rtl").rglob("*.v"))
GENERATED = ("hwk_serial",)
"""Around a module that is made for a model."""


def test_every_module_is_read_by_yosys_with_its_defaults(tmp_path: Path) -> None:
    names = [path.stem for path in MODULES if path.stem not in GENERATED]
    for path in MODULES:  # Yosys in a sandbox does not see every folder
        shutil.copy(path, tmp_path)
    sources = " ".join(path.name for path in MODULES)
    lines = [f"design -reset; read_verilog -defer -sv {sources}; prep -top {n}" for n in names]
    (tmp_path / "all.ys").write_text("\n".join(lines) + "\n")
    process.run([yosys.find_program("yosys"), "-q", "all.ys"], tmp_path / "log", cwd=tmp_path)
    assert len(names) > 15
