"""The bit plan: which width each layer's weights get. The file between allocation and training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hwkit.allocate.cost import MAX_BITS
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, write_json
from hwkit.formats import stamped, unstamped
from hwkit.record import from_json, to_json
from hwkit.target import Evidence


@dataclass(frozen=True, slots=True)
class BitPlan:
    """Widths by layer, and what they promise.

    ``predicted``: ``sensitivity``, ``flash_bytes``, and ``latency_cycles``, ``latency_us``,
    ``sram_bytes``, ``lut`` where the cost table has them. ``budget``: the limits it was found
    under, same keys. ``evidence``: what the costs are worth. ``proven``: no plan is better (False:
    the solver's time ran out, and a better one may exist). ``digests``: SHA-256 of its inputs.
    ``activation_bits``: widths of feature maps, by the map's name; those not named stay as they
    are.

    Example: ``BitPlan({"conv1": 8, "conv2": 4}, predicted={"flash_bytes": 20438.0})``.
    """

    weight_bits: Mapping[str, int]
    predicted: Mapping[str, float] = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    board: str = ""
    evidence: Evidence = "estimated"
    proven: bool = True
    digests: Mapping[str, str] = field(default_factory=dict)
    activation_bits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.weight_bits:
            raise ConfigError("bit plan: weight_bits names no layer; allocate again")
        for layer, bits in (*self.weight_bits.items(), *self.activation_bits.items()):
            if not 1 <= bits <= MAX_BITS:
                raise ConfigError(f"bit plan: {layer}: {bits} bits is outside 1..{MAX_BITS}")

    def save(self, path: Path) -> None:
        """Writes JSON beside ``path`` and renames it; ``ConfigError`` when the disk refuses."""
        write_json(path, stamped("plan.json", to_json(self)))


def load(path: Path) -> BitPlan:
    """Reads a plan; ``FormatError`` names the file and the key that is wrong."""
    try:
        value = unstamped("plan.json", read_json(path), str(path))
        return from_json(BitPlan, value, str(path))
    except ConfigError as error:
        raise FormatError(f"{path}: {error}") from error
