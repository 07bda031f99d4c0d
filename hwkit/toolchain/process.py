"""Runs an external program to its end, with its output in a log file."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, ToolFailed, ToolMissing

_LOG = logging.getLogger(__name__)

TIMED_OUT = 124
"""Exit code reported for a program that was stopped, as of coreutils' ``timeout``."""


def run(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 600.0,
    how_to_get_it: str = "install it or put it on PATH",
) -> str:
    """Runs ``command`` with nothing on its standard input and returns what it printed.

    ``env`` is added to this process's environment; output and errors go to ``log``, appended
    to what is there. ``ToolMissing`` when there is no such program, ``ToolFailed`` with the
    command, its exit code and the log's path when it fails or runs past ``timeout_s`` (its
    whole process group is then killed).
    Example: ``run(["gcc", "--version"], Path("gcc.log")).startswith("gcc")``.
    """
    _LOG.info("%s (log: %s)", shlex.join(command), log)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            stream.write(f"$ {shlex.join(command)}\n".encode())
            stream.flush()
            start = stream.tell()
            exit_code = _wait(command, stream.fileno(), cwd, env, timeout_s, how_to_get_it)
        printed = log.read_bytes()[start:].decode(errors="replace")
    except OSError as error:
        raise ConfigError(f"{log}: log cannot be written ({error}); free space there") from error
    if exit_code != 0:
        raise ToolFailed(shlex.join(command), exit_code, str(log))
    return printed


class _Program(subprocess.Popen[bytes]):
    """One that does not outlive an exception, such as a signal's, that comes while it starts."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        try:
            super().__init__(command, **options)
        except OSError:  # there is no such program, and no process
            raise
        except BaseException:
            if hasattr(self, "pid"):
                self.stop()
            raise

    def stop(self) -> None:
        """Kills it and its children, and waits for it."""
        with suppress(ProcessLookupError):  # it is no session yet
            os.killpg(self.pid, signal.SIGKILL)
        self.kill()
        self.wait()


def _wait(
    command: Sequence[str],
    output: int,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    timeout_s: float,
    how_to_get_it: str,
) -> int:
    try:
        process = _Program(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,  # a stopped program takes its children along
        )
    except (FileNotFoundError, PermissionError) as error:
        raise ToolMissing(command[0], how_to_get_it) from error
    with process:
        try:
            return process.wait(timeout_s)
        except BaseException as error:
            process.stop()
            if isinstance(error, subprocess.TimeoutExpired):
                return TIMED_OUT
            raise
