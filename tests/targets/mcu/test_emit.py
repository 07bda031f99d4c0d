"""Emission: deterministic, compiles alone without a warning, refuses what the kernels lack."""

from __future__ import annotations

import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit import boards
from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Clamp, Conv2d, Dense, Softmax, SoftmaxKind
from hwkit.ir.types import S8, S32, U8, Array, IntType
from hwkit.lower.shift_to_signed import to_signed
from hwkit.target import BuildPlan, Lowered
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit, from_device, selftest_input, to_device
from hwkit.targets.mcu.kernels import available, listed
from hwkit.targets.mcu.lower import McuPlan, lower, section
from tests.conformance.graphs import graphs, inputs_for
from tests.conformance.spaces import MCU
from tests.firmware.kernels.driver import FLAGS, SANITIZERS
from tests.targets.mcu.models import residual

BOARD = boards.load("virtual_m4")

_MAIN = """\
#include <stdio.h>

#include "hwk_model.h"
#include "hwk_profile.h"

void hwk_profile_mark(int layer) { (void)layer; }

int main(void) {
  const hwk_tensor_t *input = hwk_model_info.inputs.first, *output = hwk_model_info.outputs.first;
  while (fread(input->data, 1, input->bytes, stdin) == input->bytes) {
    hwk_model_invoke(hwk_model_info.layer_count);
    fwrite(output->data, 1, output->bytes, stdout);
  }
  return 0;
}
"""


def run_on_host(plan: BuildPlan, lowered: Lowered[McuPlan], x: Array, folder: Path) -> Array:
    """The generated sources, compiled here under the sanitizers."""
    for name, content in plan.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "host_main.c").write_text(_MAIN)
    sources = [str(folder / name) for name in ("model.c", "model_data.c", "host_main.c")]
    include = [f"-I{folder / 'include'}", f"-I{folder / 'kernels'}"]
    program = folder / "host_model"
    subprocess.run(["gcc", *FLAGS, *SANITIZERS, *include, *sources, "-o", str(program)], check=True)
    graph = lowered.graph
    source, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    data = b"".join(to_device(sample, source.dtype) for sample in x)
    done = subprocess.run([str(program)], input=data, capture_output=True, check=True)
    size = len(done.stdout) // len(x)
    parts = [done.stdout[k * size : (k + 1) * size] for k in range(len(x))]
    return np.stack([from_device(part, output) for part in parts])


def check_on_host(graph: Graph, folder: Path) -> None:
    lowered = lower(graph, BOARD)
    plan = emit(lowered)
    name, out = lowered.graph.inputs[0], lowered.graph.outputs[0]
    x = to_signed(inputs_for(graph, 4, 2), graph.tensors[name])
    got = run_on_host(plan, lowered, x, folder)
    assert np.array_equal(got, run(lowered.graph, {name: x})[out])


@pytest.mark.parametrize("bits", [8, 4])
def test_generated_sources_on_the_host(bits: int, tmp_path: Path) -> None:
    check_on_host(residual(bits), tmp_path)


def test_random_graphs_on_the_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    space = replace(MCU, max_ops=8)

    @settings(max_examples=8, derandomize=True, deadline=None, database=None)
    @given(graphs(space))
    def one(graph: Graph) -> None:
        try:
            lower(graph, BOARD)
        except UnsupportedOp:
            return
        check_on_host(graph, tmp_path_factory.mktemp("host"))

    one()


def test_the_same_graph_gives_the_same_bytes() -> None:
    first, second = (emit(lower(residual(), BOARD)) for _ in range(2))
    assert first.files == second.files and first.digest() == second.digest()
    assert emit(lower(residual(4), BOARD)).digest() != first.digest()


def test_the_plan_holds_its_own_kernels_and_runtime() -> None:
    files = emit(lower(residual(), BOARD)).files
    assert {"model.c", "model_data.c", "model_data.h", "firmware.ld"} <= set(files)
    dsp = (available(section(BOARD))["conv2d_s8"].variant, files["kernels/hwk_conv2d_s8.h"])
    assert dsp[0] == "dsp" and b"SMLAD" in dsp[1]
    assert any(name.startswith("platforms/mps2/") for name in files)


@pytest.mark.parametrize("variant", ["ref", "dsp", "v6m", "rv32"])
@pytest.mark.parametrize("kernel", [name for name, _, _ in listed()])
def test_each_kernel_compiles_unaided(kernel: str, variant: str, tmp_path: Path) -> None:
    from tests.firmware.kernels.driver import includes

    source = tmp_path / "one.c"
    source.write_text(f"#include <hwk_{kernel}.h>\nint unused;\n")
    subprocess.run(["gcc", *FLAGS, "-fsyntax-only", *includes(variant), str(source)], check=True)


def test_the_self_test_input_and_its_crc() -> None:
    graph = lower(residual(), BOARD).graph
    x = selftest_input(graph.tensors["x"])
    assert x.reshape(-1)[:6].tolist() == [7, -107, -56, 1, -16, -87]
    crc = zlib.crc32(run(graph, {"x": x})["y"].astype("<i4").tobytes())
    assert (
        f".selftest_crc32 = {crc:#010x}u".encode()
        in emit(lower(residual(), BOARD)).files["model.c"]
    )


def test_names_cannot_escape_their_comment() -> None:
    b = GraphBuilder('evil*/ "\n#error')
    b.input("x", (4,), S8)
    b.add(Clamp("*/ #error", "x", "y", 0, 1), S8)
    text = emit(lower(b.build(["y"]), BOARD)).files["model.c"].decode()
    assert "#error" not in text and "evil__" in text


def dense(weight: IntType, outputs: int = 2, inputs: int = 4) -> Graph:
    b = GraphBuilder("dense")
    b.input("x", (inputs,), S8)
    b.constant("w", np.ones((outputs, inputs)), weight)
    b.add(Dense("fc", "x", "w", None, "y"), S32)
    return b.build(["y"])


def test_what_no_kernel_computes_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedOp, match="fc: not supported by virtual_m4; weights of type u8"):
        lower(dense(U8), BOARD)
    b = GraphBuilder("soft")
    b.input("x", (4,), S8)
    b.add(Softmax("soft", "x", "y", 0.1, SoftmaxKind.FLOAT), S8)
    with pytest.raises(UnsupportedOp, match=r"soft: .*float softmax"):
        lower(b.build(["y"]), BOARD)
    b = GraphBuilder("wide")
    b.input("x", (4,), S8)
    b.constant("w", np.ones((2, 4)), S8)
    b.add(Dense("fc", "x", "w", None, "y"), S32)
    b.constant("v", np.ones((1, 2)), S8)
    b.add(Dense("second", "y", "v", None, "z"), S32)
    with pytest.raises(UnsupportedOp, match=r"second: .*input y has 32 bits; requantize it to 16"):
        lower(b.build(["z"]), BOARD)


def test_a_model_too_big_for_flash_is_refused_with_the_missing_bytes(tmp_path: Path) -> None:
    lowered = lower(dense(S8, 1100, 4096), BOARD)
    missing = 1100 * (4096 + 4) - 0x400000
    with pytest.raises(ConfigError, match=rf"virtual_m4: .* of flash, {missing} more than"):
        build(emit(lowered), lowered, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_too_big_for_sram_is_refused_with_the_missing_bytes(tmp_path: Path) -> None:
    b = GraphBuilder("wide")
    b.input("x", (1024, 1024, 1), S8)
    b.constant("w", np.ones((4, 1, 1, 1)), S8)
    b.add(Conv2d("conv", "x", "w", None, "y"), S32)
    lowered = lower(b.build(["y"]), BOARD)
    assert BOARD.mcu is not None
    needed = lowered.plan.memory.arena_bytes + BOARD.mcu.stack_bytes
    with pytest.raises(ConfigError, match=rf"of sram, {needed - 0x400000} more than"):
        build(emit(lowered), lowered, tmp_path)
