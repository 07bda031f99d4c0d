"""The README's table of boards, from their files: ``python -m hwkit.boards.table README.md``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hwkit.boards.read import parse
from hwkit.boards.records import Board
from hwkit.errors import ConfigError
from hwkit.files import read_file, write_whole
from hwkit.resources import folder

_START, _END = "<!-- boards -->\n", "<!-- end -->"
_MOST_BYTES = 1 << 24
_HEAD = """\
| board | what it is | target | part | clock | has | figures are |
| --- | --- | --- | --- | ---: | --- | --- |
"""


def table() -> str:
    """A row for each board that hwkit ships, by target and name, in Markdown."""
    known = [parse(path) for path in folder("boards").glob("*.toml")]
    return _HEAD + "".join(map(_row, sorted(known, key=lambda board: (board.target, board.name))))


def updated(text: str, where: str) -> str:
    """``text`` with the table between its two marks; ``ConfigError`` without them."""
    pattern = re.compile(f"{re.escape(_START)}.*?{re.escape(_END)}", re.DOTALL)
    if not pattern.search(text):
        raise ConfigError(f"{where}: no table of boards; put {_START.strip()} and {_END} there")
    return pattern.sub(lambda _: f"{_START}{table()}{_END}", text, count=1)


def _row(board: Board) -> str:
    cells = (
        f"`{board.name}`",
        board.title.replace("|", "/"),
        board.target,
        board.part,
        "" if board.clock_hz is None else f"{board.clock_hz / 1e6:g} MHz",
        _has(board),
        board.evidence,
    )
    return f"| {' | '.join(cells)} |\n"


def _has(board: Board) -> str:
    """Memory of a microcontroller, resources of an FPGA."""
    if board.mcu is not None:
        return ", ".join(f"{r.size_bytes // 1024} kB {r.name}" for r in board.mcu.memory)
    if board.fpga is not None and board.fpga.resources is not None:
        has = board.fpga.resources
        return f"{has.lut:,} LUT, {has.bram_bits // 8192} kB RAM, {has.dsp} DSP"
    return ""


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        text = read_file(path, _MOST_BYTES, "give a Markdown file").decode()
        write_whole(path, updated(text, name).encode())
