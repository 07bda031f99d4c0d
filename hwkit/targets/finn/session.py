"""A project whose execution by FINN answers; its cycles are FINN's analytic ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwkit.errors import ConfigError
from hwkit.ir import serialize
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming
from hwkit.targets.calls import Calls
from hwkit.targets.finn import report, simulate
from hwkit.targets.finn.build import built_plan
from hwkit.targets.finn.graph import Network
from hwkit.targets.kept import KeptStates
from hwkit.targets.timed import timed_sample


def open_session(artifact: Artifact[Network], port: str | None = None) -> Calls:
    """FINN's execution of the project; there is no device, so ``port`` is refused:
    ``ConfigError``.

    It runs layers by their definition and knows no cycles: ``timed`` gives FINN's estimates, and
    the session is one of a model.
    """
    board, graph = artifact.board, artifact.lowered.graph
    if port is not None:
        raise ConfigError(f"board {board.name}: a project has no port {port}; leave it out")
    versions = ", ".join(f"{name} {version}" for name, version in report.tools().items())
    identity = Identity(
        kind="model",
        name=versions,
        model=serialize.digest(graph),
        build=built_plan(artifact.folder),
        cost_model="FINN's analytic cycles",
    )

    states = KeptStates(graph)

    def infer(feeds: Mapping[str, Array], keep: Sequence[str]) -> dict[str, Array]:
        given = fed(graph, feeds)
        given |= states.feeds(len(given[graph.inputs[0]]))
        found = simulate.run(artifact, given, keep)
        states.keep(found)
        return {name: found[name] for name in (*graph.outputs, *keep) if name in found}

    def timed(feeds: Mapping[str, Array], repeats: int, warm_up: int) -> list[list[LayerTiming]]:
        timed_sample(graph, feeds, repeats, warm_up)
        rows = report.timings(artifact.lowered, artifact.folder)
        return [rows for _ in range(repeats)]

    return Calls(identity, infer, timed, states.reset)
