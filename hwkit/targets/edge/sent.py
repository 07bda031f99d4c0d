"""What a child runs first: makes modules of the sources that come on its standard input.

``python -c START`` gets this file in its first line, as a JSON text, and what ``start`` takes in
the second; so nothing need be installed or written where a child runs. A Python 3.7 can read this
file, for it is what says that one is too old.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OLDEST = (3, 10)
MAIN = "hwkit_child"
START = (
    "import sys;sys.path=[p for p in sys.path if p];"
    "import json;exec(json.loads(sys.stdin.buffer.readline().decode()));start()"
)
"""What Python is started with: without the folder that it happens to be in, which may hold any
``json.py``."""


class Sent(MetaPathFinder, Loader):
    """Finds and loads modules in ``sources``: name to text, packages' names end in a point."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for key in (name, f"{name}."):
            if key in self.sources:
                return ModuleSpec(name, self, origin=key, is_package=key != name)
        return None

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None and module.__spec__.origin is not None
        text = self.sources[module.__spec__.origin]
        exec(compile(text, f"hwkit:{module.__name__}", "exec"), module.__dict__)


def start() -> None:
    """Reads ``sources`` and what ``child.main`` takes besides, and runs that."""
    given = json.loads(sys.stdin.buffer.readline().decode())
    try:
        if sys.version_info < OLDEST:
            raise ImportError(f"Python {sys.version.split()[0]} is too old; name one from 3.10 on")
        sys.meta_path.insert(0, Sent(given.pop("sources")))
        child = import_module(MAIN)
    except ImportError as error:
        print(json.dumps({"refused": str(error)}))
        sys.exit(1)
    child.main(**given)
