"""The structure of a core while it is made: streams, instances between them, memory images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import gcd

from hwkit.identifiers import Identifiers, identifier
from hwkit.targets.rtl.core import Stream

_PORTS = ("clk", "rst", *(f"{p}{part}" for p in "sm" for part in ("", "_data", "_valid", "_ready")))


@dataclass(frozen=True, slots=True)
class Instance:
    """One module: ``parameters`` are integers, or the names of image files."""

    module: str
    name: str
    parameters: Mapping[str, int | str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(slots=True)
class Netlist:
    """Streams by name, instances in order of flow, image files by name.

    ``sources`` and ``sinks`` are the streams that are the core's inputs and outputs. A name is an
    identifier and used once; those of streams alone begin with ``s_``. A ``sketch`` makes no
    images, whose words take the time: enough to say what a layer takes.
    """

    streams: dict[str, Stream] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    sinks: list[str] = field(default_factory=list)
    names: Identifiers = field(default_factory=lambda: Identifiers(_PORTS))
    sketch: bool = False

    def fresh(self, wish: str) -> str:
        """An unused identifier like ``wish``. Example: ``block1.add`` gives ``block1_add``."""
        plain = identifier(wish).lower()
        return self.names.fresh(f"x{wish}" if plain.startswith("s_") else wish)

    def stream(self, wish: str, stream: Stream) -> str:
        """Adds a stream and returns its name."""
        name = self.names.fresh(f"s_{wish.removeprefix('s_')}")
        self.streams[name] = stream
        return name

    def image(self, wish: str, words: Iterable[int], bits: int) -> str:
        """Adds a file of hexadecimal words of ``bits`` bits each and returns its name, which has
        digits of the contents' SHA-256: no other core's image is taken for it."""
        if self.sketch:
            return wish
        digits = -(-bits // 4)
        content = "".join(f"{word:0{digits}x}\n" for word in words).encode()
        name = f"{self.fresh(wish)}_{hashlib.sha256(content).hexdigest()[:8]}.hex"
        self.images[name] = content
        return name

    def add(
        self,
        module: str,
        wish: str,
        parameters: Mapping[str, int | str],
        inputs: tuple[str, ...],
        output: Stream,
    ) -> str:
        """Adds an instance with one output and returns that stream's name."""
        name = self.fresh(wish)
        out = self.stream(wish, output)
        self.instances.append(Instance(module, name, parameters, inputs, (out,)))
        return out

    def fifo(self, source: str, depth: int) -> str:
        """``source`` behind a FIFO."""
        stream = self.streams[source]
        parameters = {"WIDTH": stream.beat_bits, "DEPTH": depth}
        return self.add(
            "hwk_fifo", f"{source.removeprefix('s_')}_fifo", parameters, (source,), stream
        )

    def fork(self, source: str, count: int) -> tuple[str, ...]:
        """``source`` for ``count`` readers."""
        stream = self.streams[source]
        outputs = tuple(self.stream(f"{source}_{k}", stream) for k in range(count))
        parameters = {"WIDTH": stream.beat_bits, "COUNT": count}
        name = self.fresh(f"{source.removeprefix('s_')}_fork")
        self.instances.append(Instance("hwk_fork", name, parameters, (source,), outputs))
        return outputs

    def elements(self, source: str, wanted: int) -> str:
        """``source`` with ``wanted`` integers a beat: narrowed to what divides both, widened."""
        have = self.streams[source]
        common = gcd(have.elements, wanted)
        for elements in (common, wanted):
            stream = self.streams[source]
            if elements == stream.elements:
                continue
            wide, narrow = max(elements, stream.elements), min(elements, stream.elements)
            module = "hwk_narrow" if elements == narrow else "hwk_widen"
            parameters = {"WIDTH": narrow * have.dtype.bits, "RATIO": wide // narrow}
            made = Stream(have.size, have.dtype, elements)
            source = self.add(
                module, f"{source.removeprefix('s_')}_x{elements}", parameters, (source,), made
            )
        return source


def packed(values: Iterable[int], bits: int) -> int:
    """One word of integers of ``bits`` bits each, the first lowest; negative ones wrap.

    Example: 1 and -1 at 4 bits are 0xf1.
    """
    mask, word = (1 << bits) - 1, 0
    for k, value in enumerate(values):
        word |= (value & mask) << k * bits
    return word
