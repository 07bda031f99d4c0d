"""One cell of a campaign in a process of its own: whatever it does, the campaign goes on.

Speaks JSON, one object a line: an ``Order`` comes in; ``{"built": true}`` goes out; once ``go`` has
come in, ``{"exactness": ..}`` (where asked for) and a ``{"measurement": ..}`` for each row; or
``{"error": message, "refused": bool}``. It ends when its input does, that is
with the campaign at the latest.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from hwkit import boards
from hwkit.device.session import check_reachable
from hwkit.errors import (
    BudgetInfeasible,
    ConfigError,
    DeviceError,
    FormatError,
    GraphError,
    HwkitError,
    ToolFailed,
    ToolMissing,
    UnsupportedOp,
)
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.costs import with_prediction
from hwkit.flow.models import load
from hwkit.flow.profiling import measured
from hwkit.flow.shape import Shape
from hwkit.flow.verify import verify
from hwkit.ir.feeds import random_feeds
from hwkit.profile.book import CostBook
from hwkit.profile.store.measurements import Exactness

_REFUSALS = (UnsupportedOp, ConfigError, FormatError, GraphError, BudgetInfeasible)
"""Another attempt would end the same way."""
_TROUBLE = (DeviceError, ToolFailed, ToolMissing)


@dataclass(frozen=True, slots=True)
class Order:
    """``rows`` measurements of ``model`` on ``board`` (at ``port``, or started here), see
    ``matrix.Matrix``."""

    model: str
    board: str
    port: str | None
    shape: Shape
    rows: int
    inferences: int
    verify: int
    seed: int
    store: str | None = None


def work(order: Order, tell: Callable[[dict[str, Any]], None], wait: Callable[[], None]) -> None:
    """Carries out an order; ``wait`` returns when the board is free. Raises what went wrong."""
    graph = load(order.model)
    check_reachable(boards.load(order.board), order.port)
    target, artifact = artifact_for(graph, order.board, None, **order.shape)
    tell({"built": True})
    wait()
    if order.verify:
        found = verify(
            graph,
            order.board,
            samples=order.verify,
            seed=order.seed,
            port=order.port,
            **order.shape,
        )
        tell({"exactness": asdict(Exactness(found.inputs, found.integers, found.differing))})
    feeds = boundary.enter(graph, artifact.lowered.graph, random_feeds(graph, 1, order.seed))
    for _ in range(order.rows):
        with target.open(artifact, order.port) as session:
            taken = measured(graph, artifact, session, feeds, order.inferences)
        taken = with_prediction(taken, target, artifact.lowered, CostBook(order.store))
        tell({"measurement": taken.to_json()})


def main() -> int:
    out = _own_output()
    lines = _Lines()
    order = Order(**json.loads(lines.next()))

    def tell(value: dict[str, Any]) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    try:
        work(order, tell, lambda: None if lines.next() == "go" else os._exit(1))
    except HwkitError as error:
        refused = isinstance(error, _REFUSALS) and not isinstance(error, _TROUBLE)
        tell({"error": str(error), "refused": refused})
    return 0


def _own_output() -> TextIO:
    """The output as it was; what tools print goes to the log."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return out


class _Lines:
    """Lines of the input; their end ends the process, wherever it is."""

    def __init__(self) -> None:
        self._came = threading.Semaphore(0)
        self._lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> str:
        self._came.acquire()
        return self._lines.pop(0)

    def _read(self) -> None:
        for line in sys.stdin:
            self._lines.append(line.strip())
            self._came.release()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
