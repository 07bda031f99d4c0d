"""Names of pages: the same behind a server and as files beside each other."""

from __future__ import annotations

import hashlib
import re

INDEX = "index.html"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")


def slug(name: str) -> str:
    """``name`` in a file's name: as it is, or made plain with eight digits of its digest behind.

    Example: ``vww`` stays; ``a/b`` is ``a-b-c14cddc0``.
    """
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', name)[:50]}-{digest}"


def network(name: str) -> str:
    """The page of a network."""
    return f"network-{slug(name)}.html"


def board(name: str) -> str:
    """The page of a board."""
    return f"board-{slug(name)}.html"


def measurement(number: int) -> str:
    """The page of a measurement."""
    return f"measurement-{number}.html"


def comparison(before: int, after: int) -> str:
    """The page of two measurements beside each other."""
    return f"compare-{before}-{after}.html"
