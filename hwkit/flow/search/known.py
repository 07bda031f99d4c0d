"""What is known of a network before it is built: enough of it to see that it is too large.

A block costs on a board what the same block cost in another network: the same kind, widths and map
that it reads. So the known blocks of a network are less than it will take, and so are its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hwkit.profile.measurement import Measurement
from hwkit.train.recipe import Block, Quantization, Recipe

MARGIN = 1.1
"""What is known may be too much by: neighbours change a layer's cycles, training a channel."""

_Key = tuple[Block, tuple[int, ...], Quantization]


@dataclass(slots=True)
class Known:
    """Cycles of blocks that were measured in networks of one search."""

    cycles: dict[_Key, float] = field(default_factory=dict)

    def learn(self, recipe: Recipe, shape: tuple[int, ...], taken: Measurement) -> None:
        """Takes the cycles of each block of ``recipe``, for samples of ``shape``, from what was
        measured of it; of boards that know them."""
        for block, key in _keys(recipe, shape):
            layers = [layer for layer in taken.layers if _is_of(layer.name, block.name)]
            counted = [layer.cycles for layer in layers if layer.cycles is not None]
            if layers and len(counted) == len(layers):
                self.cycles[key] = float(sum(counted))

    def sum(self, recipe: Recipe, shape: tuple[int, ...]) -> float:
        """Cycles of the blocks of ``recipe`` that were measured elsewhere."""
        return sum(self.cycles.get(key, 0.0) for _, key in _keys(recipe, shape))

    def predicted(self, recipe: Recipe, shape: tuple[int, ...]) -> float | None:
        """Cycles of ``recipe`` if each of its blocks was measured elsewhere."""
        known = all(key in self.cycles for _, key in _keys(recipe, shape))
        return self.sum(recipe, shape) if known else None

    def least(
        self, recipe: Recipe, shape: tuple[int, ...], weight_bytes: float, clock_hz: float | None
    ) -> dict[str, float]:
        """What ``recipe`` takes at least (keys of ``Budget.limits``), as far as that is known."""
        cycles = self.sum(recipe, shape) / MARGIN
        found = {"latency_cycles": cycles, "flash_bytes": weight_bytes / MARGIN}
        return found if not clock_hz else found | {"latency_us": cycles * 1e6 / clock_hz}


def _keys(recipe: Recipe, shape: tuple[int, ...]) -> list[tuple[Block, _Key]]:
    from hwkit.train.networks import shape_after

    found = []
    for block in recipe.blocks:
        found.append((block, (replace(block, name=""), shape, recipe.quantization)))
        shape = shape_after(block, shape)
    return found


def _is_of(layer: str, block: str) -> bool:
    return layer == block or layer.startswith((f"{block}.", f"{block}_flatten"))
