"""What each target emits for one small network, held against ``tests/golden``.

A change that is meant is taken over by ``pytest tests/test_golden.py --update-golden``; the
difference is then part of the commit, for its reader to judge.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx.printer
import pytest

from hwkit import boards, targets
from hwkit.importers.tflite.file import parse
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, IntType

GOLDEN = Path(__file__).parent / "golden"

FILES = {
    "virtual_m4": (
        "model.c", "model_data.c", "model_data.h", "firmware.ld", "Makefile", "CMakeLists.txt",
    ),
    "rpi_pico": ("firmware.ld", "Makefile"),
    "hifive1": ("firmware.ld", "Makefile"),
    "host_tflm": ("model.tflite",),
    "host_onnxruntime": ("model.onnx",),
    "hls4ml_csim": (
        "network.json", "README.md", "tb_data/tb_input_features.dat",
        "tb_data/tb_output_predictions.dat",
    ),
    "finn_sim": ("dataflow_build_config.json", "folding_config.json", "goal.json", "README.md"),
    "pynq_z2": ("hwk_core.v", "hwk_device.v", "top.v", "top.xdc", "synth.ys", "project.tcl"),
    "ulx3s_25f": ("top.v", "top.lpf", "synth.ys"),
    "icebreaker": ("top.v", "top.pcf", "synth.ys"),
    "tangnano9k": ("top.v", "top.cst", "synth.ys"),
    "rtl_sim_unrolled": ("hwk_core.v",),
}  # fmt: skip
"""Of each board, what depends on the network or the board and not on a tool's version."""


def network() -> Graph:
    """Four signed bytes to three, by a rescale that every target has."""
    b = GraphBuilder("golden")
    b.input("x", (4,), S8)
    b.constant("w", np.arange(-6, 6).reshape(3, 4), IntType(4, True))
    b.add(Dense("fc", "x", "w", None, "sum"), S32)
    half_even = Rescale((1,), (5,), Rounding.HALF_EVEN, -128, 127, 0)
    b.add(Requantize("fc_out", "sum", "y", half_even), S8)
    return b.build(["y"])


def shown(name: str, content: bytes) -> str:
    """``content`` as text, without the number of a build, in which the compiler's version is; a
    .tflite as what is in it, a line for each operator and tensor, a .onnx as ONNX prints it."""
    if name.endswith(".onnx"):
        text: str = onnx.printer.to_text(onnx.load_from_string(content))
        return text + "\n"
    if not name.endswith(".tflite"):
        return re.sub(r"(?<=-DHWK_BUILD=)\w+", "BUILD", content.decode())
    file = parse(content)
    lines = [f"model {file.name}: inputs {file.inputs}, outputs {file.outputs}"]
    lines += [f"{op.code} {op.inputs} -> {op.outputs} {dict(op.options)}" for op in file.operators]
    for index, tensor in enumerate(file.tensors):
        facts = f"type {tensor.type} scale {tensor.scale} zero_point {tensor.zero_point}"
        data = "" if tensor.data is None else f" = {tensor.data.tolist()}"
        lines.append(f"{index} {tensor.name} {tensor.shape} {facts} axis {tensor.axis}{data}")
    return "\n".join(lines) + "\n"


def golden(board: str, name: str) -> Path:
    return GOLDEN / board / (f"{name}.txt" if name.endswith(".tflite") else name)


@pytest.mark.parametrize("board", FILES)
def test_emitted_files(board: str, request: pytest.FixtureRequest) -> None:
    description = boards.load(board)
    target = targets.get(description)
    files = target.emit(target.lower(network(), description)).files
    for name in FILES[board]:
        text, path = shown(name, files[name]), golden(board, name)
        if request.config.getoption("update_golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"{path} is missing; run with --update-golden and look at it"
        assert text == path.read_text(), f"{path}: if this is meant, run with --update-golden"


def test_every_target_and_every_golden_file_is_held() -> None:
    assert {boards.load(board).target for board in FILES} == {
        board.target for board in map(boards.load, boards.names())
    } - {"interpreter"}
    held = {golden(board, name) for board, names in FILES.items() for name in names}
    assert {path for path in GOLDEN.rglob("*") if path.is_file()} == held
