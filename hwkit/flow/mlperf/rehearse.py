"""A rehearsal of MLPerf Tiny: firmware, both modes, the interpreter beside them, the folders."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from hwkit import boards
from hwkit.device.link import Link
from hwkit.device.machine import Machine
from hwkit.device.session import check_reachable, start_emulator
from hwkit.errors import ConfigError
from hwkit.files import write_json, write_whole
from hwkit.flow.build import lower
from hwkit.flow.mlperf import own, samples, submission
from hwkit.flow.mlperf.answers import Quality, answers, quality
from hwkit.flow.mlperf.client import Client
from hwkit.flow.mlperf.record import WINDOW_US, WINDOWS, Mode, Outcome, Plan, per_second
from hwkit.flow.mlperf.runner import Runner
from hwkit.flow.mlperf.samples import File
from hwkit.flow.mlperf.terminal import Terminal
from hwkit.flow.shape import Shape
from hwkit.formats import stamped
from hwkit.ir.graph import Graph
from hwkit.target import Evidence, Lowered
from hwkit.targets.mcu.lower import McuPlan, section
from hwkit.targets.mcu.package.mlperf import mlperf_tiny
from hwkit.targets.mcu.package.networks import Network, network_of

_MODES: tuple[Mode, ...] = ("performance", "accuracy")
_WARMUPS = 5
_FEWEST = 10
_RUN_S = 11.0
"""A performance run below ten seconds of the host's time is an error to the runner; an emulator
may be faster than its chip."""

_PATIENCE_S = 30.0
"""How long the runner waits for a window."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is rehearsed: as which ``network``, in which ``division``, by whose ``runner`` (None:
    hwkit drives), on which data set (a folder with one for each network; None: random samples) and
    how many of its ``files`` (None: all), at which ``port`` (None: the board is an emulator)."""

    network: str | None = None
    division: str = "closed"
    submitter: str = "rehearsal"
    runner: Path | None = None
    dataset: Path | None = None
    files: int | None = None
    port: str | None = None
    seed: int = 0


def rehearse(
    graph: Graph, board_name: str, out: Path, request: Request, **shape: Unpack[Shape]
) -> dict[str, Any]:
    """Runs it and leaves ``summary.json``, ``summary.md`` and all that led to them in a folder of
    ``out`` that is named after the network, beside the submission's, which several networks share;
    returns the summary.

    ``ConfigError`` where network, board or data set do not fit; ``DeviceError`` and ``ToolFailed``
    from the device and the runner.
    """
    submission.check(request.submitter)
    board = boards.load(board_name)
    runner = None if request.runner is None else Runner(request.runner)
    check_reachable(board, request.port)
    _, lowered = lower(graph, board_name, **shape)
    network = network_of(lowered.graph, request.network)
    if runner is not None and network.name == "sww01":
        raise ConfigError(
            "network sww01: the runner's streaming test needs its interface board, which plays "
            "audio over I2S and watches a pin; leave --runner out: the network alone is rehearsed"
        )
    files, known = _files(network, lowered.graph, request)
    firmware = mlperf_tiny(lowered, network.name)
    work = _emptied(out / network.name)
    samples.write(files, work / "datasets" / network.dataset, network)
    for name, content in firmware.items():
        write_whole(work / "firmware" / name, content)
    with _reached(lowered, work / "firmware" / "firmware.elf", request.port) as reached:
        outcomes = _performed(reached, runner, network, files, work)
    compared = _compared(network, lowered.graph, files, outcomes)
    summary: dict[str, Any] = {
        "network": network.name,
        "title": network.title,
        "board": board.name,
        "options": lowered.board.options,
        "division": request.division,
        "evidence": reached.evidence,
        "device": reached.name,
        "emulator": reached.emulator,
        "driver": "hwkit" if runner is None else "MLCommons runner",
        "runner_sha256": None if runner is None else runner.digest(),
        "performance": _performance(outcomes["performance"]),
        "accuracy": {"files": len(files), "of": known, **compared},
        "quality": _target(network, request, compared, known is not None and len(files) == known),
        "energy": "not run: no meter",
    }
    summary["valid"], summary["why_not"] = _verdict(summary)
    results = submission.prepare(
        out,
        request.division,
        request.submitter,
        network,
        board,
        reached.evidence,
        outcomes,
        firmware,
    )
    summary["results"] = str(results.relative_to(out))
    write_json(work / "summary.json", stamped("mlperf", summary))
    write_whole(work / "summary.md", _page(summary).encode())
    return summary


def _emptied(folder: Path) -> Path:
    """``folder`` without what an earlier rehearsal left there."""
    if folder.exists():
        if not (folder / "firmware").is_dir() and any(folder.iterdir()):
            raise ConfigError(f"{folder}: was not made by a rehearsal; choose another folder")
        shutil.rmtree(folder)
    return folder


def _files(network: Network, graph: Graph, request: Request) -> tuple[list[File], int | None]:
    """The samples, and of how many that a data set has; None: random ones."""
    if request.dataset is None:
        fewest = max(WINDOWS, 2 if network.autoencodes else network.outputs)
        return samples.made(network, graph, request.files or 2 * fewest, request.seed), None
    found, of = samples.read(request.dataset / network.dataset, network, request.files)
    if not found:
        raise ConfigError(f"{request.dataset / network.dataset}: has no samples")
    return found, of


@dataclass(slots=True)
class _Reached:
    """A device that is there: at ``url``; ``name`` is its own, ``emulator`` what runs it here."""

    url: str
    baud: int
    emulator: str
    name: str = ""
    evidence: Evidence = "simulated"


@contextmanager
def _reached(lowered: Lowered[McuPlan], image: Path, port: str | None) -> Iterator[_Reached]:
    baud = section(lowered.board).uart.baud
    if port is not None:
        yield _Reached(port, baud, "")
        return
    machine: Machine = start_emulator(lowered.board, image)
    try:
        counts = machine.counts()
        model = "" if counts is None else counts.model
        yield _Reached(machine.port, baud, f"{machine.name}, cycles of model {model}")
    finally:
        machine.close()


def _performed(
    reached: _Reached, runner: Runner | None, network: Network, files: Sequence[File], work: Path
) -> dict[Mode, Outcome]:
    with Link(reached.url, reached.baud) as link:
        client = Client(link)
        if client.model != network.name:
            raise ConfigError(
                f"{reached.url}: its firmware is for {client.model}, not {network.name}; flash "
                "that of --package mlperf_tiny"
            )
        reached.name = client.name
        emulated = bool(reached.emulator) or "emulator" in client.name
        reached.evidence = "simulated" if emulated else "measured"
        plan = _plan(client, network, files[0], 0.0 if runner is None else _RUN_S)
        if runner is None:
            return {m: own.perform(client, m, plan, files, work / m) for m in _MODES}
    with Terminal(reached.url, reached.baud) as terminal:
        port, data = terminal.path, (work / "datasets").absolute()
        return {
            m: runner.perform(port, reached.baud, m, plan, data, (work / m).absolute())
            for m in _MODES
        }


def _plan(client: Client, network: Network, file: File, run_s: float) -> Plan:
    """As many inferences as fill a window by the device's clock, and a run of ``run_s`` by the
    host's."""
    client.load(file.windows(network.sample_bytes)[0])
    start_s = time.monotonic()
    us = client.infer(3, 0).us / 3
    host_s = (time.monotonic() - start_s) / 3
    if us == 0:
        raise ConfigError(f"device {client.name}: its clock stands still; take another board")
    by_device, by_host = WINDOW_US * 1.02 / us, run_s / WINDOWS / host_s
    plan = Plan(network, max(_FEWEST, math.ceil(by_device), math.ceil(by_host)), _WARMUPS)
    if run_s and plan.iterations * host_s > _PATIENCE_S:
        raise ConfigError(
            f"device {client.name}: takes {plan.iterations * host_s:.0f} s of this machine's time "
            f"for a window of {plan.iterations} inferences; the runner waits {_PATIENCE_S:.0f} s: "
            "take a faster or less busy machine, or leave --runner out"
        )
    return plan


def _compared(
    network: Network, graph: Graph, files: Sequence[File], outcomes: Mapping[Mode, Outcome]
) -> dict[str, Any]:
    """Every number that came beside the interpreter's."""
    size = network.sample_bytes
    wanted = {file.name: answers(network, graph, file.windows(size)) for file in files}
    told: dict[str, list[tuple[float, ...]]] = {file.name: [] for file in files}
    for record in outcomes["accuracy"].records:
        told[record.file].append(record.results)
    pairs = [(told[name], expected) for name, expected in wanted.items()]
    pairs += [([r.results], wanted[r.file][:1]) for r in outcomes["performance"].records]
    numbers = sum(len(row) for _, expected in pairs for row in expected)
    same = sum(
        a == b
        for got, expected in pairs
        for left, right in zip(got, expected, strict=False)
        for a, b in zip(left, right, strict=False)
    )
    missing = [name for name, expected in wanted.items() if len(told[name]) != len(expected)]
    device = Quality(None, None) if missing else quality(network, files, told)
    return {
        "numbers": numbers,
        "differing": numbers - same,
        **asdict(device),
        "interpreter": asdict(quality(network, files, wanted)),
    }


def _performance(outcome: Outcome) -> dict[str, Any]:
    windows = [{"inferences": r.iterations, "us": r.us} for r in outcome.records]
    return {"inferences_per_second": per_second(outcome.records), "windows": windows}


def _target(
    network: Network, request: Request, compared: Mapping[str, Any], whole: bool
) -> dict[str, Any]:
    """The closed division's target, and whether it is met: null where the data set was not run
    whole."""
    if network.quality is None:
        return {"metric": None, "target": None, "met": None}
    metric, target = network.quality
    value = compared["auc" if metric == "auc" else "top1"]
    judged = whole and value is not None and request.division == "closed"
    return {"metric": metric, "target": target, "met": value >= target if judged else None}


def _verdict(summary: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Whether the rehearsal went as a run must, and what was wrong."""
    why = []
    windows = summary["performance"]["windows"]
    if len(windows) != WINDOWS:
        why.append(f"{len(windows)} windows, not {WINDOWS}")
    short = [w for w in windows if w["us"] < WINDOW_US]
    if short:
        why.append(f"a window of {min(w['us'] for w in short)} us, ten seconds are the least")
    if summary["accuracy"]["differing"]:
        why.append(f"{summary['accuracy']['differing']} numbers are not the interpreter's")
    if summary["quality"]["met"] is False:
        why.append("the closed division's quality target is not met")
    return not why, why


def _page(summary: Mapping[str, Any]) -> str:
    """The summary for people."""
    accuracy, target = summary["accuracy"], summary["quality"]
    random = accuracy["of"] is None
    figures = {
        "network": f"{summary['network']}, {summary['title']}",
        "board": f"{summary['board']} ({summary['device']})",
        "driver": summary["driver"],
        "inferences per second": (
            f"{summary['performance']['inferences_per_second']:.3f}, {summary['evidence']}"
        ),
        "numbers compared with the interpreter's": (
            f"{accuracy['numbers']}, {accuracy['differing']} differ"
        ),
        "samples": "random" if random else f"{accuracy['files']} of {accuracy['of']} files",
        "top-1": _shown(accuracy["top1"], accuracy["interpreter"]["top1"]),
        "AUC": _shown(accuracy["auc"], accuracy["interpreter"]["auc"]),
        "closed target": f"{target['metric']} {target['target']}: {_met(target['met'])}",
        "energy": summary["energy"],
        "went as a run must": "yes" if summary["valid"] else "; ".join(summary["why_not"]),
    }
    rows = "".join(f"| {name} | {value} |\n" for name, value in figures.items())
    return (
        f"# Rehearsal of MLPerf Tiny, {summary['division']} division\n\n"
        f"This is no MLPerf result. {_warning(summary, random)}\n\n| | |\n|---|---|\n{rows}\n"
        f"Folder of the results: `{summary['results']}`\n"
    )


def _warning(summary: Mapping[str, Any], random: bool) -> str:
    said = []
    if summary["evidence"] != "measured":
        said.append(
            f"Times are simulated ({summary['emulator']}): a submission takes a real board's."
        )
    if random:
        said.append("Samples and their classes are random: top-1 and AUC are compared, not judged.")
    if summary["division"] == "closed":
        said.append(
            "That weights and samples are the benchmark's own, as the closed division asks, is for "
            "the submitter to see to."
        )
    return " ".join(said)


def _shown(device: float | None, interpreter: float | None) -> str:
    pair = ["-" if value is None else f"{value:.3f}" for value in (device, interpreter)]
    return f"{pair[0]}, by the interpreter {pair[1]}"


def _met(met: bool | None) -> str:
    return {True: "met", False: "not met", None: "not judged"}[met]
