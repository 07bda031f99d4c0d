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

from hwkit.cli import around, hardware, models, runs, toolchain
from hwkit.cli.group import hwkit
from hwkit.cli.terminal import complain
from hwkit.errors import HwkitError

__all__ = ["around", "hardware", "hwkit", "main", "models", "runs", "toolchain"]

_INTERNAL = 3


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
    try:
        result = hwkit.main(args=arguments, prog_name="hwkit", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "hwkit"
        complain(f"{error.format_message()} See '{command} --help'.")
        return 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        complain("interrupted")
        return 130
    except HwkitError as error:
        complain(str(error))
        return error.exit_code
    except ModuleNotFoundError as error:
        complain(f"{error.name} is not installed; pip install 'hwkit[all]', or see hwkit doctor")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(f"{error.filename or 'system'}: {error.strerror or error}; check disk and rights")
        return 2
    except MemoryError:
        complain("out of memory; use fewer inputs (-n) or a smaller batch")
        return 2
    except Exception as error:  # The last line of defence: a bug must not greet a user as a trace.
        if os.environ.get("HWKIT_DEBUG"):
            raise
        complain(
            f"internal error: {type(error).__name__}: {error}; "
            "this is a bug, run again with HWKIT_DEBUG=1 and report what it prints"
        )
        return _INTERNAL


def _terminated(number: int, frame: object) -> None:
    sys.exit(128 + number)
