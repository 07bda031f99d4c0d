"""A network on a board, in two steps: built, then compared and measured there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwkit import boards, targets
from hwkit.files import read_json, write_json
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for, deploy
from hwkit.flow.costs import with_prediction
from hwkit.flow.models import load
from hwkit.flow.profiling import digest as input_digest
from hwkit.flow.profiling import measured
from hwkit.flow.tuning.steps import Steps
from hwkit.flow.verify import verify
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.profile.book import CostBook
from hwkit.profile.measurement import Measurement, parse
from hwkit.record import to_json
from hwkit.report.summary import Exactness, LoopState
from hwkit.target import Evidence

COMPARED = 16
"""Real inputs for which every integer of the board is compared."""
REPEATS = {"simulated": 1, "estimated": 1, "measured": 10}
"""Inferences that are timed: what is simulated gives the same figures every time."""
EFFORT_WITHIN = 0.02
"""What is measured is timed until the interval of its median is so small a share of it."""


@dataclass(frozen=True, slots=True)
class OnBoard:
    """What a build takes and a board measured: ``figures`` by the keys of ``Budget.limits``, those
    that are known; the ``folder`` of the build, and the facts of ``deploy.json``."""

    board: str
    figures: dict[str, float]
    measurement: Measurement
    exactness: Exactness
    folder: Path
    facts: dict[str, Any]


def loop_state(
    weight_bits: Mapping[str, int],
    accuracy: float,
    figures: Mapping[str, float],
    evidence: Evidence,
    activation_bits: Mapping[str, int] | None = None,
) -> LoopState:
    """A network as a report shows it: widths, ``accuracy`` (0..1), and ``figures`` of a board as in
    ``OnBoard``; those that are not known are None."""
    whole = {key: int(figures[key]) for key in ("flash_bytes", "sram_bytes", "lut")
             if key in figures}  # fmt: skip
    return LoopState(
        weight_bits=weight_bits,
        accuracy=accuracy,
        cycles=figures.get("latency_cycles"),
        us=figures.get("latency_us"),
        flash_bytes=whole.get("flash_bytes"),
        sram_bytes=whole.get("sram_bytes"),
        lut=whole.get("lut"),
        evidence=evidence,
        activation_bits=activation_bits or {},
    )


def on_board(
    steps: Steps, graph: Graph, board: str, x: Array, book: CostBook | None = None
) -> OnBoard:
    """Builds ``graph`` for ``board``, compares it there with the interpreter on ``x`` (N, *shape),
    and measures it, beside what ``book`` (default: the user's own) knew of its layers.

    Raises ``BitExactnessError`` for the first integer that differs.
    """
    description = boards.load(board)
    tools = dict(targets.get(description).tools(description))
    made_of = [serialize.digest(graph), to_json(description), tools]
    folder = steps.done(f"build-{description.name}", made_of, lambda out: _build(graph, board, out))
    folder = folder / "build"
    x = x[:COMPARED]
    feeds = {graph.inputs[0]: x}
    taken = steps.done(
        f"measure-{description.name}",
        [*made_of, input_digest(feeds)],
        lambda out: _measure(graph, board, folder, x, out, book or CostBook()),
    )
    found, facts = read_json(taken / "measured.json"), read_json(folder / "deploy.json")
    measurement = parse(found["measurement"], str(taken))
    return OnBoard(
        board=description.name,
        figures=_figures(measurement, facts, _estimated(folder)),
        measurement=measurement,
        exactness=Exactness(**found["exactness"]),
        folder=folder,
        facts=facts,
    )


def _build(graph: Graph, board: str, out: Path) -> None:
    deploy(graph, board, out / "build")


def _measure(graph: Graph, board: str, folder: Path, x: Array, out: Path, book: CostBook) -> None:
    result = verify(graph, board, x, artifact_folder=folder).check()
    target, artifact = artifact_for(graph, board, folder)
    one = boundary.enter(graph, artifact.lowered.graph, {graph.inputs[0]: x[:1]})
    with target.open(artifact) as session:
        repeats = REPEATS[session.identity.evidence]
        within = EFFORT_WITHIN if session.identity.evidence == "measured" else None
        taken = measured(graph, artifact, session, one, repeats, within)
    taken = with_prediction(taken, target, artifact.lowered, book)
    compared = {
        "model": graph.name,
        "board": result.board,
        "inputs": result.inputs,
        "integers": result.integers,
        "differing": result.differing,
        "moved": result.moved,
    }
    write_json(out / "measured.json", {"measurement": taken.to_json(), "exactness": compared})


def _estimated(folder: Path) -> dict[str, Any]:
    """What a folded design is estimated to take, where its build says so."""
    path = folder / "folding.json"
    found: dict[str, Any] = read_json(path)["estimated"] if path.is_file() else {}
    return found


def _figures(
    measurement: Measurement, facts: dict[str, Any], estimated: dict[str, Any]
) -> dict[str, float]:
    total = measurement.whole or measurement.total
    clock_hz = measurement.clock_hz
    us = total.us
    if us is None and total.cycles is not None and clock_hz:
        us = total.cycles * 1e6 / clock_hz
    found = {
        "latency_cycles": total.cycles,
        "latency_us": us,
        "flash_bytes": facts.get("flash_bytes"),
        "sram_bytes": facts.get("ram_bytes"),
        "lut": facts.get("lut", estimated.get("lut")),
    }
    return {key: float(value) for key, value in found.items() if value is not None}


def graph_of(run: Path) -> Graph:
    """The network of a run folder."""
    return load(run / "model.hwk")
