"""What a generated core is to the rest: files, ports and figures.

A core is the Verilog module ``hwk_core``: one graph between its input and its output streams. Two
generators make cores (folded streaming layers, one fully unrolled pipeline); the shell, the
simulation and the bitstream flow know nothing but this.

Ports: ``clk``, ``rst`` (synchronous, active high; it also brings the states back), ``s_data s_valid
s_ready`` (in), ``m_data m_valid m_ready`` (out). Several streams lie side by side in the order of
the graph: bit k of ``s_valid`` and ``s_ready`` is of input k, whose data lie above those of the
inputs before it. A beat moves when valid and ready are both high at a rising edge; valid never
waits for ready, and data stay until they are taken. A beat holds ``elements`` consecutive integers
of the tensor in C order (channels last), the first in the lowest bits.

Every stream goes its own pace: an input is offered without waiting for a beat of another, an output
taken likewise. Then nothing stops, whatever comes first (``timing`` says why).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwkit.ir.types import IntType


@dataclass(frozen=True, slots=True)
class Stream:
    """One port: ``size`` integers of ``dtype`` an inference, ``elements`` of them a beat.

    ``elements`` divides ``size``. Example: an 8x8 map of uint4 with four a beat is 16 beats of
    16 bits.
    """

    size: int
    dtype: IntType
    elements: int = 1

    @property
    def beat_bits(self) -> int:
        """Width of the data port."""
        return self.elements * self.dtype.bits

    @property
    def beats(self) -> int:
        """Beats of an inference."""
        return self.size // self.elements


@dataclass(frozen=True, slots=True)
class Core:
    """``files`` are the Verilog sources, and memory images beside ``rtl/hwk_rom.v``, which reads
    them, by relative path.

    ``interval_cycles`` is the predicted initiation interval (cycles from one inference to the next
    at the slowest stream, when no side ever waits), ``latency_cycles`` from the first input beat
    taken to the last output beat given, of the first inference after a reset.
    ``taps`` are the nets to observe in simulation: the lowered graph's tensor name to the
    hierarchical stream name that carries it, and its ``Stream``. ``trailing`` is how many
    inferences may be out while what no output needs of the one before them has yet to pass: each
    state can hold one back.
    """

    files: Mapping[str, bytes]
    sources: tuple[Stream, ...]
    sinks: tuple[Stream, ...]
    interval_cycles: int
    latency_cycles: int
    taps: Mapping[str, tuple[str, Stream]] = field(default_factory=dict)
    trailing: int = 1
