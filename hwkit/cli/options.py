"""Options and arguments that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def example(text: str) -> dict[str, str]:
    return {"epilog": f"Example: {text}"}


def board_option(command: F) -> F:
    return click.option("--board", required=True, metavar="B", help="See 'hwkit boards'.")(command)


def input_option(required: bool) -> Callable[[F], F]:
    what = "Integers, first axis the batch: one file, several by name, or an .npz with all of them."
    return click.option(
        "-i",
        "--input",
        "inputs",
        required=required,
        multiple=True,
        metavar="[NAME=]x.npy",
        help=what if required else f"{what} In place of random ones.",
    )


def port_option(command: F) -> F:
    return click.option(
        "--port",
        metavar="URL",
        help="A device that already runs the artifact: /dev/ttyACM0, socket://host:port.",
    )(command)


def artifact_option(command: F) -> F:
    return click.option(
        "--artifact",
        metavar="DIR|FILE",
        type=click.Path(path_type=Path),
        help="Run what lies in this folder, left by 'hwkit deploy', as it is now; "
        "or the .tflite that the model was imported from, unchanged.",
    )(command)


def optimize_option(command: F) -> F:
    return click.option(
        "--optimize",
        type=click.Choice(["balanced", "speed", "size"]),
        help="Microcontrollers: what kernels are chosen for; speed may take more flash and SRAM.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


model_argument = click.argument("model", metavar="M.hwk", type=click.Path(path_type=Path))
