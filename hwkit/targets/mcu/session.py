"""An artifact that is open: on the virtual board, or on a device behind a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType

import numpy as np

from hwkit.closing import Closing
from hwkit.device.session import Device, open_board
from hwkit.device.strings import input_strings, outputs_in
from hwkit.errors import ConfigError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming
from hwkit.targets.mcu.forms import mark_sequence
from hwkit.targets.mcu.lower import McuPlan, section
from hwkit.targets.timed import timed_sample


class McuSession(Closing):
    """``target.Session`` of a firmware. Made by ``open_session``."""

    def __init__(self, artifact: Artifact[McuPlan], port: str | None) -> None:
        section(artifact.board)
        self._graph, self._plan = artifact.lowered.graph, artifact.lowered.plan
        board = open_board(
            artifact.board,
            artifact.path,
            port,
            digest=bytes.fromhex(serialize.digest(self._graph)),
            build=artifact.facts["build"],
        )
        with ExitStack() as stack:
            self._device: Device = stack.enter_context(board)
            self._identity = self._device.identity()
            self.reset()
            self._stack = stack.pop_all()

    @property
    def identity(self) -> Identity:
        """What the firmware says, and the emulator where one was started for it."""
        return self._identity

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        """Every output, and the tensors of ``keep`` that are a layer's output.

        Each of these takes an inference up to its layer, because later layers reuse its memory;
        the states are put back afterwards. ``ConfigError`` for feeds that do not fit, and for a
        tensor of ``keep`` that is only ever there in part.
        """
        graph = self._graph
        self._check_whole(keep)
        samples = input_strings(graph, fed(graph, feeds))
        layers = {op.output: k for k, op in enumerate(graph.nodes)}
        shown = [name for name in keep if name in layers]
        kept = [name for name in dict.fromkeys(shown) if name not in graph.outputs]
        inner: dict[str, list[Array]] = {name: [] for name in kept}
        answers = []
        for data in samples:
            states = self._states() if kept else b""
            for name in kept:
                seen = self._device.layer_output(layers[name], data)
                inner[name].append(self._plan.stored[name].unpack(seen, graph.tensors[name]))
                self._put_back(states)
            answers.append(self._device.infer(data))
        found = outputs_in(graph, answers)
        found |= {name: _stacked(graph, name, values) for name, values in inner.items()}
        return {name: found[name] for name in (*shown, *graph.outputs)}

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        """The layers of each of ``repeats`` inferences of the one sample, after ``warm_up``.

        Cycles are what the firmware reads from the core's counter, instructions what the emulator
        counts (None where none was started here), and cycles too where the core's counter stands
        still; cycles and time are None where nobody counts them.
        Each layer includes one call of ``hwk_profile_mark``. The states are put back afterwards.
        """
        given = timed_sample(self._graph, feeds, repeats, warm_up)
        (data,) = input_strings(self._graph, given)
        states = self._states()
        for _ in range(warm_up):
            self._device.infer(data)
        runs = [self._timed(data) for _ in range(repeats)]
        self._put_back(states)
        return runs

    def reset(self) -> None:
        """Brings every state to its initial value."""
        if self._graph.states:
            self._device.reset()

    def close(self) -> None:
        """Ends the link, and the emulator that was started for it."""
        self._stack.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _check_whole(self, keep: Sequence[str]) -> None:
        """Refuses what no moment of an inference has as a whole."""
        for stage in self._plan.staging.stages:
            for name in keep:
                if name in stage.between:
                    raise ConfigError(
                        f"{name}: its layer is computed a few rows at a time, so that it is never "
                        "there as a whole; leave it out, or build without patches"
                    )

    def _states(self) -> bytes:
        return self._device.states() if self._graph.states else b""

    def _put_back(self, states: bytes) -> None:
        if states:
            self._device.set_states(states)

    def _timed(self, data: bytes) -> list[LayerTiming]:
        self._device.infer(data)
        clock_hz = self._identity.clock_hz
        cycles = self._summed(self._device.cycles())
        instructions = self._summed(self._device.instructions())
        return [
            LayerTiming(
                index=index,
                name=op.name,
                op=type(op).__name__,
                macs=macs(self._graph, op),
                instructions=None if instructions is None else instructions[index],
                cycles=None if cycles is None else cycles[index],
                us=None if cycles is None or not clock_hz else cycles[index] * 1e6 / clock_hz,
            )
            for index, op in enumerate(self._graph.nodes)
        ]

    def _summed(self, parts: list[int] | None) -> list[int] | None:
        """By layer, also of an emulator that counts from mark to mark."""
        if parts is None or len(parts) <= len(self._graph.nodes):
            return parts
        totals = [0] * len(self._graph.nodes)
        marks = mark_sequence(self._graph, self._plan)[:-1]
        for layer, count in zip(marks, parts, strict=True):
            if layer is not None:
                totals[layer] += count
        return totals


def open_session(artifact: Artifact[McuPlan], port: str | None = None) -> McuSession:
    """The artifact on its virtual board, or on the device at ``port`` (a pyserial URL) that runs
    it already; all states have their initial values.

    ``DeviceError`` when the board is silent, wrong, or runs another model or build.
    Example: ``with open_session(artifact) as session: session.infer({"x": x})["y"]``.
    """
    return McuSession(artifact, port)


def _stacked(graph: Graph, name: str, values: Sequence[Array]) -> Array:
    tensor = graph.tensors[name]
    if not values:
        return np.zeros((0, *tensor.shape), tensor.dtype.container)
    return np.stack(values)
