"""One .tflite file, imported, beside the file itself in its own runtimes.

The graph follows TFLM; a file that TFLM refuses, as all of uint8, LiteRT with its reference
kernels. ``docs/tflite.md`` says where the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.errors import HwkitError
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from tests.conformance.tflite_graphs import Drawn
from tests.conformance.tflite_runtimes import LITERT, TFLM, Runtimes
from tests.importers.tflite.files import random_feeds


@dataclass(frozen=True)
class Verdict:
    """``runtime`` is the one that the graph follows, empty where neither takes the file;
    ``differing`` of its ``integers`` are others in the graph. ``moved`` are others in LiteRT where
    TFLM is followed, and ``differing_litert`` those that are still others in the graph that is
    made to follow LiteRT, whose reference SUM reads all integers as uint8 and is left out.
    ``refused`` is why hwkit takes no such file, or empty."""

    runtime: str = ""
    integers: int = 0
    differing: int = 0
    moved: int = 0
    differing_litert: int = 0
    refused: str = ""


def judge(drawn: Drawn, runtimes: Runtimes, samples: int, seed: int) -> Verdict:
    """Compares on random integers, and on those all low and all high."""
    try:
        graph = convert(parse(drawn.data), "drawn")
        feeds = random_feeds(graph, samples, seed)
        got = list(run(graph, feeds).values())
        as_litert = list(run(convert(parse(drawn.data), "drawn", True), feeds).values())
    except HwkitError as error:
        return Verdict(refused=str(error))
    answers = {
        runtime: runtimes.run(runtime, drawn.data, feeds, len(graph.outputs))
        for runtime in (TFLM, LITERT)
    }
    given = {name: answer for name, answer in answers.items() if not isinstance(answer, str)}
    if not given:
        return Verdict()
    followed = TFLM if TFLM in given else LITERT
    integers = sum(value.size for value in got)
    differing, moved, others = _differing(got, given[followed]), 0, 0
    if LITERT in given:
        moved = _differing(got, given[LITERT])
        if "SUM" not in drawn.operators or drawn.dtype == "uint8":
            others = _differing(as_litert, given[LITERT])
    return Verdict(followed, integers, differing, moved, others)


def _differing(got: list[Array], answer: list[Array]) -> int:
    pairs = zip(got, answer, strict=True)
    return sum(int(np.count_nonzero(a != b.reshape(a.shape))) for a, b in pairs)
