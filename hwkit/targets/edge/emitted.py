"""The file that hwkit emitted for a graph, as it now lies in its folder, in a runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.boards import EdgeBoard
from hwkit.errors import FormatError
from hwkit.importers.tflite.file import parse
from hwkit.ir.types import Array
from hwkit.target import Artifact
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import Loaded, load
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.supervised import Refused, new_child


@dataclass(frozen=True)
class EmittedFile:
    """What hwkit emits for a graph: tensors of 8 bits and fewer, also unsigned ones, are int8.

    ``changed``: the file is no longer what was emitted.
    """

    loaded: Loaded
    changed: bool

    def run(self, feeds: Sequence[Array], steps: int | None = None) -> list[Array]:
        """See ``Loaded.run``."""
        return self.loaded.run(_fed(feeds), steps)

    def observe(
        self, feeds: Sequence[Array], names: Sequence[str], skip: int = 0
    ) -> dict[str, Array]:
        """See ``Loaded.observe``."""
        return self.loaded.observe(_fed(feeds), names, skip)

    def times_us(self, feeds: Sequence[Array], repeats: int, warm_up: int) -> list[float]:
        """See ``Loaded.times_us``."""
        return self.loaded.times_us(_fed(feeds), repeats, warm_up)


def open_emitted(artifact: Artifact[EdgePlan], board: EdgeBoard) -> EmittedFile:
    """The artifact's file in its runtime: in the common child if it is what hwkit emits for this
    graph, else in one of its own, and so where it has states, which must outlive other models.

    ``FormatError`` for a changed file that its runtime refuses.
    """
    model, graph = artifact.path.read_bytes(), artifact.lowered.graph
    outputs = len(graph.outputs)
    if model == emit(artifact.lowered).files[MODEL]:
        own = new_child(board.runtime, graph.name, board) if graph.states else None
        return EmittedFile(load(board, model, outputs, own), changed=False)
    try:
        parse(model)  # Offsets that leave the file are told apart from a runtime that refuses.
        own = new_child(board.runtime, str(artifact.path), board)
        return EmittedFile(load(board, model, outputs, own), changed=True)
    except (FormatError, Refused) as error:
        raise FormatError(f"{artifact.path}: changed since it was built: {error}") from error


def _fed(feeds: Sequence[Array]) -> list[Array]:
    return [x.astype(f"int{8 * x.itemsize}") for x in feeds]
