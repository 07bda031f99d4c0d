"""From graph to artifact, built once for each build plan."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

from hwkit import boards, targets
from hwkit.boards import NO_GOAL, Board, FoldingGoal, folded_for
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.files import read_json, replace_folder, write_json, write_whole
from hwkit.flow.shape import Shape, check_bits, made_with, options_of, shaped
from hwkit.flow.sources import say_who
from hwkit.flow.stages import in_stages
from hwkit.formats import stamped
from hwkit.importers.parts import told
from hwkit.ir.graph import Graph
from hwkit.lower import legal
from hwkit.record import from_json
from hwkit.target import Artifact, BuildPlan, ChoosesKernels, Lowered, Packages, RunsFiles, Target
from hwkit.toolchain import programmer
from hwkit.toolchain.builds import CachedBuild, entry


def lower(
    graph: Graph,
    board_name: str,
    goal: FoldingGoal = NO_GOAL,
    measure: bool = True,
    **shape: Unpack[Shape],
) -> tuple[Target[Any], Lowered[Any]]:
    """The target of ``board_name`` and the graph in its form, with the choices that the target
    makes by measuring: remembered, or made now if ``measure``, else those of its rule. ``goal`` is
    for boards whose designs are folded, ``shape`` for microcontrollers (``ConfigError`` for
    others): with ``sram`` or a streamed ``input`` layers are computed in parts as needed."""
    target, whole = lower_whole(graph, board_name, goal, **shape)
    lowered = in_stages(target, whole)
    if isinstance(target, ChoosesKernels):
        lowered = target.choose(lowered, measure)
    return target, lowered


def lower_whole(
    graph: Graph, board_name: str, goal: FoldingGoal = NO_GOAL, **shape: Unpack[Shape]
) -> tuple[Target[Any], Lowered[Any]]:
    """The same with no layer in parts, and no kernel chosen by measuring."""
    board = shaped(folded_for(boards.load(board_name), goal), shape)
    target = targets.get(board)
    return target, legal.lowered(target, graph, board)


def cached(target: Target[Any], lowered: Lowered[Any]) -> Artifact[Any]:
    """The artifact for ``lowered``, from the cache where this very plan was built before."""
    build = _build(target, target.emit(lowered), lowered)
    return build.opened(lambda folder: target.artifact(folder, lowered))


def _build(target: Target[Any], plan: BuildPlan, lowered: Lowered[Any]) -> CachedBuild:
    board = lowered.board
    folder = entry(board.name, plan.digest(), target.tools(board))
    return CachedBuild(folder, lambda out: target.build(plan, lowered, out).path)


def deploy(
    graph: Graph,
    board_name: str,
    out: str | Path,
    packages: Sequence[str] = (),
    goal: FoldingGoal = NO_GOAL,
    *,
    flashed: bool = False,
    **shape: Unpack[Shape],
) -> dict[str, Any]:
    """Emits and builds into ``out`` and writes ``deploy.json`` there; returns its content.

    Each of ``packages`` (see ``target.Packages``) becomes a folder of that name in ``out``. With
    ``flashed`` the image is then written to the connected board. What either lacks is refused
    before anything is built.

    ``out`` may exist: its files are replaced only when the build has ended well. Raises
    ``ConfigError`` when ``out`` is a file or a folder that no deploy made, ``BudgetInfeasible``
    when ``goal`` cannot be met.
    """
    out = Path(os.path.realpath(out))  # a link stays, what it leads to is replaced
    if os.path.lexists(out) and not (
        out.is_dir() and (_is_deployed(out) or not any(out.iterdir()))
    ):
        raise ConfigError(f"{out}: exists and was not made by deploy; choose another folder")
    board = boards.load(board_name)
    for kind in packages:
        _packing(board, kind).check_package(board, kind)
    if flashed:
        programmer.find(board)
    target, lowered = lower(graph, board_name, goal, **shape)
    plan = target.emit(lowered)
    packed = {kind: _packing(board, kind).package(lowered, kind) for kind in packages}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:40]}."))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made ({error.strerror}); choose another") from error
    try:
        build = _build(target, plan, lowered)
        artifact = build.opened(lambda folder: target.artifact(folder, lowered))
        build.copy(beside)
        _check_rate(board_name, goal, artifact.facts)
        facts = {
            "board": board.name,
            "artifact": artifact.path.name,
            **artifact.facts,
            **({"goal": asdict(goal)} if goal != NO_GOAL else {}),
            "options": options_of(graph, lowered.board),
            "digest": plan.digest(),
            "retargeted": list(lowered.retargeted),
            "optimized": dict(lowered.optimized),
            "packages": sorted(packed),
            "float_parts": told(graph),
        }
        for kind, files in packed.items():
            for name, content in files.items():
                write_whole(beside / kind / name, content)
        say_who(beside)
        write_json(beside / "deploy.json", stamped("deploy.json", facts))
        beside.chmod(0o755)
        replace_folder(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if flashed:
        programmer.flash(board, out / facts["artifact"])
    return facts


def _packing(board: Board, kind: str) -> Packages[Any]:
    """The target of ``board`` as one that packs models."""
    target = targets.get(board)
    if isinstance(target, Packages):
        return target
    raise ConfigError(
        f"package {kind!r}: board {board.name} has none; take a microcontroller "
        "(library, arduino, zephyr, mlperf_tiny), host_tflm (tflm) or an FPGA (axi_stream)"
    )


def _check_rate(board_name: str, goal: FoldingGoal, facts: Mapping[str, Any]) -> None:
    """``BudgetInfeasible`` with the best rate where the wanted one is not reached."""
    if goal.frames_per_second is None:
        return
    rate = facts["clock_hz"] / facts["interval_cycles"]
    if rate < goal.frames_per_second:
        raise BudgetInfeasible(
            f"{board_name}: {goal.frames_per_second} frames/s cannot be had; the fastest folding "
            f"that fits takes {facts['interval_cycles']} cycles, {int(rate)} frames/s at "
            f"{facts['clock_hz']} Hz: ask for that, or take a larger part"
        )


def _is_deployed(out: Path) -> bool:
    return (out / "deploy.json").is_file()


def artifact_for(
    graph: Graph,
    board_name: str,
    folder: str | Path | None,
    measure: bool = True,
    **shape: Unpack[Shape],
) -> tuple[Target[Any], Artifact[Any]]:
    """The artifact to run ``graph`` on ``board_name``: from ``folder``, a deploy made earlier
    (possibly edited since: what lies there is what runs), or built and cached; ``measure`` and
    ``shape`` as for ``lower`` then. ``folder`` may also be the very file that ``graph`` was
    imported from: see ``target.RunsFiles``."""
    if folder is not None and Path(folder).is_file():
        board = boards.load(board_name)
        target = targets.get(board)
        if not isinstance(target, RunsFiles):
            raise ConfigError(
                f"{folder}: {board.name} runs what 'hwkit deploy' left in a folder, not a file; "
                "host_tflm and host_litert run a .tflite as it is"
            )
        return target, target.open_original(graph, board, Path(folder).absolute())
    if folder is None:
        target, lowered = lower(graph, board_name, measure=measure, **shape)
        return target, cached(target, lowered)
    check_bits(Path(folder), graph)
    made = made_with(Path(folder))
    if made is not None:
        _check_asked(folder, shaped(boards.load(board_name), made), shape)
    goal = _goal_of(Path(folder))
    target, lowered = lower(graph, board_name, goal, measure=False, **(made or shape))
    return target, target.artifact(Path(folder).absolute(), lowered)


def _check_asked(folder: str | Path, built: Board, shape: Shape) -> None:
    """Refuses options that ``folder``, built for ``built``, was not built with."""
    was, asked = built.options, shaped(built, shape).options
    if was.get("optimize") != asked.get("optimize"):
        raise ConfigError(
            f"{folder}: its kernels were chosen for {was['optimize']}, not {asked['optimize']}; "
            "leave --optimize out, or deploy again"
        )
    if was != asked:
        raise ConfigError(
            f"{folder}: was built with {_memory(was)}, not {_memory(asked)}; leave --sram and "
            "--input out, or deploy again"
        )


def _memory(options: Mapping[str, str | int]) -> str:
    """Options of memory as they are given."""
    limit = f"--sram {options['sram_bytes']}B " if "sram_bytes" in options else ""
    return f"{limit}--input {options.get('input', 'whole')}"


def _goal_of(folder: Path) -> FoldingGoal:
    """What the design in ``folder`` was folded for."""
    if not _is_deployed(folder):
        return NO_GOAL
    path = folder / "deploy.json"
    goal = read_json(path).get("goal")
    return NO_GOAL if goal is None else from_json(FoldingGoal, goal, f"{path}: goal")
