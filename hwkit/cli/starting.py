"""A new project's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import board_names, example, json_option
from hwkit.cli.terminal import plain, print_json


@hwkit.command(**example("hwkit init kws --model kws.tflite --board rpi_pico"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", metavar="FILE", type=click.Path(path_type=Path), help="Copied into it.")
@click.option(
    "--recipe", metavar="RECIPE", help="Train it there: a file, or a name (mnist5k, digits, ...)."
)
@click.option(
    "--board",
    default="virtual_m4",
    show_default=True,
    metavar="B",
    shell_complete=board_names,
    help="A name ('hwkit boards') or a file.",
)
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab", "both", "none"]),
    default="both",
    show_default=True,
    help="Whose CI job.",
)
@json_option
def init(
    folder: Path, model: Path | None, recipe: str | None, board: str, ci: Any, as_json: bool
) -> None:
    """A folder that works at once: a model (without --model or --recipe a small one that hwkit
    ships), a board, a campaign, a bring-up script, a CI job and a README with the commands."""
    from hwkit.flow.project import start

    made = start(folder, model=model, recipe=recipe, board=board, ci=ci)
    if as_json:
        told = {"folder": str(made.folder), "files": list(made.files), "first": made.first}
        print_json("init", told)
        return
    click.echo(plain(f"{folder}: {', '.join(sorted(made.files))}"))
    click.echo(plain(f"next: cd {folder} && hwkit {made.first}"))
