"""Budgets as users write them: ``latency=2.5ms,flash=24kB``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields

from hwkit.errors import ConfigError

_BYTES = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2}
_MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6}
_KEYS = {"latency": "2.5ms", "flash": "24kB", "sram": "8kB", "lut": "5000", "energy": "40uJ"}
"""What can be limited, and an example of each."""

_NANOJOULES = {"nJ": 1.0, "uJ": 1e3, "mJ": 1e6}

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*([A-Za-z]*)\s*")


@dataclass(frozen=True, slots=True)
class Budget:
    """Hard limits on one inference; None is no limit. Latency is given in microseconds or in
    cycles, never both; ``flash_bytes`` counts the whole image, ``sram_bytes`` the peak.

    Example: ``parse("latency=2.5ms,flash=24kB")`` is
    ``Budget(latency_us=2500.0, flash_bytes=24000)``.
    """

    latency_us: float | None = None
    latency_cycles: int | None = None
    flash_bytes: int | None = None
    sram_bytes: int | None = None
    lut: int | None = None
    energy_nj: int | None = None

    def limits(self) -> dict[str, float]:
        """The limits that are set, by field name."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in pairs if value is not None}


def parse(text: str) -> Budget:
    """Reads ``key=amount[unit],...``; keys latency, flash, sram, lut, energy.

    Units: ``us ms s cycles`` for latency, ``B kB (1000) KiB (1024) MB MiB`` for flash and sram,
    ``nJ uJ mJ`` for energy, none for lut. Parts of a byte, a cycle or a LUT are cut off: a limit
    is never widened.

    Raises ``ConfigError`` naming the part that is wrong and what is known.
    """
    limits: dict[str, float] = {}
    seen = set()
    for part in text.split(","):
        key, equals, amount = (piece.strip() for piece in part.partition("="))
        if key not in _KEYS or not equals:
            raise ConfigError(
                f"budget {text!r}: {part.strip()!r} is not one of "
                f"{', '.join(f'{known}=' for known in _KEYS)}; "
                "e.g. latency=2.5ms,flash=24kB"
            )
        if key in seen:
            raise ConfigError(f"budget {text!r}: {key} is given twice; keep one")
        seen.add(key)
        limits |= _limit(key, amount, part.strip())
    return Budget(**limits)  # type: ignore[arg-type]  # whole where a field is


def byte_count(what: str, text: str) -> int:
    """Bytes as users write them; ``what`` names the option that they were given for.

    Example: ``byte_count("--sram", "20kB")`` is 20,000. ``ConfigError`` for what is no number of
    bytes.
    """
    match = _AMOUNT.fullmatch(text)
    value = float(match[1]) if match else math.nan
    if match is None or not 0 < value < 1e15 or match[2] not in _BYTES:
        raise ConfigError(
            f"{what} {text}: is no number of bytes above 0 in {', '.join(_BYTES)}; e.g. 20kB"
        )
    return _whole(value * _BYTES[match[2]], f"{what} {text}")


def _limit(key: str, amount: str, part: str) -> dict[str, float]:
    match = _AMOUNT.fullmatch(amount)
    value = float(match[1]) if match else math.nan
    unit = match[2] if match else ""
    if not 0 < value < 1e15:
        raise ConfigError(f"budget: {part!r} is not a number above 0; e.g. {key}={_KEYS[key]}")
    if key == "latency":
        return _latency(value, unit, part)
    if key == "lut":
        if unit:
            raise ConfigError(f"budget: {part!r}: a number of LUTs has no unit; e.g. lut=5000")
        return {"lut": _whole(value, part)}
    units = _NANOJOULES if key == "energy" else _BYTES
    if unit not in units:
        raise ConfigError(f"budget: {part!r}: unit {unit!r} is not one of {', '.join(units)}")
    name = "energy_nj" if key == "energy" else f"{key}_bytes"
    return {name: _whole(value * units[unit], part)}


def _latency(value: float, unit: str, part: str) -> dict[str, float]:
    if unit == "cycles":
        return {"latency_cycles": _whole(value, part)}
    if unit not in _MICROSECONDS:
        known = ", ".join((*_MICROSECONDS, "cycles"))
        raise ConfigError(f"budget: {part!r}: unit {unit!r} is not one of {known}")
    return {"latency_us": value * _MICROSECONDS[unit]}


def _whole(value: float, part: str) -> int:
    if value < 1:
        raise ConfigError(f"budget: {part!r} is less than one; give a larger limit")
    return math.floor(value + 1e-9)  # 0.3 kB is 299.99... in binary and means 300
