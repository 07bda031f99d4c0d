"""Figures as text for people."""

from __future__ import annotations

NONE = "–"  # noqa: RUF001
MINUS = "−"  # noqa: RUF001


def count(value: int | float | None) -> str:
    """Digits in groups of three, rounded to a whole number: 25600 is ``25,600``; None a dash."""
    return NONE if value is None else f"{value:,.0f}"


def real(value: float | None) -> str:
    """About three significant digits; none before the point is lost.

    Examples: 12.345 is ``12.3``, 0.01234 is ``0.0123``, 1234.5 is ``1,234``, 0 is ``0``; what is
    below 0.0001 is ``2.50e-05``.
    """
    if value is None:
        return NONE
    for limit, decimals in ((99.95, 0), (9.995, 1), (0.9995, 2), (0.09995, 3), (0.0001, 4)):
        if abs(value) >= limit:
            return f"{value:,.{decimals}f}"
    return f"{value:.2e}" if value else "0"


def percent(share: float | None, decimals: int = 1) -> str:
    """0.9745 is ``97.5 %``; None is a dash."""
    return NONE if share is None else f"{share * 100:.{decimals}f} %"


def signed_percent(new: float | None, old: float | None) -> str:
    """The change from old to new: 110 from 100 is ``+10.0 %``; a dash where either is missing or
    old is 0."""
    if new is None or old is None or old == 0:
        return NONE
    change = (new - old) / old * 100
    return f"{'+' if change >= 0 else MINUS}{abs(change):.1f} %"


def byte_size(value: int | None) -> str:
    """In the unit that keeps it short: 784 is ``784 B``, 22870 ``22.9 kB``, 4194304 ``4.19 MB``
    (1 kB = 1000 B)."""
    if value is None:
        return NONE
    if value < 1000:
        return f"{value} B"
    return f"{real(value / 1000)} kB" if value < 999_500 else f"{real(value / 1e6)} MB"


def milliseconds(us: float | None) -> str:
    """12.5 is ``12.5 µs``, 14594 is ``14.6 ms``."""
    if us is None:
        return NONE
    return f"{real(us)} µs" if us < 1000 else f"{real(us / 1000)} ms"
