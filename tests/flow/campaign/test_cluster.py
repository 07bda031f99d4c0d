"""A campaign on a Dask cluster of this machine, whose workers die."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest

from hwkit.errors import DeviceError
from hwkit.flow.campaign import cluster as clusters
from hwkit.flow.campaign.child import Order
from hwkit.flow.campaign.cluster import ClusterWorkers, carried_out
from hwkit.flow.campaign.matrix import read
from hwkit.flow.campaign.run import Run
from hwkit.flow.campaign.worker import CellRefused
from hwkit.formats import who
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8
from hwkit.profile import store

pytestmark = pytest.mark.slow

FILE = """
[matrix]
models = ["*.hwk"]
boards = ["interpreter"]
repeats = 2
inferences = 1
verify = 1
[retry]
backoff_s = 0.0
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    # What dies is not started again: the others take over.
    with distributed.LocalCluster(
        n_workers=4, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(6):
        b = GraphBuilder(f"n{k}")
        b.input("x", (4,), S8)
        b.add(Clamp("relu", "x", "y", k, 127), S8)
        b.build(["y"]).save(str(tmp_path / f"n{k}.hwk"))
    (tmp_path / "c.toml").write_text(FILE)
    return tmp_path


def test_a_worker_killed_costs_no_row_and_repeats_none(
    cluster: distributed.LocalCluster, folder: Path
) -> None:
    victims: list[int] = []

    def told(line: str) -> None:
        """Kills a worker when the first row is stored: three more cells are under way."""
        if not victims:
            with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
                victims.append(next(iter(client.run(os.getpid).values())))
            os.kill(victims[0], signal.SIGKILL)

    place = folder / "s.db"
    children = ClusterWorkers(cluster.scheduler_address)
    assert children.count == 4
    try:
        campaign = read(folder / "c.toml")
        found = Run(campaign, folder, place, children.count, told, children).go()
    finally:
        children.close()
    assert victims and (found.rows, found.stored, found.failed) == (12, 12, {})
    rows = Counter(row.measurement.model for row in store.read(place))
    assert rows == {f"n{k}": 2 for k in range(6)}
    assert all(row.exactness and row.exactness.differing == 0 for row in store.read(place))


def test_another_hwkit_on_a_worker_is_refused(
    cluster: distributed.LocalCluster, folder: Path
) -> None:
    order = Order(str(folder / "n0.hwk"), "interpreter", None, {}, 1, 1, 0, 0)
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        other = {**who(), "version": "0.0.1"}
        future = client.submit(carried_out, order, "refused.log", 60.0, other)
        with pytest.raises(CellRefused, match=r"the campaign .*0\.0\.1.*; install the same there"):
            future.result()


def test_without_a_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_CONNECT_S", 0.2)
    with pytest.raises(DeviceError, match="start one with 'dask scheduler'"):
        ClusterWorkers("tcp://127.0.0.1:9")
