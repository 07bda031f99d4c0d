"""How fast the interpreter is: images per second of a ResNet8, batched.

python -m benchmarks.interpreter [model.hwk | model.tflite]
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import numpy as np

from benchmarks.csvfile import write
from benchmarks.networks import resnet8
from hwkit.flow.models import load
from hwkit.ir.counts import macs

BATCH = 512
REPEATS = 7


def main(arguments: list[str]) -> None:
    """Writes results/interpreter.csv for the built-in network; prints only for a given file."""
    graph = load(arguments[0]) if arguments else resnet8()
    rng = np.random.default_rng(0)
    shape = graph.tensors[graph.inputs[0]].shape
    x = rng.integers(-128, 128, (BATCH, *shape)).astype(np.int8)
    graph.predict(x)
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        graph.predict(x)
        rates.append(BATCH / (time.perf_counter() - start))
    row = {
        "network": graph.name,
        "macs": sum(macs(graph, op) for op in graph.nodes),
        "batch": BATCH,
        "cores": os.cpu_count(),
        "repeats": REPEATS,
        "images_per_s_min": round(min(rates)),
        "images_per_s_median": round(statistics.median(rates)),
        "images_per_s_max": round(max(rates)),
        "evidence": "measured",
    }
    print(row)
    if not arguments:
        write("interpreter", [row])


if __name__ == "__main__":
    main(sys.argv[1:])
