"""hwkit: one integer graph, and every target computes exactly its integers."""

from __future__ import annotations

__version__ = "0.1.0"
