"""HTML and SVG from Python calls. Text is always escaped; only ``Markup`` passes as it is."""

from __future__ import annotations

import re
from html import escape


class Markup(str):
    """HTML that was built by ``tag``, safe to put into other HTML."""

    __slots__ = ()


Child = str | int | None
Attribute = str | int | float | bool | None

_VOID = frozenset({"br", "col", "meta"})
# Control characters, lone surrogates and bidirectional overrides have no place in a document.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def text(value: str | int) -> Markup:
    """``value`` as HTML text. Example: ``<script>`` becomes ``&lt;script&gt;``."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(_UNFIT.sub("\ufffd", str(value))))


def join(*children: Child) -> Markup:
    """The children one after the other; None and "" leave nothing."""
    return Markup("".join(text(child) for child in children if child is not None))


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """One element. An attribute's trailing underscore is dropped and others become hyphens; None
    and False leave it out, True gives it without a value.

    Example: ``tag("td", "a<b", class_="name")`` is ``<td class="name">a&lt;b</td>``.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_value(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def _value(value: Attribute) -> str:
    return f"{value:.6g}" if isinstance(value, float) else text(str(value))
