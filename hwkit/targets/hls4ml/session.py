"""A project whose C simulation answers; its cycles are a model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata

from hwkit.errors import ConfigError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming
from hwkit.targets.calls import Calls
from hwkit.targets.hls4ml import simulate
from hwkit.targets.hls4ml.build import built_plan
from hwkit.targets.hls4ml.cycles import cycles_by_op
from hwkit.targets.hls4ml.emit import fpga
from hwkit.targets.hls4ml.network import Network
from hwkit.targets.kept import KeptStates
from hwkit.targets.timed import timed_sample


def open_session(artifact: Artifact[Network], port: str | None = None) -> Calls:
    """The project's C simulation; there is no device, so ``port`` is refused: ``ConfigError``.

    A C simulation knows no cycles: ``timed`` says what ``estimate`` says of each layer, and the
    session is one of a model.
    """
    board, graph = artifact.board, artifact.lowered.graph
    if port is not None:
        raise ConfigError(f"board {board.name}: a project has no port {port}; leave it out")
    identity = Identity(
        kind="model",
        name=f"hls4ml {metadata.version('hls4ml')}, C simulation",
        clock_hz=round(1e9 / fpga(board).clock_period_ns),
        model=serialize.digest(graph),
        build=built_plan(artifact.folder),
        cost_model="hwkit's estimate of hls4ml's layers",
    )

    states = KeptStates(graph)

    def infer(feeds: Mapping[str, Array], keep: Sequence[str]) -> dict[str, Array]:
        given = fed(graph, feeds)
        given |= states.feeds(len(given[graph.inputs[0]]))
        found = simulate.run(artifact, given)
        wanted = [name for name in keep if name not in found]
        seen = simulate.layer_outputs(artifact, given) if wanted else {}
        states.keep(found)
        results = {name: found[name] for name in (*graph.outputs, *keep) if name in found}
        return {**results, **{name: seen[name] for name in wanted if name in seen}}

    def timed(feeds: Mapping[str, Array], repeats: int, warm_up: int) -> list[list[LayerTiming]]:
        timed_sample(graph, feeds, repeats, warm_up)
        return [_rows(artifact) for _ in range(repeats)]

    return Calls(identity, infer, timed, states.reset)


def _rows(artifact: Artifact[Network]) -> list[LayerTiming]:
    graph = artifact.lowered.graph
    found = cycles_by_op(graph, artifact.lowered.plan)
    period_us = fpga(artifact.board).clock_period_ns / 1000
    return [
        LayerTiming(
            index,
            op.name,
            type(op).__name__,
            macs(graph, op),
            cycles=found[index],
            us=found[index] * period_us,
        )
        for index, op in enumerate(graph.nodes)
    ]
