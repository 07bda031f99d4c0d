"""A network drawn node by node: what readers of float files build theirs with."""

from __future__ import annotations

from collections.abc import Mapping
from operator import getitem

from torch import fx, nn


class Drawing:
    """A graph of calls of modules, each module at a path of its own."""

    def __init__(self) -> None:
        self.graph = fx.Graph()
        self.modules: dict[str, nn.Module] = {}

    def input(self, name: str) -> fx.Node:
        """A new input, behind those there are."""
        return self.graph.placeholder(name)

    def call(self, wish: str, module: nn.Module | None, *reads: fx.Node) -> fx.Node:
        """``module`` of ``reads`` at the path ``wish`` or one like it; None gives the first of
        ``reads`` as it is."""
        if module is None:
            return reads[0]
        path = free_path(wish, self.modules)
        self.modules[path] = module
        return self.graph.create_node("call_module", path, reads)

    def part(self, several: fx.Node, place: int) -> fx.Node:
        """One of the values that a call gives."""
        return self.graph.call_function(getitem, (several, place))

    def network(self, output: fx.Node | tuple[fx.Node, ...], name: str) -> fx.GraphModule:
        """The network that gives ``output``, or a tuple of them, in evaluation mode, without
        what does not reach it."""
        self.graph.output(output)
        drawn = fx.GraphModule(self.modules, self.graph, name).eval()
        drawn.graph.eliminate_dead_code()
        drawn.recompile()
        return drawn


def free_path(wish: str, taken: Mapping[str, nn.Module]) -> str:
    """A path of a module like ``wish``, whatever its letters, that none of ``taken`` has.

    Example: ``/conv/1`` becomes ``conv_1``, and ``conv_1_2`` if that is taken.
    """
    letters = "".join(
        c if c.isascii() and (c.isalnum() or c in "_.") else "_"
        for c in wish.strip("/").replace("/", "_")
    )
    path = ".".join(part for part in letters.split(".") if part) or "node"
    if "." not in path and hasattr(nn.Module, path):
        path = f"{path}_"
    tried = path
    for k in range(2, len(taken) + 3):
        if tried not in taken and not _inside(tried, taken):
            return tried
        tried = f"{path}_{k}"
    return tried


def _inside(path: str, taken: Mapping[str, nn.Module]) -> bool:
    """Whether one path would be part of another."""
    return any(t.startswith(f"{path}.") or path.startswith(f"{t}.") for t in taken)
