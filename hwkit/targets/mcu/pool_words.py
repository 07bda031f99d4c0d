"""Which pools sum four channels at once (``scalar/hwk_pool_words.h``)."""

from __future__ import annotations

from hwkit.targets.mcu.descriptors import channels_in, taps
from hwkit.targets.mcu.structs import Struct

MOST_PIXELS = 257
"""Times 255 they fit 16 bits."""


def fits(struct: Struct) -> bool:
    """Whole words of channels, few pixels."""
    return channels_in(struct) % 4 == 0 and taps(struct) <= MOST_PIXELS
