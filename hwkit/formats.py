"""The version of each kind of file and JSON document that hwkit writes, and its stamp.

A document carries ``hwkit`` (which hwkit wrote it) and ``format`` (the version of its own form);
``docs/formats.md`` describes the forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwkit.errors import FormatError
from hwkit.revision import commit
from hwkit.version import __version__

FORMATS: Mapping[str, int] = {
    "boards": 1,
    "bringup": 1,
    "cache": 1,
    "campaign": 1,
    "compare": 1,
    "cost.json": 1,
    "deploy.json": 1,
    "doctor": 1,
    "error": 1,
    "export": 1,
    "fit": 1,
    "import": 1,
    "init": 1,
    "inspect": 1,
    "mlperf": 1,
    "narrow": 1,
    "places": 1,
    "plan": 1,
    "plan.json": 1,
    "explain": 1,
    "profile": 2,
    "results": 1,
    "search.json": 1,
    "summary.json": 2,
    "toolchain": 1,
    "train.json": 1,
    "tune": 1,
    "verify": 1,
}
"""By file name, or for what a command prints by the command. A version counts up when a key leaves
or changes its meaning; a new key does not change it."""

_STAMP = ("hwkit", "format")


def stamped(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` behind its stamp.

    Example: ``stamped("verify", {"inputs": 3})`` is ``{"hwkit": {"version": "0.1.0", "commit":
    "4b7418f..."}, "format": 1, "inputs": 3}``.
    """
    return {"hwkit": who(), "format": FORMATS[name], **value}


def unstamped(name: str, value: Any, where: str) -> Any:
    """``value`` as read from ``where``, without its stamp; one without a stamp is taken as it is.

    ``FormatError`` for a version that this hwkit does not read.
    """
    if not isinstance(value, dict):
        return value
    version = value.get("format", FORMATS[name])
    if version != FORMATS[name] or isinstance(version, bool):
        raise FormatError(
            f"{where}: format {version!r:.40} of {name}; this hwkit reads {FORMATS[name]}: write "
            "it again, or take the hwkit that wrote it"
        )
    return {key: item for key, item in value.items() if key not in _STAMP}


def who() -> dict[str, str]:
    """This hwkit's version, and its commit ("" where it is not known)."""
    return {"version": __version__, "commit": commit()}
