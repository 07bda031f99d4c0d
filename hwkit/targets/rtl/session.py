"""An artifact open where it runs: behind its shell on a board, or on the simulated one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType

import numpy as np

from hwkit.closing import Closing
from hwkit.device.session import open_board
from hwkit.device.strings import input_strings, outputs_in
from hwkit.errors import DeviceError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.target import WHOLE_MODEL, Artifact, Identity, LayerTiming
from hwkit.targets.rtl import simulate
from hwkit.targets.rtl.bitstream import section
from hwkit.targets.rtl.plan import Plan
from hwkit.targets.rtl.shell import build_digest
from hwkit.targets.timed import timed_sample


class RtlSession(Closing):
    """``target.Session`` of a design in its shell. Made by ``open_session``."""

    def __init__(self, artifact: Artifact[Plan], port: str | None) -> None:
        self._artifact = artifact
        self._graph, self._core = artifact.lowered.graph, artifact.lowered.plan.core
        fpga = section(artifact.board)
        # The streams between layers can be seen in a simulation of folded layers alone.
        self._observed = port is None and fpga.flow == "verilator" and bool(self._core.taps)
        self._past: list[dict[str, Array]] = []  # since the last reset, where there are states
        self._stack = ExitStack()
        self._device = self._stack.enter_context(
            open_board(
                artifact.board,
                artifact.path,
                port,
                digest=bytes.fromhex(serialize.digest(self._graph)),
                build=build_digest(self._core, fpga.clock_hz),
            )
        )
        self._identity = self._device.identity()
        self.reset()

    @property
    def identity(self) -> Identity:
        """What the shell says, and the simulator where one was started for it."""
        return self._identity

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        """Every output, and the tensors of ``keep`` that are a stream of the simulated core, whose
        simulation begins at the last reset. ``ConfigError`` for feeds that do not fit."""
        graph, given = self._graph, fed(self._graph, feeds)
        count = len(next(iter(given.values())))
        answers = [self._device.infer(data) for data in input_strings(graph, given)]
        found = outputs_in(graph, answers)
        if graph.states:
            self._past.append(given)
        kept = [name for name in keep if name in self._core.taps and name not in found]
        if not kept or not self._observed or not count:
            return found
        seen = self._simulated(self._past or [given]).seen
        for name in kept:
            tensor = graph.tensors[name]
            values = seen[self._core.taps[name][0]][1].reshape(-1, *tensor.shape)
            found[name] = values[-count:].astype(tensor.dtype.container)
        return found

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        """The whole of each of ``repeats`` inferences, after ``warm_up``, in cycles that the shell
        counts from the first beat of the inputs to the last of the outputs.

        In a simulation also every layer's, from its first beat to its last: of the first inference
        after a reset, the same each time. Layers work at the same time, so that they do not add
        up. The states are put back afterwards.
        """
        given = timed_sample(self._graph, feeds, repeats, warm_up)
        if self._observed:
            done = self._simulated([given])
            return [self._rows(done.latency_cycles, done) for _ in range(repeats)]
        (data,) = input_strings(self._graph, given)
        for _ in range(warm_up):
            self._device.infer(data)
        rows = [self._rows(self._counted(data)) for _ in range(repeats)]
        self._put_back()
        return rows

    def reset(self) -> None:
        """Brings every state to its initial value."""
        if self._graph.states:
            self._device.reset()
            self._past = []

    def close(self) -> None:
        """Ends the link, and the simulator that was started for it."""
        self._stack.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _simulated(self, past: Sequence[Mapping[str, Array]]) -> simulate.Simulation:
        """The core by itself, with its streams."""
        core = self._core
        feeds = [np.concatenate([each[name] for each in past]) for name in self._graph.inputs]
        program = simulate.program(self._artifact.folder, core)
        return simulate.simulate(core, program, feeds, taps=True)

    def _counted(self, data: bytes) -> int:
        """Cycles of one inference."""
        self._device.infer(data)
        cycles = self._device.cycles()
        if cycles is None:
            raise DeviceError("the shell counted no cycles; flash the bitstream again")
        return cycles[0]

    def _put_back(self) -> None:
        """The states as they were: a shell shows none, so all steps are taken again."""
        if self._graph.states:
            self._device.reset()
            for given in self._past:
                for data in input_strings(self._graph, given):
                    self._device.infer(data)

    def _rows(self, whole: int, done: simulate.Simulation | None = None) -> list[LayerTiming]:
        graph, clock_hz = self._graph, self._identity.clock_hz

        def row(index: int, name: str, op: str, work: int, cycles: int | None) -> LayerTiming:
            us = None if cycles is None or not clock_hz else cycles * 1e6 / clock_hz
            return LayerTiming(index, name, op, work, cycles=cycles, us=us)

        rows = []
        for index, op in enumerate(graph.nodes):
            cycles = None
            if done is not None and op.output in self._core.taps:
                cycles = int(np.ptp(done.seen[self._core.taps[op.output][0]][0])) + 1
            rows.append(row(index, op.name, type(op).__name__, macs(graph, op), cycles))
        work = sum(each.macs for each in rows)
        return [*rows, row(WHOLE_MODEL, graph.name, "Model", work, whole)]


def open_session(artifact: Artifact[Plan], port: str | None = None) -> RtlSession:
    """The artifact on the simulated board, or on the one at ``port`` (a pyserial URL) that runs it
    already; all states have their initial values.

    ``DeviceError`` when the board is silent, wrong, or runs another model or build.
    Example: ``with open_session(artifact) as session: session.infer({"x": x})["y"]``.
    """
    return RtlSession(artifact, port)
