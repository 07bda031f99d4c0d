"""Which boards take a network, and what it takes of them: seconds for all, nothing is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwkit import boards, targets
from hwkit.boards import Board
from hwkit.errors import HwkitError
from hwkit.ir.graph import Graph
from hwkit.lower import legal
from hwkit.target import Size, Sizes


@dataclass(frozen=True, slots=True)
class Fit:
    """A board's answer: its ``size``, None where nothing is known but that it takes the network;
    or ``why`` it does not, in a line."""

    board: str
    target: str
    size: Size | None = None
    why: str = ""

    @property
    def takes(self) -> bool:
        """Whether the network can go there."""
        return not self.why

    @property
    def us(self) -> float | None:
        """Microseconds from one inference to the next."""
        if self.size is None or self.size.cycles is None or not self.size.clock_hz:
            return None
        return self.size.cycles * 1e6 / self.size.clock_hz

    def to_json(self) -> dict[str, Any]:
        """As ``fit --json`` prints it; a figure that is not known is null."""
        size = self.size or Size({})
        per_s = None if not self.us else 1e6 / self.us
        return {
            "board": self.board,
            "target": self.target,
            "takes": self.takes,
            "why": self.why or None,
            "figures": dict(size.figures),
            "exact": list(size.exact),
            "cycles": size.cycles,
            "clock_hz": size.clock_hz,
            "us": self.us,
            "inferences_per_s": per_s,
            "evidence": "estimated" if size.figures or size.cycles else None,
        }


def fit(graph: Graph, references: Sequence[str] = ()) -> Iterator[Fit]:
    """The answer of each of ``references`` (names or files of boards), or of all boards that have a
    name, as soon as it is there.

    An error in a board's file is raised where the board was asked for, and its answer elsewhere.
    Example: ``[one.board for one in fit(graph) if one.takes]``.
    """
    for reference in references or boards.names():
        try:
            board = boards.load(reference)
        except HwkitError as error:
            if references:
                raise
            yield Fit(reference, "", why=str(error))
            continue
        yield _asked(graph, board)


def _asked(graph: Graph, board: Board) -> Fit:
    target = targets.get(board)
    try:
        if not isinstance(target, Sizes):
            legal.lowered(target, graph, board)
            return Fit(board.name, board.target)
        legal.check_border(graph, target.capabilities(board), board.name)
        return Fit(board.name, board.target, target.size(graph, board))
    except HwkitError as error:
        return Fit(board.name, board.target, why=" ".join(str(error).split()))
