"""What a failure looks like: one line on stderr, with ``--json`` a document on stdout too."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from hwkit.cli.terminal import complain, print_json
from hwkit.errors import HwkitError, parted

_INTERNAL = 3
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Failure:
    """``kind`` is the class of an error of ``hwkit.errors``, or ``UsageError``, ``SystemError``,
    ``OutOfMemory``, ``Interrupted``, ``InternalError``; ``message`` the whole line."""

    kind: str
    message: str
    exit_code: int
    where: str = ""
    remedy: str = ""

    def show(self, as_json: bool) -> int:
        """Prints it and gives the exit code."""
        complain(self.message)
        if as_json:
            parts = ("kind", "message", "where", "remedy")
            error = {name: getattr(self, name) for name in parts}
            print_json("error", {"error": error, "exit_code": self.exit_code})
        return self.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` is among the options; asked of the bare words, as they may be wrong."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def failed(error: BaseException, as_json: bool) -> int:
    """Shows what ``error`` is to the user and gives the exit code. What is no known kind is a bug:
    told as one line, or raised with ``HWKIT_DEBUG``."""
    for kind, described in _KINDS.items():
        if isinstance(error, kind):
            return described(error).show(as_json)
    if os.environ.get("HWKIT_DEBUG"):
        raise error
    return _bug(error).show(as_json)


def _bug(error: BaseException) -> Failure:
    # The last line of defence: a bug must not greet a user as a trace.
    remedy = "this is a bug, run again with HWKIT_DEBUG=1 and report what it prints"
    message = f"internal error: {type(error).__name__}: {error}; {remedy}"
    return Failure("InternalError", message, _INTERNAL, "", remedy)


def _known(error: HwkitError) -> Failure:
    return Failure(type(error).__name__, str(error), error.exit_code, error.where, error.remedy)


def _usage(error: click.UsageError) -> Failure:
    command = error.ctx.command_path if error.ctx else "hwkit"
    remedy = f"See '{command} --help'."
    return Failure("UsageError", f"{error.format_message()} {remedy}", 2, command, remedy)


def _click(error: click.ClickException) -> Failure:
    return Failure("UsageError", error.format_message(), 2)


def _interrupted(error: BaseException) -> Failure:
    return Failure("Interrupted", "interrupted", _INTERRUPTED)


def _package(error: ModuleNotFoundError) -> Failure:
    remedy = "pip install 'hwkit[all]', or see hwkit doctor"
    name = str(error.name)
    return Failure("ToolMissing", f"{name} is not installed; {remedy}", 2, name, remedy)


def _system(error: OSError) -> Failure:
    where, remedy = str(error.filename or "system"), "check disk and rights"
    message = f"{where}: {error.strerror or error}; {remedy}"
    return Failure("SystemError", message, 2, where, remedy)


def _memory(error: MemoryError) -> Failure:
    message = "out of memory; use fewer inputs (-n) or a smaller batch"
    return Failure("OutOfMemory", message, 2, "", parted(message)[2])


_KINDS: dict[type[BaseException], Callable[..., Failure]] = {
    click.UsageError: _usage,
    click.ClickException: _click,
    click.exceptions.Abort: _interrupted,
    KeyboardInterrupt: _interrupted,
    HwkitError: _known,
    ModuleNotFoundError: _package,
    OSError: _system,
    MemoryError: _memory,
}
