"""The build plan: a complete FINN project, and the command that builds it in FINN's Python."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.boards import Board, FpgaBoard, FpgaResources
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.lower.checked import golden_inputs
from hwkit.lower.states_outside import states_outside
from hwkit.target import BuildPlan, Lowered
from hwkit.targets.finn.graph import Network
from hwkit.targets.finn.onnx_model import onnx_bytes

GOLDEN_SAMPLES = 8

FILL = 0.6
"""Share of the part that estimates may fill: they leave out control logic, FIFOs and width
converters, and a fuller part rarely meets its clock."""

PROGRAMS = ("build.py", "execute.py", "finn_setup.py", "folding.py", "ports.py", "README.md")
_PROJECT = Path(__file__).with_name("project")

_BRAM_18K_BITS = 18 * 1024

_STEPS = (
    "step_convert_to_hw",
    "ports.split",
    "step_minimize_bit_width_initial",
    "step_create_dataflow_partition",
    "step_specialize_layers",
    "folding.search",
    "step_apply_folding_config",
    "step_minimize_bit_width",
    "step_generate_estimate_reports",
    "step_hw_codegen",
    "step_generate_hardware",
    "step_create_stitched_ip",
    "step_measure_rtlsim_performance",
    "step_out_of_context_synthesis",
    "step_synthesize_bitfile",
    "step_make_driver",
    "step_deployment_package",
)


def emit(lowered: Lowered[Network]) -> BuildPlan:
    """Files and the command of a project that FINN takes from the model to a bitfile.

    The command runs FINN's part that needs no Vivado; ``{finn}`` stands for FINN's Python.
    """
    graph, network = lowered.graph, lowered.plan
    files = {
        "model.onnx": onnx_bytes(lowered.plan, graph.name),
        "dataflow_build_config.json": _json(_configuration(network, fpga(lowered.board))),
        "folding_config.json": _json({"Defaults": {}}),
        "goal.json": _json(_goal(lowered.board)),
        **_golden(states_outside(graph), network),
        **{name: (_PROJECT / name).read_bytes() for name in PROGRAMS},
    }
    return BuildPlan(files, (("{finn}", "build.py"),))


def fpga(board: Board) -> FpgaBoard:
    """The board's FPGA section; ``ConfigError`` when it has none."""
    if board.fpga is None:
        raise ConfigError(f"board {board.name!r} has no section [fpga]; add it to its .toml")
    return board.fpga


def resources(board: Board) -> FpgaResources:
    """What the board's part has; ``ConfigError`` when its file does not say."""
    found = fpga(board).resources
    if found is None:
        raise ConfigError(f"board {board.name!r} has no [fpga.resources]; add it to its .toml")
    return found


def clock_period_ns(board: Board) -> float:
    """Nanoseconds of one cycle: 10.0 at 100 MHz."""
    return 1e9 / fpga(board).clock_hz


def _golden(graph: Graph, network: Network) -> dict[str, bytes]:
    """Vectors for the ports: a file each, numbered from the second one on."""
    x = golden_inputs(graph, GOLDEN_SAMPLES)
    y = run(graph, x)
    return {
        f"{kind}{k or ''}.npy": _npy(values[name])
        for kind, values, ports in (
            ("input", x, network.inputs),
            ("expected_output", y, network.outputs),
        )
        for k, name in enumerate(ports)
    }


def _configuration(network: Network, board: FpgaBoard) -> dict[str, Any]:
    # FINN's own verification feeds one input and compares one output.
    verified = len(network.inputs) == len(network.outputs) == 1
    return {
        "fpga_part": board.part,
        "synth_clk_period_ns": 1e9 / board.clock_hz,
        "shell_flow_type": "vivado_zynq",
        "board": board.device,
        "generate_outputs": [
            "estimate_reports",
            "stitched_ip",
            "rtlsim_performance",
            "out_of_context_synth",
            "bitfile",
            "pynq_driver",
            "deployment_package",
        ],
        "folding_config_file": "folding_config.json",
        # Thresholds stay thresholds: a requant layer rounds in floating point.
        "standalone_thresholds": True,
        "requant_bitwidth_threshold": 64,
        "verify_steps": ["stitched_ip_rtlsim"] if verified else [],
        "verify_input_npy": "input.npy",
        "verify_expected_output_npy": "expected_output.npy",
        "steps": list(_STEPS),
    }


def _goal(board: Board) -> dict[str, Any]:
    part = resources(board)
    budget = {
        "LUT": int(part.lut * FILL),
        "BRAM_18K": int(part.bram_bits // _BRAM_18K_BITS * FILL),
        "DSP": int(part.dsp * FILL),
    }
    return {
        "frames_per_second": fpga(board).frames_per_second,
        "share_of_part": FILL,
        "budget": budget,
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _npy(values: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values.astype(np.float32), allow_pickle=False)
    return stream.getvalue()
