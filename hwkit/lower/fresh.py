"""Names for what a pass adds."""

from __future__ import annotations

from collections.abc import Container


def fresh(wish: str, taken: Container[str]) -> str:
    """``wish``, or with the first number behind it that is free. Example: "bias" or "bias.1"."""
    name, k = wish, 0
    while name in taken:
        k += 1
        name = f"{wish}.{k}"
    return name
