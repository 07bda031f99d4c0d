"""What the commands print, and how: JSON, lines, progress; safe on any terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Any

import click

_LONGEST_LINE = 1000


def complain(message: str) -> None:
    line = plain(" ".join(message.split()))
    if len(line) > _LONGEST_LINE:
        line = f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
    click.echo(f"hwkit: {line}", err=True)


def plain(text: str) -> str:
    """``text`` from a file, safe on a terminal: escapes and line ends are shown, not obeyed."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def told_beside(out: Path | None, text: str) -> None:
    """Prints ``text`` about the file ``out``: on stderr where the file itself went to stdout."""
    with suppress(OSError):
        if out is not None and os.path.samestat(out.stat(), os.fstat(1)):
            click.echo(plain(text), err=True)
            return
    click.echo(plain(text))


def print_json(name: str, value: Mapping[str, Any]) -> None:
    """Prints ``value`` with the stamp of the document ``name`` (``hwkit.formats``)."""
    from hwkit.formats import stamped

    click.echo(json.dumps(stamped(name, value), indent=2))


class Telling(Enum):
    """How much of what is going on is told on stderr."""

    QUIET = "quiet"
    USUAL = "usual"
    VERBOSE = "verbose"


HOW_MUCH: ContextVar[Telling] = ContextVar("HOW_MUCH", default=Telling.USUAL)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Shows ``what`` and the seconds that pass inside the block: on a terminal as they pass, with
    ``--verbose`` as lines of a log, with ``--quiet`` or when piped not at all."""
    if HOW_MUCH.get() is Telling.VERBOSE:
        with _logged(what):
            yield
        return
    if HOW_MUCH.get() is Telling.QUIET or not sys.stderr.isatty():
        yield
        return
    done, start = threading.Event(), time.monotonic()

    def show() -> None:
        while not done.wait(0.25):
            seconds = time.monotonic() - start
            click.echo(f"\r\033[K{plain(what)} {seconds:.0f} s", err=True, nl=False)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        click.echo("\r\033[K", err=True, nl=False)


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """What begins, what hwkit's rooms log meanwhile, and what it took."""
    start = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - start:7.1f} s  {plain(line)}", err=True)

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    logger, lines = logging.getLogger("hwkit"), Lines()
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    say(what)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.setLevel(before)
        say(f"{what}: ended")


def progress() -> Callable[[str], None]:
    """Prints a line of progress on a terminal; with ``--verbose`` every line stays, with
    ``--quiet`` or when piped there is none."""
    if HOW_MUCH.get() is Telling.VERBOSE:
        return lambda line: click.echo(plain(line), err=True)
    if HOW_MUCH.get() is Telling.QUIET or not sys.stderr.isatty():
        return lambda line: None
    return lambda line: click.echo(f"\r\033[K{plain(line)}", err=True, nl=False)
