"""Random .tflite files in their own runtimes: thousands of what tests/conformance runs dozens of.

python -m benchmarks.doors_tflite [graphs] [first seed]
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

import numpy as np

from benchmarks.csvfile import write
from tests.conformance.tflite_doors import judge
from tests.conformance.tflite_graphs import TYPES, kinds, random_file
from tests.conformance.tflite_runtimes import LITERT, TFLM, Runtimes

GRAPHS = 9000
SAMPLES = 6
SEVERAL = "several"


_COLUMNS = (
    "graphs",
    "refused_by_hwkit",
    f"as_{TFLM}",
    f"as_{LITERT}",
    "integers",
    "differing",
    "moved_in_litert",
    "differing_as_litert",
)


def main(arguments: list[str]) -> int:
    """Writes results/doors_tflite.csv, a row for each type, and prints one for each operator and
    type; returns 1 where an integer differs.

    ``as_tflm`` and ``as_litert`` are graphs that were compared with that runtime; those of neither
    are files that no runtime takes. ``moved_in_litert`` counts integers that LiteRT has otherwise
    than the graph, ``differing_as_litert`` than the graph that was made to follow LiteRT.
    """
    count = int(arguments[0]) if arguments else GRAPHS
    first = int(arguments[1]) if len(arguments) > 1 else 0
    rows: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    with Runtimes() as runtimes:
        for seed in range(first, first + count):
            rng = np.random.default_rng(seed)
            dtype = TYPES[seed % len(TYPES)]
            kind = str(rng.choice([*kinds(dtype), SEVERAL, SEVERAL, SEVERAL]))
            drawn = random_file(rng, dtype, None if kind == SEVERAL else kind)
            verdict = judge(drawn, runtimes, SAMPLES, seed)
            row = rows[dtype, SEVERAL if kind == SEVERAL else drawn.operators[0]]
            row["graphs"] += 1
            row["refused_by_hwkit"] += bool(verdict.refused)
            row[f"as_{verdict.runtime}"] += 1
            row["integers"] += verdict.integers
            row["differing"] += verdict.differing
            row["moved_in_litert"] += verdict.moved
            row["differing_as_litert"] += verdict.differing_litert
            if verdict.refused or verdict.differing or verdict.differing_litert:
                print(f"seed {seed}, {drawn.operators}, {dtype}: {verdict}")
    for key in sorted(rows):
        print(_row(key, rows[key]))
    totals = {dtype: Counter[str]() for dtype in TYPES}
    for (dtype, _), row in rows.items():
        totals[dtype].update(row)
    write("doors_tflite", [_row((dtype,), row) for dtype, row in totals.items()])
    return int(any(row["differing"] or row["differing_as_litert"] for row in totals.values()))


def _row(key: tuple[str, ...], counts: Counter[str]) -> dict[str, object]:
    named: dict[str, object] = dict(zip(("type", "operator"), key, strict=False))
    return named | {column: counts[column] for column in _COLUMNS} | {"evidence": "measured"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
