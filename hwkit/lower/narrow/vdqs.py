"""Value-driven quantization search (QuantMCU, arXiv 2401.13714, section on VDQS): widths of feature
maps without training, by what a width saves in work and loses in entropy.

The score of map i at b bits is ``-lam * entropy lost + (1 - lam) * BitOPs saved``: the entropy that
is lost of its histogram at 8 bits, as a share of that, and the BitOPs that are saved, as a share
of the network's. The paper leaves open how ties and maps that are joined count: maps that must
share a width are one, and a tie goes to the wider one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LAMBDA = 0.6
"""How much entropy counts beside work; the paper's setting."""
WIDTHS = (4, 2)
"""That a map of 8 bits may get."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One map at one width: the share of its entropy that is lost, and the share of the network's
    BitOPs that is saved."""

    site: str
    bits: int
    entropy_lost: float
    bitops_saved: float

    def score(self, lam: float) -> float:
        """Example: half of the entropy lost for a tenth of the work, at 0.6: -0.26."""
        return (1 - lam) * self.bitops_saved - lam * self.entropy_lost


def search(
    offers: Sequence[Offer],
    holds: Callable[[Mapping[str, int]], bool],
    lam: float = LAMBDA,
    give_back: bool = True,
) -> dict[str, int] | None:
    """Widths by site that make ``holds`` true: offers are taken, best score first, until it does,
    and those that score 0 or less are given back, worst first, where it holds without them (not
    without ``give_back``: the paper takes none back). None where it does not even hold with all.

    ``holds`` says of widths (of sites that are not named: unchanged) whether all limits hold.
    Where it holds of some maps, it should of more, or more are taken than need be.

    Example: offers of "a" at 4 bits with -0.1 and of "b" with -0.2, and a limit that holds once
    b is narrow, give ``{"b": 4}``.
    """
    ordered = sorted(offers, key=lambda o: (-o.score(lam), -o.bits))
    free = sum(offer.score(lam) > 0 for offer in ordered)
    low, high = free, len(ordered)
    if not holds(_widths(ordered)):
        return None
    while low < high:
        middle = (low + high) // 2
        if holds(_widths(ordered[:middle])):
            high = middle
        else:
            low = middle + 1
    taken = ordered[:low]
    for offer in reversed(taken[free:]) if give_back else ():
        without = [other for other in taken if other is not offer]
        if holds(_widths(without)):
            taken = without
    return _widths(taken)


def _widths(taken: Sequence[Offer]) -> dict[str, int]:
    found: dict[str, int] = {}
    for offer in taken:
        found[offer.site] = min(offer.bits, found.get(offer.site, offer.bits))
    return found
