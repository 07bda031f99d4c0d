"""The networks of MLPerf Tiny beside TFLM with CMSIS-NN on the same virtual boards.

python -m benchmarks.peers

hwkit's figures are those of results/mlperf_tiny.csv (python -m benchmarks.mlperf_tiny). TFLM and
CMSIS-NN (gcc 12) were built and counted once, outside of this tree, whose sources no package
has: instructions of an inference, arena, code without the model; cycles by the model of virtual_m4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.bars import AD, IC, KWS, VWW
from benchmarks.csvfile import read, write

TFLM_PER_MAC: Mapping[str, float] = {AD: 2.74, IC: 2.92, KWS: 3.45, VWW: 3.88}
"""Cycles of a multiply-accumulate of TFLM with CMSIS-NN by the model of virtual_m4."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A network in TFLM with CMSIS-NN: instructions by board, bytes of arena and of code."""

    instructions: Mapping[str, int]
    arena_bytes: int
    code_bytes: int


PEERS: Mapping[str, Peer] = {
    AD: Peer({"virtual_m4": 583_238, "virtual_m55": 150_279}, 2_580, 27_640),
    IC: Peer({"virtual_m4": 29_863_772, "virtual_m55": 4_811_503}, 54_996, 50_716),
    KWS: Peer({"virtual_m4": 7_700_237, "virtual_m55": 1_787_780}, 22_820, 52_912),
    VWW: Peer({"virtual_m4": 24_102_775, "virtual_m55": 6_434_414}, 100_708, 52_912),
}


def rows_of(measured: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """A row for each of the default builds in ``measured``, rows of mlperf_tiny.csv, on a board
    that TFLM was counted on; ``cycles_per_mac`` on the Cortex-M4 alone."""
    for row in measured:
        network, board = row["network"], row["board"]
        peer = PEERS[network]
        if row["optimize"] != "balanced" or board not in peer.instructions:
            continue
        theirs, ours = peer.instructions[board], int(row["instructions"])
        m4 = board == "virtual_m4"
        yield {
            "network": network,
            "board": board,
            "instructions": ours,
            "tflm_instructions": theirs,
            "ratio": f"{ours / theirs:.2f}",
            "cycles_per_mac": row["cycles_per_mac"] if m4 else "",
            "tflm_cycles_per_mac": TFLM_PER_MAC[network] if m4 else "",
            "arena_bytes": row["arena_bytes"],
            "tflm_arena_bytes": peer.arena_bytes,
            "code_bytes": row["code_bytes"],
            "tflm_code_bytes": peer.code_bytes,
            "evidence": "simulated",
        }


def main() -> None:
    """Writes results/peers.csv."""
    rows = list(rows_of(read("mlperf_tiny")))
    write("peers", rows)
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
