"""The blocks of a tutorial, and running them as a reader does: in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hwkit

ROOT = Path(hwkit.__file__).parent.parent
FOLDER = ROOT / "docs" / "tutorials"

_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A file to write, where it has a ``title``, or lines for a shell."""

    language: str
    title: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """All of a page; a block that is neither a file nor for a shell would say nothing true."""
    for language, title, text in _BLOCK.findall((FOLDER / f"{page}.md").read_text()):
        assert title or language == "sh", f"{page}: a block of {language} that nothing runs"
        yield Block(language, title, text)


def run(page: str, folder: Path) -> None:
    """Runs ``page``, beginning in ``folder``; a line of a shell that fails ends it. A block is run
    where the one before has gone to, files are written there; what one exports the next lack."""
    programs = folder / ".bin"
    programs.mkdir()
    for name, words in (("hwkit", "-m hwkit"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (programs / name).chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_DATA_HOME": str(folder / ".data"),
    }
    here, went = folder, folder / ".went"
    for block in blocks(page):
        if block.title:
            path = here / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{block.text}pwd > {went}"],
            cwd=here,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{page}:\n{block.text}\n{done.stdout}{done.stderr}"
        here = Path(went.read_text().strip())
