"""A campaign's cells on the workers of a Dask cluster, in place of this machine.

The campaign stays here: it holds the boards' locks and alone writes to the store, so that a worker
that dies costs its cell's rows and repeats none. A worker carries a cell out as this machine would,
in a child process of its own. Workers see models and boards' files at the same paths.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, DeviceError, ToolMissing
from hwkit.flow.campaign.child import Order
from hwkit.flow.campaign.worker import CellFailed, CellRefused, Workers
from hwkit.formats import who
from hwkit.profile import measurement
from hwkit.profile.measurement import Measurement
from hwkit.profile.store.measurements import Exactness
from hwkit.toolchain.cache import cache_folder

_CONNECT_S = 10.0

Row = tuple[dict[str, Any], Exactness | None]
"""A measurement as JSON: workers may have another class of that name."""


class ClusterWorkers(Workers):
    """``Workers`` of the cluster whose scheduler is at ``url`` (``tcp://host:8786``).

    ``ToolMissing`` without Dask, ``DeviceError`` when no scheduler answers, ``ConfigError`` when it
    has no workers.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            import distributed
        except ImportError as error:
            raise ToolMissing("distributed", "pip install 'hwkit[campaign]'") from error
        self._killed = distributed.KilledWorker
        self._cancelled = (distributed.CancelledError, distributed.client.FutureCancelledError)
        try:
            self._client = distributed.Client(url, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"{url}: no scheduler of Dask answers ({error}); start one with 'dask scheduler'"
            ) from error
        self.count = sum(self._client.nthreads().values())
        if not self.count:
            self._client.close()
            raise ConfigError(f"{url}: the cluster has no workers; start some with 'dask worker'")
        self._futures: set[Any] = set()
        self._guard = threading.Lock()

    def stop(self) -> None:
        """Gives back all that is under way, and takes nothing more."""
        with self._guard:
            self._stopped = True
            self._client.cancel(list(self._futures), force=True)

    def close(self) -> None:
        """Leaves the cluster, which goes on."""
        self._client.close()

    def run(
        self,
        order: Order,
        log: Path,
        timeout_s: float,
        board_is_free: Callable[[], AbstractContextManager[object]],
        row: Callable[[Measurement, Exactness | None], None],
    ) -> None:
        """As ``Workers.run``; builds on any worker, then measures on it, or on another if it has
        died. Logs lie on the worker. Rows come when the cell's last one is there."""
        _, where = self._carried_out(replace(order, rows=0, verify=0), log, timeout_s, None)
        with board_is_free():
            rows, _ = self._carried_out(order, log, timeout_s, where)
            for taken, exactness in rows:
                row(measurement.parse(taken, where), exactness)

    def _carried_out(
        self, order: Order, log: Path, timeout_s: float, where: str | None
    ) -> tuple[list[Row], str]:
        """The rows of ``order``, and the address of the worker that gave them."""
        near = {} if where is None else {"workers": [where], "allow_other_workers": True}
        with self._guard:
            if self._stopped:
                raise CellFailed("the campaign was stopped")
            future = self._client.submit(
                carried_out, order, log.name, timeout_s, who(), pure=False, **near
            )
            self._futures.add(future)
        try:
            rows, address = future.result()
            return rows, address
        except self._killed as error:
            raise CellFailed(f"the workers that tried it died: {error}") from error
        except self._cancelled as error:
            raise CellFailed("the campaign was stopped") from error
        finally:
            with self._guard:
                self._futures.discard(future)
                future.release()


def carried_out(
    order: Order, log: str, timeout_s: float, asked: dict[str, str]
) -> tuple[list[Row], str]:
    """On a worker: the rows of ``order``, by the hwkit that asked, and the worker's address."""
    from distributed import get_worker

    address = str(get_worker().address)
    if who() != asked:
        raise CellRefused(
            f"worker {address} has hwkit {who()}, the campaign {asked}; install the same there"
        )
    rows: list[Row] = []
    Workers().run(
        order,
        cache_folder("logs") / log,
        timeout_s,
        nullcontext,
        lambda taken, exactness: rows.append((taken.to_json(), exactness)),
    )
    return rows, address
