"""What layers take by themselves, each by the kernel that is fastest for it.

Each kernel that can compute a layer is a layer of an image that holds two dozen of them: one build
instead of one for each kernel. What was measured is kept layer by layer, under the digest of all
that it depends on, so that the layers of the next network that are like these are known.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from hwkit.boards import Board
from hwkit.device.emulator import Counts
from hwkit.device.session import open_board
from hwkit.device.virtual.cost_models import cost_model
from hwkit.errors import ConfigError, DeviceError, FormatError, GraphError, HwkitError
from hwkit.files import read_json, remove_abandoned, write_json
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.types import S32
from hwkit.record import from_json, to_json
from hwkit.target import Lowered
from hwkit.targets.mcu.build import cached
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.remembered import compiler, described, sources
from hwkit.targets.mcu.choice.rounds import that_fit
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.explain.single import Single
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.lower import plan, section
from hwkit.targets.mcu.stored import storages
from hwkit.toolchain.cache import cache_folder

_TOGETHER = 24
"""Kernels in an image."""

_MACS = 40_000_000
"""Of an image, that it runs in a second or two."""

_INPUTS = 12
"""Of an image: layers with equal inputs share one."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A layer by itself: the fastest ``kernel`` and its cost, cycles, or instructions where the
    core has no model."""

    kernel: str
    cost: int


@dataclass(frozen=True, slots=True)
class _Trial:
    """``single`` by each of ``kernels``; ``path`` keeps what comes of it."""

    single: Single
    kernels: tuple[str, ...]
    path: Path


def fastest(singles: Sequence[Single], board: Board) -> list[Alone | None]:
    """Each of ``singles`` by itself on ``board``, a virtual one; None of one that no kernel
    computes, that the board has no room for, or whose sums its accumulator has none for.

    Raises what building and running raise. Example: a 3x3 convolution of 64 channels on 8 x 8
    pixels takes some 850,000 cycles of virtual_m4 by ``conv2d_s8_winograd4``.
    """
    trials = [_trial(single, board) for single in singles]
    known: dict[Path, Alone | None] = {}
    new: dict[Path, _Trial] = {}
    for trial in trials:
        if trial is not None and trial.path not in known:
            known[trial.path] = found = _load(trial.path)
            if found is None:
                new[trial.path] = trial
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for measured in pool.map(lambda some: _measured(some, board), _images(list(new.values()))):
            known |= measured
    return [None if trial is None else known[trial.path] for trial in trials]


def _trial(single: Single, board: Board) -> _Trial | None:
    """None where no kernel computes it."""
    mcu, graph = section(board), image([single])
    try:
        (op,) = graph.nodes
        (call,) = calls(graph, op)
        fitting = that_fit(graph, op, mcu, storages(graph))
    except HwkitError:
        return None
    # The definition is the slowest of those that compute a layer, but where it is the only one.
    kernels = [kernel for kernel in fitting if kernel.variant != "ref"] or fitting
    symbols = tuple(dict.fromkeys(kernel.symbol for kernel in kernels))
    depends = {
        **compiler(mcu),
        "board": [board.name, mcu.emulator, *mcu.kernels],
        "cycles": cost_model(mcu).version,
        "sources": sources(mcu.kernels),
        "layer": [call.kernel, *described(call)],
        "kernels": symbols,
    }
    digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:32]
    return _Trial(single, symbols, cache_folder("alone") / f"{board.name}-{digest}.json")


def _load(path: Path) -> Alone | None:
    """What was kept; None where nothing was, or the file is damaged."""
    if not path.exists():
        return None
    try:
        return from_json(Alone, read_json(path), str(path))
    except FormatError:
        return None


def _images(trials: Sequence[_Trial]) -> Iterator[list[_Trial]]:
    """So many at a time as an image may hold."""
    some: list[_Trial] = []
    for trial in trials:
        if some and not _hold([*some, trial]):
            yield some
            some = []
        some.append(trial)
    if some:
        yield some


def _hold(some: Sequence[_Trial]) -> bool:
    kernels = sum(len(trial.kernels) for trial in some)
    products = sum(len(trial.kernels) * trial.single.macs for trial in some)
    inputs = {trial.single.source for trial in some}
    return kernels <= _TOGETHER and products <= _MACS and len(inputs) <= _INPUTS


def _measured(some: Sequence[_Trial], board: Board) -> dict[Path, Alone | None]:
    """Of each trial, measured in one image, or in halves where that can't be."""
    try:
        costs = _costs(some, board)
    except (ConfigError, GraphError):  # no room on the board, or for a sum
        if len(some) == 1:
            return {some[0].path: None}
        half = len(some) // 2
        return _measured(some[:half], board) | _measured(some[half:], board)
    found: dict[Path, Alone | None] = {}
    for trial in some:
        best = min((Alone(kernel, next(costs)) for kernel in trial.kernels), key=lambda of: of.cost)
        remove_abandoned(trial.path.parent)
        write_json(trial.path, to_json(best))
        found[trial.path] = best
    return found


def _costs(some: Sequence[_Trial], board: Board) -> Iterator[int]:
    """Of each kernel of each trial, all in one image."""
    singles = [trial.single for trial in some for _ in trial.kernels]
    counts = counted(singles, [kernel for trial in some for kernel in trial.kernels], board)
    return iter(counts.layer_cycles or counts.layer_instructions)


def counted(singles: Sequence[Single], kernels: Sequence[str], board: Board) -> Counts:
    """An inference of ``image(singles)`` on ``board``, a virtual one, each layer by its kernel.

    ``ConfigError`` where the board has no room, ``DeviceError`` where its integers are not the
    interpreter's; else what building and running raise.
    """
    graph = image(singles)
    picks = [Pick(kernel, False) for kernel in kernels]
    lowered = Lowered(graph, board, plan(graph, section(board), picks))
    with open_board(board, cached(emit(lowered), lowered).path) as device:
        if not device.selftest().passed:
            raise DeviceError(f"{board.name}: kernels under trial fail their self-test")
        counts = device.counts()
    assert counts is not None, "a virtual board counts"
    return counts


def image(singles: Sequence[Single]) -> Graph:
    """These layers one after the other, ``layer0`` and so on; inputs that are equal are shared,
    and only the last one's output is kept."""
    b = GraphBuilder("alone")
    inputs: dict[object, str] = {}
    tables: dict[int, tuple[str, str | None]] = {}
    for n, of in enumerate(singles):
        if of.source not in inputs:
            inputs[of.source] = b.input(f"x{n}", of.source.shape, of.source.dtype)
        if id(of) not in tables:
            weight = b.constant(f"w{n}", of.weights, of.weight.dtype)
            bias = None if of.bias is None else b.constant(f"b{n}", of.bias, S32)
            tables[id(of)] = weight, bias
        weight, bias = tables[id(of)]
        op = replace(
            of.op,
            name=f"layer{n}",
            input=inputs[of.source],
            weight=weight,
            output=f"y{n}",
            bias=bias,
        )
        last = b.add(op, of.result.dtype)
    return b.build([last])
