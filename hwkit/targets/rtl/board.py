"""Runs an artifact through its shell: on the virtual FPGA board, or on one behind a serial port."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from hwkit.device.session import Device, open_board
from hwkit.errors import ConfigError, DeviceError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.types import Array
from hwkit.target import WHOLE_MODEL, Artifact, LayerTiming
from hwkit.targets.rtl.bitstream import section
from hwkit.targets.rtl.plan import Plan
from hwkit.targets.rtl.shell import from_device, to_device


def run(artifact: Artifact[Plan], x: Array, port: str | None = None) -> Array:
    """Outputs for ``x`` (batch first), in the lowered graph's types.

    ``port`` is a pyserial URL of a board that already runs the artifact; without it the virtual
    board starts. Raises ``DeviceError`` when the board is silent, wrong or runs another model.
    """
    graph = artifact.lowered.graph
    source, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    results = np.empty((len(x), *output.shape), output.dtype.container)
    with _open(artifact, port) as device:
        for k, sample in enumerate(x):
            results[k] = from_device(device.infer(to_device(sample, source.dtype)), output)
    return results


def profile(
    artifact: Artifact[Plan], x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """``repeats`` inferences of the first sample after a warm-up; a row for the whole model.

    Cycles are those that the shell counts, from the first beat of the input to the last of the
    output; layers work at the same time, so that none has cycles of its own.
    """
    if len(x) < 1 or repeats < 1:
        raise ConfigError(f"profile: {len(x)} inputs, {repeats} repeats; give at least one of each")
    graph = artifact.lowered.graph
    data = to_device(x[0], graph.tensors[graph.inputs[0]].dtype)
    with _open(artifact, port) as device:
        device.infer(data)
        return [_timed(device, data, artifact) for _ in range(repeats)]


def _timed(device: Device, data: bytes, artifact: Artifact[Plan]) -> list[LayerTiming]:
    device.infer(data)
    cycles = device.cycles()
    if cycles is None:
        raise DeviceError("the shell counted no cycles; flash the bitstream again")
    graph, clock_hz = artifact.lowered.graph, device.info().clock_hz
    layers = [
        LayerTiming(index, op.name, type(op).__name__, macs(graph, op))
        for index, op in enumerate(graph.nodes)
    ]
    whole = LayerTiming(
        WHOLE_MODEL,
        graph.name,
        "Model",
        sum(layer.macs for layer in layers),
        cycles=cycles[0],
        us=cycles[0] * 1e6 / clock_hz,
    )
    return [*layers, whole]


def _open(artifact: Artifact[Plan], port: str | None) -> AbstractContextManager[Device]:
    section(artifact.board)
    digest = bytes.fromhex(serialize.digest(artifact.lowered.graph))
    return open_board(artifact.board, artifact.path, port, digest=digest)
