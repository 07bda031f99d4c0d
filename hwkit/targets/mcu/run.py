"""Runs an artifact: on the virtual board, or on a device behind a port."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from hwkit.boards import McuBoard
from hwkit.device.session import Device, open_board
from hwkit.device.virtual.cost_models import cost_model
from hwkit.errors import ConfigError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming, Session
from hwkit.targets.calls import of_one_input
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.lower import McuPlan, section


def open_session(artifact: Artifact[McuPlan], port: str | None) -> Session:
    """The artifact on its virtual board, or on a device behind ``port``."""
    mcu = section(artifact.board)
    emulator = mcu.emulator if port is None else ""
    identity = Identity(
        "emulator" if emulator else "hardware",
        emulator or mcu.core,
        clock_hz=mcu.clock_hz,
        cost_model=_cost_model(mcu) if emulator else "",
    )
    return of_one_input(
        artifact.lowered.graph,
        identity,
        lambda x: run(artifact, x, port),
        lambda x: layer_outputs(artifact, x, port),
        lambda x, repeats, warm_up: profile(artifact, x, repeats, port, warm_up),
    )


def _cost_model(mcu: McuBoard) -> str:
    """Which model simulated cycles come from and what is known of its error."""
    model = cost_model(mcu)
    return f"{model.version}: {model.error}" if model.version else model.error


def run(artifact: Artifact[McuPlan], x: Array, port: str | None = None) -> Array:
    """Outputs for ``x`` (batch first), in the lowered graph's types.

    ``port`` is a pyserial URL of a device that already runs the artifact; without it the virtual
    board starts. Raises ``DeviceError`` when the board is silent, wrong or runs another model.
    """
    graph = artifact.lowered.graph
    source, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    results = np.empty((len(x), *output.shape), output.dtype.container)
    with _open(artifact, port) as device:
        for k, sample in enumerate(x):
            answer = device.infer(to_device(sample, source.dtype))
            results[k] = from_device(answer, output)
    return results


def layer_outputs(
    artifact: Artifact[McuPlan], x: Array, port: str | None = None
) -> dict[str, Array]:
    """The output of every layer by tensor name, batch first. Each layer takes an inference up
    to it, because later layers reuse its memory."""
    graph = artifact.lowered.graph
    source = graph.tensors[graph.inputs[0]]
    kept: dict[str, list[Array]] = {op.output: [] for op in graph.nodes}
    with _open(artifact, port) as device:
        for sample in x:
            data = to_device(sample, source.dtype)
            for layer, op in enumerate(graph.nodes):
                answer = device.layer_output(layer, data)
                kept[op.output].append(from_device(answer, graph.tensors[op.output]))
    return {name: np.stack(samples) for name, samples in kept.items() if samples}


def profile(
    artifact: Artifact[McuPlan], x: Array, repeats: int, port: str | None = None, warm_up: int = 1
) -> list[list[LayerTiming]]:
    """``repeats`` inferences of the first sample after ``warm_up``; the layers of each.

    Cycles are what the firmware reads from the core's counter, instructions what the virtual
    board counts (None on a real one); cycles and time are None where no counter runs. Each layer
    includes one call of ``hwk_profile_mark``.
    """
    if len(x) < 1 or repeats < 1:
        raise ConfigError(f"profile: {len(x)} inputs, {repeats} repeats; give at least one of each")
    graph = artifact.lowered.graph
    data = to_device(x[0], graph.tensors[graph.inputs[0]].dtype)
    with _open(artifact, port) as device:
        for _ in range(warm_up):
            device.infer(data)
        return [_timed(device, data, artifact) for _ in range(repeats)]


def _timed(device: Device, data: bytes, artifact: Artifact[McuPlan]) -> list[LayerTiming]:
    device.infer(data)
    graph, clock_hz = artifact.lowered.graph, device.info().clock_hz
    cycles, instructions = device.cycles(), device.instructions()
    return [
        LayerTiming(
            index=index,
            name=op.name,
            op=type(op).__name__,
            macs=macs(graph, op),
            instructions=None if instructions is None else instructions[index],
            cycles=None if cycles is None else cycles[index],
            us=None if cycles is None else cycles[index] * 1e6 / clock_hz,
        )
        for index, op in enumerate(graph.nodes)
    ]


def _open(artifact: Artifact[McuPlan], port: str | None) -> AbstractContextManager[Device]:
    section(artifact.board)
    digest = bytes.fromhex(serialize.digest(artifact.lowered.graph))
    return open_board(artifact.board, artifact.path, port, digest=digest)
