"""The whole job on data that ships with packages: train, verify, deploy, profile, loop, report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.allocate.budget import parse
from hwkit.allocate.cost import CostTable, Sensitivity
from hwkit.allocate.plan import BitPlan
from hwkit.errors import HwkitError, ToolMissing
from hwkit.files import read_json
from hwkit.flow import loop, summarize
from hwkit.flow.build import deploy
from hwkit.flow.models import load
from hwkit.flow.profiling import profile
from hwkit.flow.training import Say, train
from hwkit.flow.tune import tune
from hwkit.flow.verify import Verification, verify
from hwkit.ir.graph import Graph
from hwkit.ir.serialize import digest
from hwkit.profile.commit import source_commit
from hwkit.profile.measurement import Measurement
from hwkit.report.page import write_report
from hwkit.report.summary import Deploy, Exactness, Loop, LoopState, Model, Summary

EDGE_AND_MCU = ("virtual_m4", "host_litert", "host_tflm")
MODELS: Mapping[str, tuple[str, ...]] = {
    "digits": EDGE_AND_MCU,
    "mnist5k": EDGE_AND_MCU,
    "digits_po2": (*EDGE_AND_MCU, "hls4ml_csim"),
    "mnist5k_po2": (*EDGE_AND_MCU, "hls4ml_csim"),
    "digits_qfx": ("virtual_m4", "hls4ml_csim", "rtl_sim"),
}
"""Which boards each recipe is proven on; FPGA projects are for scales that are shifts there."""

LOOP_MODEL, LOOP_BOARD = "mnist5k", "virtual_m4"


@dataclass
class _Run:
    """What the stages leave for the summary."""

    out: Path
    say: Say
    verified: list[Verification] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    exactness: list[Exactness] = field(default_factory=list)
    profiles: list[Measurement] = field(default_factory=list)
    deploys: list[Deploy] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def forget(self, name: str) -> None:
        """Drops what an earlier round of the loop left under ``name``."""
        self.models = [part for part in self.models if part.name != name]
        self.exactness = [part for part in self.exactness if part.model != name]
        self.profiles = [part for part in self.profiles if part.model != name]
        self.deploys = [part for part in self.deploys if part.model != name]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Keeps the wall-clock seconds of what runs inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def demo(out: Path, say: Say) -> Summary:
    """Runs every stage into ``out`` and writes ``summary.json`` and ``report.html`` there.

    A training run that is already there, made from the same recipe by the same versions, is kept;
    builds come from the cache. ``say`` is told each result, a line at a time. Raises
    ``BitExactnessError``, once the report is written, if one integer of any board differs.
    """
    state = _Run(out, say)
    for name, names in MODELS.items():
        with state.stage(f"train {name}"):
            trained = _train(state, name)
        graph = load(out / name / "model.hwk")
        state.models.append(summarize.model_part(name, graph, trained, out / name))
        for board in names:
            _on_board(state, name, graph, board)
    with state.stage("loop"):
        closed = _loop(state)
    summary = Summary(
        created_utc=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        commit=source_commit(),
        models=tuple(state.models),
        exactness=tuple(state.exactness),
        profiles=tuple(state.profiles),
        deploys=tuple(state.deploys),
        loop=closed,
        tools=state.tools,
        seconds=state.seconds,
    )
    summary.save(out / "summary.json")
    write_report(summary, out / "report.html")
    say(f"{out}/report.html")
    for result in state.verified:
        result.check()
    return summary


def _train(state: _Run, name: str, plan: Path | None = None) -> dict[str, Any]:
    """Trains recipe ``name`` (at ``plan``, into ``name-plan``) unless that very run is there."""
    folder = state.out / (name if plan is None else f"{name}-plan")
    kept = _kept(folder, name) if plan is None else None
    float_from = None if plan is None else state.out / name / "checkpoint.pt"
    facts = kept or train(name, folder, plan, lambda line: None, float_from)
    accuracy = facts["accuracy"]
    state.say(
        f"{folder.name}: accuracy float {accuracy['float']:.4f}, fake-quantized "
        f"{accuracy['fake_quantized']:.4f}, integer {accuracy['integer']:.4f}; "
        f"{facts['moved']} of {facts['integers']} integers moved at freeze"
    )
    state.tools.update(facts["versions"])
    return facts


def _kept(folder: Path, name: str) -> dict[str, Any] | None:
    """``train.json`` of an earlier run of the same recipe and versions that is complete and
    undamaged, and from nothing but the recipe; None tells to train again."""
    try:
        from hwkit.train.pipeline import recipe_digest, versions
    except ModuleNotFoundError as error:
        raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error
    needed = ("train.json", "model.hwk", "checkpoint.pt", "test.npz", "sensitivity.json")
    if not all((folder / file).is_file() for file in needed):
        return None
    try:
        facts: dict[str, Any] = read_json(folder / "train.json")
        summarize.inputs_and_labels(folder)
        loop.read_sensitivity(folder / "sensitivity.json")
        same = (
            facts["versions"] == versions()
            and not facts["digests"].keys() & {"plan", "start"}
            and facts["digests"]["recipe"] == recipe_digest(name)
            and facts["digests"]["model.hwk"] == digest(load(folder / "model.hwk"))
        )
    except (HwkitError, KeyError, TypeError):
        return None
    return facts if same else None


def _on_board(state: _Run, name: str, graph: Graph, board: str) -> None:
    """Verify over the whole test set, deploy, profile."""
    x, _ = summarize.inputs_and_labels(state.out / name)
    with state.stage(f"verify {name} {board}"):
        result = verify(graph, board, x)
    state.verified.append(result)
    state.exactness.append(summarize.exactness_part(name, result))
    state.say(
        f"{name} on {board}: {result.inputs} images, {result.differing} of {result.integers} "
        f"integers differ, {result.moved} moved by lowering"
    )
    folder = state.out / "deploy" / f"{name}-{board}"
    with state.stage(f"deploy {name} {board}"):
        facts = deploy(graph, board, folder)
    state.deploys.append(Deploy.from_facts(name, facts, boards.load(board)))
    state.tools.update(facts["tools"])
    with state.stage(f"profile {name} {board}"):
        taken = profile(graph, board, repeats=5, store=state.out / "measurements.sqlite")
    state.profiles.append(replace(taken, model=name))


def _loop(state: _Run) -> Loop:
    """The closed loop of one network on one board, within a budget that 8 bits miss."""
    run = state.out / LOOP_MODEL
    before = _state(state, LOOP_MODEL, read_json(run / "train.json"))
    table = loop.cost_table(run, LOOP_BOARD)
    sensitivity = loop.read_sensitivity(run / "sensitivity.json")
    budget = _budget(table, sensitivity)

    def retrained(plan: BitPlan) -> LoopState:
        after = _retrained(state, plan)
        state.say(
            f"loop: flash {before.flash_bytes} -> {after.flash_bytes} B (predicted "
            f"{plan.predicted['flash_bytes']:.0f}), cycles {before.cycles} -> {after.cycles} "
            f"(predicted {plan.predicted['latency_cycles']:.0f}), budget {budget}"
        )
        return after

    tuned = tune(table, sensitivity, parse(budget), retrained)
    return summarize.loop_part(LOOP_MODEL, budget, tuned, before, table, sensitivity)


def _retrained(state: _Run, plan: BitPlan) -> LoopState:
    """The loop's network trained at ``plan``, proven, built and measured on the loop's board."""
    path, name = state.out / "plan.json", f"{LOOP_MODEL}-plan"
    plan.save(path)
    narrow = [layer for layer, bits in plan.weight_bits.items() if bits < 8]
    state.say(f"loop: fewer than 8 bits for {', '.join(narrow) or 'no layer'}")
    trained = _train(state, LOOP_MODEL, path)
    graph = load(state.out / name / "model.hwk")
    state.forget(name)
    state.models.append(summarize.model_part(name, graph, trained, state.out / name))
    _on_board(state, name, graph, LOOP_BOARD)
    return _state(state, name, trained)


def _budget(table: CostTable, sensitivity: Sensitivity) -> str:
    """A budget that 8 bits everywhere miss, where narrow weights save anything: halfway from the
    flash of the widest plan to that of the narrowest, at the latency of the slower of them."""
    widest, narrowest = loop.extremes(table, sensitivity)
    flash = (widest["flash_bytes"] + min(narrowest["flash_bytes"], widest["flash_bytes"])) // 2
    latency = max(widest["latency_us"], narrowest["latency_us"])
    return f"latency={ceil(latency)}us,flash={flash:.0f}B"


def _state(state: _Run, name: str, trained: Mapping[str, Any]) -> LoopState:
    return summarize.loop_state(trained, *_figures(state, name))


def _figures(state: _Run, name: str) -> tuple[Measurement, dict[str, Any]]:
    """Profile and deploy.json of ``name`` on the loop's board."""
    found = next(p for p in state.profiles if (p.model, p.board) == (name, LOOP_BOARD))
    facts = read_json(state.out / "deploy" / f"{name}-{LOOP_BOARD}" / "deploy.json")
    return found, facts
