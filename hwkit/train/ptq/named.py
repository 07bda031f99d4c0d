"""``package.module:name``: something of the user's, by the path that Python imports it by."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError
from hwkit.train.ptq.trace import first_line

_NAMED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_named(text: str) -> bool:
    """Whether ``text`` has the form ``package.module:name``."""
    return bool(_NAMED.fullmatch(text))


def from_module(text: str) -> Any:
    """What ``package.module:name`` gives: ``name`` called without arguments where it can be, so a
    class or a function, else itself. Modules are looked for in the current folder too.

    Raises ``ConfigError`` for one that is not there or fails.
    """
    module_name, _, name = text.partition(":")
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:  # What a module of the user's raises is up to whoever wrote it.
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
        return (
            found()
            if (callable(found) and not hasattr(found, "state_dict")) or isinstance(found, type)
            else found
        )
    except Exception as error:
        raise ConfigError(
            f"{text}: cannot be made ({first_line(error)}); give package.module:factory, a "
            "function without arguments"
        ) from error
    finally:
        if added:
            sys.path.remove(here)
