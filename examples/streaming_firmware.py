"""A network with states and several inputs, from its file to a C library.

    python examples/streaming_firmware.py model.hwk virtual_m4 build

Verifies it on the board over successive steps, leaves sources, firmware and the C library in
``build``, and prints which ``hwk_input(i)`` and ``hwk_output(i)`` is which tensor.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import hwkit

STEPS = 20


def main(arguments: Sequence[str]) -> int:
    path, board, out = arguments
    graph = hwkit.load(path)

    # Random inputs by name; samples are successive steps, the state goes from each to the next.
    found = hwkit.verify(graph, board, samples=STEPS)
    print(f"{board}: {found.integers} integers over {STEPS} steps, {found.differing} differing")
    found.check()  # BitExactnessError names the layer, the index, expected and got

    facts = hwkit.deploy(graph, board, out, packages=["library"])
    print(f"{out}/library: flash {facts['flash_bytes']} B, SRAM {facts['ram_bytes']} B in all")
    for call, names in (("hwk_input", graph.inputs), ("hwk_output", graph.outputs)):
        for index, name in enumerate(names):
            tensor = graph.tensors[name]
            # Firmware stores unsigned integers less half their range: u8 as -128..127.
            offset = 0 if tensor.dtype.signed else 1 << (tensor.dtype.bits - 1)
            less = f", less {offset}" if offset else ""
            print(f"{call}({index}): {name}, {tensor.elements} integers {tensor.dtype}{less}")
    for state in graph.states:
        print(f"state: {state.tensor}, kept until hwk_reset()")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
