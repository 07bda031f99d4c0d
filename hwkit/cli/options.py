"""Options and arguments that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from hwkit.flow.training import SENSITIVITIES, SENSITIVITY

F = TypeVar("F", bound=Callable[..., Any])


def example(text: str) -> dict[str, str]:
    return {"epilog": f"Example: {text}"}


_PORT = "hwkit.cli.options.port"


def _board(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The board of a place, whose port ``--port`` then defaults to; any other text as it is."""
    if value is None:
        return None
    from hwkit.boards.places import placed

    board, context.meta[_PORT] = placed(value)
    return board


def _port(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return context.meta.get(_PORT) if value is None else value


def board_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What a shell offers for a board: names, or files where the word is a path."""
    from hwkit.boards import names
    from hwkit.boards.found import is_path

    if is_path(incomplete):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


def board_option(command: F) -> F:
    return click.option(
        "--board",
        required=True,
        metavar="B",
        is_eager=True,
        callback=_board,
        shell_complete=board_names,
        help="A name ('hwkit boards'), a file ./my_board.toml, or a place ('hwkit places').",
    )(command)


def optional_board_option(command: F) -> F:
    return click.option(
        "--board",
        metavar="B",
        is_eager=True,
        callback=_board,
        shell_complete=board_names,
        help="Build and run there: a name, a file ./my_board.toml, or a place; without it the "
        "interpreter.",
    )(command)


board_argument = click.argument("board", is_eager=True, callback=_board, shell_complete=board_names)


def memory_options(command: F) -> F:
    """``--sram`` and ``--input``, as parameters ``sram`` and ``given``."""
    sram = click.option(
        "--sram",
        metavar="20kB",
        help="Microcontrollers: all RAM but the stack; host_tflm: arena. Layers are computed in "
        "parts as needed.",
    )
    given = click.option(
        "--input",
        "given",
        type=click.Choice(["whole", "streamed"]),
        help="Microcontrollers: streamed inputs come row by row, and only the rows that are held "
        "take memory.",
    )
    return sram(given(command))


def bits_option(command: F) -> F:
    return click.option(
        "--bits",
        type=click.IntRange(2, 8),
        help="Weights of more bits are rounded to so many, and the result is the network that is "
        "meant (Double Rounding).",
    )(command)


def input_option(required: bool) -> Callable[[F], F]:
    what = "Integers, first axis the batch: one file, several by name, or an .npz with all of them."
    return click.option(
        "-i",
        "inputs",
        required=required,
        multiple=True,
        metavar="[NAME=]x.npy",
        help=what if required else f"{what} In place of random ones.",
    )


def samples_options(what: str) -> Callable[[F], F]:
    """``-n`` random inputs, as parameter ``samples``, for ``what``, and their ``--seed``."""

    def decorated(command: F) -> F:
        number = click.option(
            "-n", "samples", default=16, show_default=True, type=click.IntRange(1), help=what
        )
        seed = click.option(
            "--seed",
            default=0,
            show_default=True,
            type=click.IntRange(0),
            help="Of the random inputs.",
        )
        return number(seed(command))

    return decorated


def port_option(command: F) -> F:
    return click.option(
        "--port",
        metavar="URL",
        callback=_port,
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


def _store(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    return value if value is None or "://" in value else Path(value)


def store_option(command: F) -> F:
    return click.option(
        "--store",
        metavar="DB",
        callback=_store,
        help="A SQLite file, or postgresql://user@host/name; without it the user's own file.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


model_argument = click.argument("model", metavar="M.hwk", type=click.Path(path_type=Path))

sensitivity_option = click.option(
    "--sensitivity",
    type=click.Choice(SENSITIVITIES),
    default=SENSITIVITY,
    show_default=True,
    help="How the harm of fewer bits is measured; benchmarks/README.md ranks them.",
)
