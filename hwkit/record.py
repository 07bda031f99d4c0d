"""Frozen dataclasses from and to JSON values; what does not fit is named by its place.

Annotations understood: ``str bool int float``, ``Literal``, ``StrEnum``, ``X | None``,
``tuple[X, ...]``, ``tuple[X, Y]``, ``Mapping[str, X]`` and other dataclasses. A number is finite;
an int may stand for a float, never the other way round; ``int | float`` keeps which it was, and
so does any choice among scalars. A field marked by ``one_of`` takes known words only, one marked
``DERIVED`` is no key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hwkit.errors import FormatError

T = TypeVar("T")
_WORDS = "words"
_SCALARS = {str, int, float, bool}

DERIVED: Mapping[str, Any] = {"derived": True}
"""Metadata of a field that is filled in by code: a file that gives it has an unknown key."""


def one_of(words: Sequence[str] | Callable[[], Sequence[str]]) -> Mapping[str, Any]:
    """Metadata of a field whose text, or each of whose texts, must be among ``words``.

    Example: ``style: str = field(default="folded", metadata=one_of(("folded", "unrolled")))``.
    """
    return {_WORDS: words}


def from_json(cls: type[T], value: Any, where: str) -> T:
    """``value`` (as ``json.loads`` gives it) as a ``cls``.

    Raises ``FormatError`` for a missing key, an unknown key or a wrong type, with its place:
    ``summary.json: models[0].accuracy.integer: expected a finite number, got 'high'``.
    """
    if not isinstance(value, dict):
        raise FormatError(f"{where}: expected an object, got {_shown(value)}")
    # T has no bound: typing knows no public class of all dataclasses.
    known = {f.name: f for f in fields(cls) if f.metadata != DERIVED}  # type: ignore[arg-type]
    hints = {name: hint for name, hint in _hints(cls).items() if name in known}  # type: ignore[arg-type]
    required = {f.name for f in fields(cls) if _is_required(f)}  # type: ignore[arg-type]
    if unknown := sorted(set(value) - set(hints)):
        raise FormatError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(hints)}")
    if missing := sorted(required - set(value)):
        raise FormatError(f"{where}: key {missing[0]!r} is missing; write the file again")
    found = {key: _value(hints[key], item, _at(where, key)) for key, item in value.items()}
    for key, item in found.items():
        if _WORDS in known[key].metadata:
            _check_words(item, known[key].metadata[_WORDS], _at(where, key))
    return cls(**found)


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    """The types of the fields: finding them takes longer than all else."""
    return get_type_hints(cls)


def to_json(value: Any) -> Any:
    """The JSON value of a dataclass; keys in the order of the fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def _check_words(value: Any, words: Any, where: str) -> None:
    known = words() if callable(words) else words
    for word in (value,) if isinstance(value, str) else value:
        if word not in known:
            listed = ", ".join(item or repr(item) for item in known)
            raise FormatError(f"{where}: unknown word {_shown(word)}; known: {listed}")


def _is_required(f: Any) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if ": " in where else f"{where}: {key}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        if value is None and NoneType in args:
            return None
        if str in args and set(args) <= _SCALARS:
            return _scalar(type(value) if type(value) in args else str, value, where)
        if {int, float} <= set(args):  # a count stays a whole number
            number = _scalar(float, value, where)
            return value if isinstance(value, int) else number
        return _value(next(arg for arg in args if arg is not NoneType), value, where)
    if origin is Literal:
        if value not in args:
            raise FormatError(f"{where}: expected {' or '.join(args)}, got {_shown(value)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise FormatError(f"{where}: expected a list, got {_shown(value)}")
        kinds = (args[0],) * len(value) if args[-1] is ... else args
        if len(kinds) != len(value):
            raise FormatError(f"{where}: expected {len(kinds)} values, got {len(value)}")
        return tuple(
            _value(kind, item, f"{where}[{i}]")
            for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is Mapping:
        if not isinstance(value, dict):
            raise FormatError(f"{where}: expected an object, got {_shown(value)}")
        return {key: _value(args[1], item, _at(where, key)) for key, item in value.items()}
    if is_dataclass(hint):
        return from_json(hint, value, where)  # type: ignore[arg-type]  # it is a class
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if issubclass(hint, StrEnum):
        if value not in tuple(hint):
            raise FormatError(f"{where}: expected {' or '.join(hint)}, got {_shown(value)}")
        return hint(value)
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or abs(value) > 1e300 or not math.isfinite(value):
            raise FormatError(f"{where}: expected a finite number, got {_shown(value)}")
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        names = {str: "a text", int: "a whole number", bool: "true or false"}
        raise FormatError(f"{where}: expected {names[hint]}, got {_shown(value)}")
    if hint is int and abs(value) >= 1 << 63:
        raise FormatError(f"{where}: expected a number of 64 bits, got {_shown(value)}")
    return value
