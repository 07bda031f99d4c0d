"""The search for a network's shape as one command."""

from __future__ import annotations

from pathlib import Path

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option
from hwkit.cli.terminal import plain, print_json, progress


@hwkit.command(
    **example(
        "hwkit search digits --board virtual_m4 --budget latency=2ms,flash=12kB -o runs/found"
    )
)
@click.argument("space", metavar="SPACE.toml")
@click.option("--board", required=True, metavar="B")
@click.option(
    "--budget", required=True, metavar="latency=..,flash=..", help="latency, flash, sram, lut."
)
@click.option("-o", "--out", required=True, metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--against", multiple=True, metavar="RECIPE", help="Trained and measured to compare with."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Trainings side by side; what is found does not depend on it.",
)
@json_option
def search(
    space: str,
    board: str,
    budget: str,
    out: Path,
    against: tuple[str, ...],
    jobs: int,
    as_json: bool,
) -> int:
    """The shape of a network: of those that SPACE allows and that hold the budget as measured on
    the board, the most accurate in integers.

    SPACE is a recipe of 'train' some of whose values are lists of choices. What was done is kept in
    RUN: started again, it does what is left.
    """
    from hwkit.flow.search.product import searched
    from hwkit.flow.search.space import read_space

    found = searched(read_space(space), board, budget, out, progress(), against, jobs)
    if as_json:
        print_json("search.json", found.facts)
        return 0 if found.within_budget else 1
    for one in found.facts["networks"]:
        figures = ", ".join(f"{key} {value:g}" for key, value in one["figures"].items())
        ranks = " ".join(f"{accuracy:.4f}" for accuracy in one["rungs"])
        verdict = "holds" if one["holds"] else "does not hold"
        click.echo(plain(f"network {one['number']:<3} {figures}  {verdict}  {ranks}".rstrip()))
    winner = found.facts["winner"]
    figures = ", ".join(f"{key} {value:g}" for key, value in winner["figures"].items())
    click.echo(
        plain(f"winner: network {winner['number']}, accuracy {winner['accuracy']:.4f}, {figures}")
    )
    click.echo(plain(f"{out / 'report.html'}"))
    return 0 if found.within_budget else 1
