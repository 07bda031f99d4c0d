"""Campaigns: many models on many boards, what they gave, and what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option, store_option
from hwkit.cli.terminal import busy, plain, print_json, progress, told_beside

_file = click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path))


@hwkit.group(**example("hwkit campaign run nightly.toml"))
def campaign() -> None:
    """Models x boards x builds x repeats, each measured once (docs/campaigns.md)."""


def _running(command: Callable[..., int]) -> Callable[..., int]:
    workers = click.option(
        "--workers",
        type=click.IntRange(1, 1024),
        help="Builds side by side (2; with --dask as many as its workers have threads); a board "
        "measures one at a time.",
    )
    dask = click.option(
        "--dask",
        metavar="URL",
        help="Carry cells out on the workers of a Dask cluster: tcp://host:8786, its scheduler.",
    )
    return _file(workers(dask(store_option(json_option(command)))))


@campaign.command("run", **example("hwkit campaign run nightly.toml --workers 4"))
@_running
def campaign_run(
    file: Path, workers: int | None, dask: str | None, store: Any, as_json: bool
) -> int:
    """Measure what is not measured yet. Exit code 1 if integers differ, 3 if cells failed."""
    return _run(file, workers, dask, store, as_json)


@campaign.command("resume", **example("hwkit campaign resume nightly.toml"))
@_running
def campaign_resume(
    file: Path, workers: int | None, dask: str | None, store: Any, as_json: bool
) -> int:
    """The same as run: what is stored is never measured again."""
    return _run(file, workers, dask, store, as_json)


def _run(file: Path, workers: int | None, dask: str | None, store: Any, as_json: bool) -> int:
    from hwkit.flow.campaign.matrix import read
    from hwkit.flow.campaign.run import Run

    with ExitStack() as stack:
        cluster = None
        if dask is not None:
            from hwkit.flow.campaign.cluster import ClusterWorkers

            cluster = ClusterWorkers(dask)
            stack.callback(cluster.close)
            workers = workers or min(cluster.count, 1024)
        with busy(f"{file.name}: reading models and boards"):
            shown = _Shown(progress())
            run = Run(read(file), file.parent, store, workers or 2, shown.row, cluster)
        shown.expects(run)
        found = run.go()
    if as_json:
        print_json("campaign", asdict(found))
    else:
        click.echo(
            f"{found.rows} rows: {found.stored} measured now, {found.before} before; "
            f"{found.inexact} with differing integers"
        )
        _tell("refused", found.refused.items())
        _tell("failed", found.failed.items())
        for board in found.quarantined:
            click.echo(plain(f"  {board}: left alone after too many failures"))
    if found.failed or found.quarantined:
        return 3
    return 1 if found.inexact else 0


def _tell(what: str, cells: Iterable[tuple[str, str]]) -> None:
    for title, why in cells:
        click.echo(plain(f"  {what}: {title}: {why}"))


class _Shown:
    """Rows done, and how long the others will take, on a terminal."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._done = self._left = 0
        self._start = time.monotonic()

    def expects(self, run: Any) -> None:
        self._left = sum(len(run.progress.left(task)) for task in run.progress.tasks)
        self._start = time.monotonic()

    def row(self, line: str) -> None:
        self._done += 1
        rest = max(self._left - self._done, 0)
        seconds = (time.monotonic() - self._start) / self._done * rest
        self._show(f"{self._done}/{self._left}, {seconds:.0f} s left: {line}")


@campaign.command("status", **example("hwkit campaign status nightly.toml"))
@_file
@store_option
@json_option
def campaign_status(file: Path, store: Any, as_json: bool) -> None:
    """How many rows of each board are done, refused, failed, waiting, and why."""
    from hwkit.flow.campaign.matrix import read
    from hwkit.flow.campaign.plan import progress as found

    with busy(f"{file.name}: reading models and boards"):
        progress = found(read(file), file.parent, store)
    counts = progress.counts()
    why = {state: progress.reasons(state) for state in ("refused", "failed")}
    if as_json:
        print_json("campaign", {"boards": counts, **why})
        return
    for board, of in counts.items():
        click.echo(plain(f"{board:<20} " + ", ".join(f"{n} {state}" for state, n in of.items())))
    for state, cells in why.items():
        _tell(state, cells.items())


@campaign.command("export", **example("hwkit campaign export nightly.toml --csv -o nightly.csv"))
@_file
@store_option
@click.option("--csv", "form", flag_value="csv", default=True, help="The default.")
@click.option("--parquet", "form", flag_value="parquet")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
def campaign_export(file: Path, store: Any, form: str, out: Path) -> None:
    """The campaign's rows that are done."""
    from hwkit.flow.campaign.matrix import read
    from hwkit.flow.campaign.plan import tasks
    from hwkit.flow.results import row
    from hwkit.profile.store.jobs import results as done

    digests = [digest for task in tasks(read(file), file.parent) for digest in task.rows]
    found = done(digests, store)
    _write(out, form, [row(found[digest]) for digest in digests if digest in found])


@hwkit.command(**example("hwkit results --csv -o all.csv"))
@store_option
@click.option("--board", metavar="B", help="Of this board alone.")
@click.option("--costs", is_flag=True, help="What layers take, each measured once, with intervals.")
@click.option("--csv", "form", flag_value="csv")
@click.option("--parquet", "form", flag_value="parquet", help="Needs -o.")
@click.option("-o", "--out", type=click.Path(path_type=Path))
@json_option
def results(
    store: Any, board: str | None, costs: bool, form: str | None, out: Path | None, as_json: bool
) -> None:
    """Measurements that are stored: figures of whole models, and how exact their builds are."""
    from hwkit.errors import ConfigError
    from hwkit.flow.results import as_csv, cost_row, row
    from hwkit.profile.store import check_there, read
    from hwkit.profile.store.costs import read as read_costs

    check_there(store)
    if costs:
        rows = [cost_row(cost) for cost in read_costs(store, board)]
    else:
        rows = [row(stored) for stored in read(store, board)]
    if out is not None:
        _write(out, form or "csv", rows)
    elif as_json:
        print_json("results", {"rows": rows})
    elif form == "parquet":
        raise ConfigError("parquet is no text; give -o FILE")
    elif form == "csv":
        click.echo(as_csv(rows).decode(), nl=False)
    elif costs:
        for of in rows:
            figure = "us" if of["cycles"] is None else "cycles"
            within = "" if of["low"] is None else f" ({of['low']:,g}..{of['high']:,g})"
            layer = f"{of['op']} {of['inputs']} {of['constants']}"
            click.echo(plain(f"{of['board']:<20} {layer:<64} {of[figure]:,g} {figure}{within}"))
    else:
        for of in rows:
            figures = ", ".join(
                f"{of[key]:,{'.1f' if key == 'us' else 'd'}} {key}"
                for key in ("instructions", "cycles", "us")
                if of[key]
            )
            exact = "" if of["integers"] is None else f"; {of['differing']} differing"
            what = f"{of['model']} {of['board']} ({of['evidence']})"
            line = f"{of['time_utc']} {of['commit']:.12} {what}: {figures}"
            click.echo(plain(line + exact))


def _write(out: Path, form: str, rows: list[dict[str, Any]]) -> None:
    from hwkit.files import write_whole
    from hwkit.flow.results import as_csv, as_parquet

    write_whole(out, as_parquet(rows) if form == "parquet" else as_csv(rows))
    told_beside(out, f"{out}: {len(rows)} rows")


@hwkit.command(**example("hwkit compare 4b7418f 9c01d2e"))
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@store_option
@click.option(
    "--threshold",
    type=click.FloatRange(0, 10),
    default=0.01,
    show_default=True,
    help="A change counts if all of its 95 % interval is beyond this share.",
)
@json_option
def compare(before: str, after: str, store: Any, threshold: float, as_json: bool) -> int:
    """Two commits, boards or stores: exit code 1 if anything became slower."""
    from hwkit.flow.results import compared

    found = compared(before, after, store)
    slower = [of for of in found if of.is_slower(threshold)]
    if as_json:
        rows = [
            {**asdict(of), "slower": of.is_slower(threshold), "faster": of.is_faster(threshold)}
            for of in found
        ]
        print_json("compare", {"threshold": threshold, "rows": rows})
        return 1 if slower else 0
    for of in found:
        verdict = "SLOWER" if of in slower else "faster" if of.is_faster(threshold) else ""
        click.echo(
            plain(
                f"{of.model:<24.24} {of.board:<16} {of.figure:<12} {of.before:>14,.0f} "
                f"{of.after:>14,.0f} {of.ratio:7.4f} ({of.low:.4f}..{of.high:.4f}) {verdict}"
            )
        )
    click.echo(f"{len(found)} figures compared, {len(slower)} slower")
    return 1 if slower else 0


@hwkit.command(**example("hwkit serve --port 8000"))
@store_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to answer at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True)
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the pages there instead: files that need no server.",
)
def serve(store: Any, host: str, port: int, out: Path | None) -> None:
    """Measurements as pages for a browser, read-only, until Ctrl-C."""
    from hwkit.profile.store import check_there, read
    from hwkit.profile.store.database import default_path, shown_url

    check_there(store)
    shown = shown_url(store) if isinstance(store, str) else str(store or default_path())
    if out is not None:
        from hwkit.report.site import Site, write_site

        with busy(f"{out}: pages"):
            count = write_site(Site(read(store), shown), out)
        click.echo(plain(f"{out / 'index.html'}: {count} pages"))
        return
    from hwkit.report.site.served import application, start

    address, thread = start(application(store, shown, host), host, port)
    click.echo(f"{address} (Ctrl-C ends it)")
    with suppress(KeyboardInterrupt):
        thread.join()
