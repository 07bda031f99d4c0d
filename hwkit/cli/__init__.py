"""The command line: parse, call a flow, print. No logic lives here.

Exit codes: 0 done; 1 the answer is no; 2 bad input or a missing tool; 3 a device or a tool failed.
Heavy imports happen inside the commands, so that ``hwkit --help`` starts at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import click

from hwkit.cli import (
    around,
    campaigns,
    completion,
    export,
    hardware,
    mlperf,
    models,
    planning,
    quantizing,
    runs,
    searching,
    starting,
    toolchain,
    tuning,
)
from hwkit.cli.failure import failed, wants_json
from hwkit.cli.group import hwkit
from hwkit.cli.terminal import HOW_MUCH, Telling

__all__ = [
    "around",
    "campaigns",
    "completion",
    "export",
    "hardware",
    "hwkit",
    "main",
    "mlperf",
    "models",
    "planning",
    "quantizing",
    "runs",
    "searching",
    "starting",
    "toolchain",
    "tuning",
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``hwkit`` script; leaves through ``sys.exit``.

    SIGTERM and SIGHUP leave that way too, so that compilers are stopped and half-made folders
    removed as they are for Ctrl-C.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    HOW_MUCH.set(Telling.USUAL)
    as_json = wants_json(sys.argv[1:] if arguments is None else arguments)
    try:
        result = hwkit.main(args=arguments, prog_name="hwkit", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, Exception) as error:
        return failed(error, as_json)


def _terminated(number: int, frame: object) -> None:
    sys.exit(128 + number)
