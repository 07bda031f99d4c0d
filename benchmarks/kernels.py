"""What kernels cost on the virtual Cortex-M4: instructions (exact) and cycles (modelled).

python -m benchmarks.kernels
"""

from __future__ import annotations

from typing import Any

from benchmarks.cases import ELEMENTWISE, MATRIX, Case
from benchmarks.csvfile import write
from benchmarks.virtual import count
from hwkit.ir.counts import macs
from hwkit.ir.ops import Rounding

VARIANTS = ((8, Rounding.DOUBLE), (8, Rounding.HALF_UP), (4, Rounding.DOUBLE))
"""Weight bits and rounding: that of .tflite files (double), and of QONNX with float scales."""


def matrix_row(case: Case, weight_bits: int, rounding: Rounding) -> dict[str, Any]:
    """One layer with weights, per multiply-accumulate."""
    graph = case.graph(weight_bits, rounding)
    counted = count(graph)
    total = sum(macs(graph, op) for op in graph.nodes)
    (instructions,), (cycles,) = counted.layer_instructions, counted.layer_cycles
    return {
        "layer": case.name,
        "input": _shape(case),
        "kernel": " ".join(counted.kernels),
        "weight_bits": weight_bits,
        "rounding": rounding.value,
        "macs": total,
        "instructions": instructions,
        "cycles": cycles,
        "instructions_per_mac": f"{instructions / total:.3f}",
        "cycles_per_mac": f"{cycles / total:.3f}",
        **counted.context,
    }


def elementwise_row(case: Case) -> dict[str, Any]:
    """One layer without weights, per integer of its output."""
    graph = case.graph()
    counted = count(graph)
    outputs = graph.tensors[graph.outputs[0]].elements
    (instructions,), (cycles,) = counted.layer_instructions, counted.layer_cycles
    return {
        "layer": case.name,
        "input": _shape(case),
        "kernel": " ".join(counted.kernels),
        "outputs": outputs,
        "instructions": instructions,
        "cycles": cycles,
        "instructions_per_output": f"{instructions / outputs:.2f}",
        "cycles_per_output": f"{cycles / outputs:.2f}",
        **counted.context,
    }


def _shape(case: Case) -> str:
    return "x".join(map(str, case.shape))


def main() -> None:
    """Writes results/kernels.csv and results/kernels_elementwise.csv."""
    with_weights = []
    for case in MATRIX:
        for variant in VARIANTS:
            with_weights.append(matrix_row(case, *variant))
            print(with_weights[-1], flush=True)
    write("kernels", with_weights)
    without = []
    for case in ELEMENTWISE:
        without.append(elementwise_row(case))
        print(without[-1], flush=True)
    write("kernels_elementwise", without)


if __name__ == "__main__":
    main()
