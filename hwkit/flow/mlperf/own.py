"""hwkit as the driver: the runner's two modes where there is no runner."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hwkit.files import write_whole
from hwkit.flow.mlperf.answers import quality
from hwkit.flow.mlperf.client import Client
from hwkit.flow.mlperf.record import WINDOWS, Mode, Outcome, Plan, Record, per_second
from hwkit.flow.mlperf.samples import File

_BY = "hwkit-rehearsal:"


def perform(client: Client, mode: Mode, plan: Plan, files: Sequence[File], out: Path) -> Outcome:
    """Runs ``mode`` at the device and leaves in ``out`` files of the runner's names and form, which
    say that hwkit wrote them."""
    client.log.clear()
    if mode == "performance":
        records = [_window(client, plan, files[k % len(files)]) for k in range(WINDOWS)]
        lines = [f"Median throughput is {per_second(records):>10.3f} inf./sec."]
    else:
        records = [record for file in files for record in _file(client, plan, file)]
        lines = _accuracy(plan, files, records)
    write_whole(out / "log.txt", "".join(f"{line}\n" for line in client.log).encode())
    write_whole(out / "results.txt", "".join(f"{_BY} {line}\n" for line in lines).encode())
    write_whole(out / "results.json", json.dumps([_json(r, mode) for r in records]).encode())
    return Outcome(records, out)


def _window(client: Client, plan: Plan, file: File) -> Record:
    client.load(file.windows(plan.network.sample_bytes)[0])
    found = client.infer(plan.iterations, plan.warmups)
    return Record(file.name, found.results, found.us, plan.iterations)


def _file(client: Client, plan: Plan, file: File) -> list[Record]:
    records = []
    for sample in file.windows(plan.network.sample_bytes):
        client.load(sample)
        found = client.infer(1, 0)
        records.append(Record(file.name, found.results, found.us, 1))
    return records


def _accuracy(plan: Plan, files: Sequence[File], records: Sequence[Record]) -> list[str]:
    told = {f.name: [r.results for r in records if r.file == f.name] for f in files}
    found = quality(plan.network, files, told)
    lines = [f"Top 1% = {found.top1:2.1f}"] if found.top1 is not None else []
    return [*lines, *([f"AUC = {found.auc:.3f}"] if found.auc is not None else [])]


def _json(record: Record, mode: Mode) -> dict[str, object]:
    """In the runner's form: ``infer`` with what came, and the file."""
    infer = {"results": record.results, "elapsed_time": record.us, "iterations": record.iterations}
    return {"file": record.file, "infer": infer, "mode": mode[0], "driver": "hwkit"}
