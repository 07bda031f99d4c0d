"""The build plan: the network as JSON, the program that converts it, the simulation's main."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.boards import Board, FpgaBoard
from hwkit.errors import ConfigError
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.lower.checked import golden_inputs
from hwkit.resources import folder
from hwkit.target import BuildPlan, Lowered
from hwkit.targets.hls4ml.backends import backend
from hwkit.targets.hls4ml.guide import guide
from hwkit.targets.hls4ml.layers import Layer
from hwkit.targets.hls4ml.network import Network, distinct_outputs

GOLDEN_SAMPLES = 8
PROGRAM = "csim"
COMPILE = ("g++", "-std=c++17", "-O1", "-fno-exceptions", "-w", "-I.")
"""Without -fno-exceptions g++ takes quadratic time over tables of weights: 100 s for 10,000 of
them instead of 2 s. At -O2 the templates take longer to compile and run no faster."""


def emit(lowered: Lowered[Network]) -> BuildPlan:
    """Files and commands for a folder in which the commands make an hls4ml project and ``csim``.

    The golden vectors in ``tb_data`` are in the form of hls4ml's own test bench, so that vendor
    tools can repeat the comparison without hwkit.
    """
    graph = lowered.plan.graph
    x = golden_inputs(graph, GOLDEN_SAMPLES)
    y = run(graph, x)
    files = {
        "network.json": _network_json(lowered),
        "convert.py": Path(__file__).with_name("convert.py").read_bytes(),
        "compare.py": Path(__file__).with_name("compare.py").read_bytes(),
        "README.md": guide(lowered, fpga(lowered.board)).encode(),
        "csim.cpp": (folder("hls") / "tb" / "hls4ml_csim.cpp").read_bytes(),
        "tb_data/tb_input_features.dat": _golden_file(x, graph.inputs),
        "tb_data/tb_output_predictions.dat": _golden_file(y, distinct_outputs(graph)),
    }
    headers = tuple(f"-Ifirmware/{name}" for name in backend(fpga(lowered.board)).headers)
    return BuildPlan(files, (("{python}", "convert.py"), _compile_command(lowered, headers)))


def _compile_command(lowered: Lowered[Network], headers: tuple[str, ...]) -> tuple[str, ...]:
    """What makes ``csim`` out of the project's sources, in its folder."""
    graph = lowered.plan.graph
    outputs = distinct_outputs(graph)
    after = {state.tensor: outputs.index(state.update) for state in lowered.graph.states}
    lists = {
        "INPUTS": [graph.tensors[name].elements for name in graph.inputs],
        "OUTPUTS": [graph.tensors[name].elements for name in outputs],
        "NEXT": [after.get(name, -1) for name in graph.inputs],
    }
    defined = (f"-DHWK_{what}={','.join(map(str, values))}" for what, values in lists.items())
    return (*COMPILE, *headers, *defined, "csim.cpp", "-o", PROGRAM)


def fpga(board: Board) -> FpgaBoard:
    """The board's FPGA section; ``ConfigError`` when it has none."""
    if board.fpga is None:
        raise ConfigError(f"board {board.name!r} has no section [fpga]; add it to its .toml")
    return board.fpga


def _network_json(lowered: Lowered[Network]) -> bytes:
    network, board = lowered.plan, fpga(lowered.board)
    value: dict[str, Any] = {
        "backend": {
            "Backend": board.backend,
            "Part": board.part,
            "ClockPeriod": board.clock_period_ns,
            "IOType": network.io_type,
        },
        "layers": [_layer_json(layer) for layer in network.layers],
        "inputs": list(network.inputs),
        "outputs": list(network.outputs),
        "traced": network.traced,
    }
    if lowered.graph.states:
        value["states"] = _states_json(lowered)
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _states_json(lowered: Lowered[Network]) -> list[dict[str, Any]]:
    """For each state its input layer, the output layer that gives its next value, the first."""
    graph, network = lowered.plan.graph, lowered.plan
    inputs = dict(zip(graph.inputs, network.inputs, strict=True))
    outputs = dict(zip(distinct_outputs(graph), network.outputs, strict=True))
    return [
        {
            "input": inputs[state.tensor],
            "output": outputs[state.update],
            "initial": lowered.graph.constants[state.initial].tolist(),
        }
        for state in lowered.graph.states
    ]


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "class_name": layer.class_name,
        "name": layer.name,
        "inputs": list(layer.inputs),
        "attributes": dict(layer.attributes),
        "types": {key: str(value) for key, value in layer.precision.items()},
        "data": {key: value.tolist() for key, value in layer.data.items()},
        "reuse_factor": layer.reuse_factor,
    }


def _golden_file(values: Mapping[str, Array], names: Sequence[str]) -> bytes:
    """A line for each sample: its tensors ``names``, one behind the other."""
    rows = np.concatenate([values[name].reshape(GOLDEN_SAMPLES, -1) for name in names], axis=1)
    return "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist()).encode()
