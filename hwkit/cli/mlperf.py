"""MLPerf Tiny: rehearsals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    board_option,
    example,
    json_option,
    memory_options,
    model_argument,
    optimize_option,
)
from hwkit.cli.terminal import busy, plain, print_json

_PATH = click.Path(path_type=Path)


@hwkit.group(**example("hwkit mlperf rehearse model.hwk --board virtual_m4 -o rehearsal"))
def mlperf() -> None:
    """MLPerf Tiny, rehearsed on virtual and real boards (docs/mlperf.md)."""


@mlperf.command(
    **example(
        "hwkit mlperf rehearse kws.hwk --board virtual_m4 --runner tiny/benchmark/runner -o out"
    )
)
@model_argument
@board_option
@click.option("-o", "--out", required=True, metavar="DIR", type=_PATH)
@click.option(
    "--network",
    type=click.Choice(["ic01", "ic02", "kws01", "vww01", "ad01", "sww01"]),
    help="Which benchmark it is; without it the first whose sizes it has.",
)
@click.option(
    "--runner",
    metavar="PATH",
    type=_PATH,
    help="The MLCommons runner: benchmark/runner of a clone of mlcommons/tiny. Without it hwkit "
    "drives the device.",
)
@click.option(
    "--dataset",
    metavar="DIR",
    type=_PATH,
    help="The runner's data sets, DIR/kws01/y_labels.csv and so on; without it random samples.",
)
@click.option(
    "--files", metavar="N", type=click.IntRange(5), help="At most so many files of the data set."
)
@click.option(
    "--division", type=click.Choice(["closed", "open"]), default="closed", show_default=True
)
@click.option("--submitter", default="rehearsal", show_default=True, help="Names a folder.")
@click.option(
    "--port",
    metavar="URL",
    help="A device that runs the firmware of --package mlperf_tiny: /dev/ttyACM0, socket://host:port.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Of random samples."
)
@optimize_option
@memory_options
@json_option
def rehearse(
    model: Path,
    board: str,
    out: Path,
    optimize: Any,
    sram: str | None,
    given: Any,
    as_json: bool,
    **asked: Any,
) -> int:
    """Both modes at a board, beside the interpreter; DIR holds a submission's folders, which
    several networks share, and a summary of each. Exit code 1 if a number differs or a run is
    not as it must be."""
    from hwkit.flow.mlperf.rehearse import Request
    from hwkit.flow.mlperf.rehearse import rehearse as flow
    from hwkit.flow.models import load

    with busy(f"{board}: rehearsing"):
        summary = flow(
            load(model), board, out, Request(**asked), optimize=optimize, sram=sram, input=given
        )
    if as_json:
        print_json("mlperf", summary)
    else:
        accuracy = summary["accuracy"]
        click.echo(
            plain(
                f"{summary['network']} on {board}, {summary['evidence']}: "
                f"{summary['performance']['inferences_per_second']:.3f} inferences/s; "
                f"{accuracy['differing']} of {accuracy['numbers']} numbers differ from the "
                f"interpreter's; {out}/{summary['network']}/summary.md"
            )
        )
        for reason in summary["why_not"]:
            click.echo(plain(f"  {reason}"))
    return 0 if summary["valid"] else 1
