"""What is known of the stack holds with vectors: none is in a frame."""

from __future__ import annotations

from pathlib import Path

from hwkit import boards
from hwkit.targets.mcu.kernels import root
from hwkit.toolchain import elf, zig
from hwkit.toolchain.firmware import include_folders

_VLENB, _CSRR = 0xC22 << 20, 2 << 12 | 0x73


def test_no_frame_grows_with_the_vectors() -> None:
    """No kernel asks for their length in bytes, as one that spills a vector has to."""
    board = boards.load("virtual_rv32v").mcu
    assert board is not None
    folders = (*include_folders(), *(root() / name for name in board.kernels), root())
    source = Path(__file__).parent / "frames.c"
    (made,) = zig.compile_objects([source], board, include=folders)
    with elf.opened(made) as read:
        texts = [s.data() for s in read.iter_sections() if s.name.startswith(".text.")]
    words = [
        int.from_bytes(text[at : at + 4], "little")
        for text in texts
        for at in range(0, len(text) - 3, 2)
    ]
    assert len(texts) >= 24 and all(word & 0xFFFFF07F != _VLENB | _CSRR for word in words)
