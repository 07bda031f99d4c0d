"""One .tflite file, imported, beside the file itself in its own runtimes.

The graph follows TFLM; a file that TFLM refuses, as all of uint8, LiteRT with its reference
kernels. ``docs/tflite.md`` says where the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.errors import HwkitError
from hwkit.importers.tflite import convert
from hwkit.importers.tflite_file import parse
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from tests.conformance.tflite_graphs import Drawn
from tests.conformance.tflite_runtimes import LITERT, TFLM, Runtimes
from tests.importers.tflite_files import random_feeds


@dataclass(frozen=True)
class Verdict:
    """``runtime`` is the one that the graph follows, empty where neither takes the file;
    ``differing`` of its ``integers`` are others in the graph, ``moved`` of LiteRT's where TFLM is
    followed. ``refused`` is why hwkit takes no such file, or empty."""

    runtime: str = ""
    integers: int = 0
    differing: int = 0
    moved: int = 0
    refused: str = ""


def judge(drawn: Drawn, runtimes: Runtimes, samples: int, seed: int) -> Verdict:
    """Compares on random integers, and on those all low and all high."""
    try:
        graph = convert(parse(drawn.data), "drawn")
        feeds = random_feeds(graph, samples, seed)
        got = list(run(graph, feeds).values())
    except HwkitError as error:
        return Verdict(refused=str(error))
    answers = {
        runtime: runtimes.run(runtime, drawn.data, feeds, len(graph.outputs))
        for runtime in (TFLM, LITERT)
    }
    moves = {name: _differing(got, a) for name, a in answers.items() if not isinstance(a, str)}
    if not moves:
        return Verdict()
    followed = TFLM if TFLM in moves else LITERT
    integers = sum(value.size for value in got)
    return Verdict(followed, integers, moves[followed], moves.get(LITERT, 0))


def _differing(got: list[Array], answer: list[Array]) -> int:
    pairs = zip(got, answer, strict=True)
    return sum(int(np.count_nonzero(a != b.reshape(a.shape))) for a, b in pairs)
