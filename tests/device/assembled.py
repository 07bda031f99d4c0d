"""Assembly as the bytes that a core runs: many pieces by one call of the compiler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile

from hwkit import boards
from hwkit.boards import is_riscv
from hwkit.toolchain import zig


def assembled(board: str, pieces: Sequence[str], folder: Path) -> list[bytes]:
    """Each of ``pieces``, instructions between semicolons, for the core of ``board``.

    Example: ``assembled("virtual_m4", ["adds r0, #1"], folder)`` is ``[b"\\x01\\x30"]``.
    """
    mcu = boards.load(board).mcu
    assert mcu is not None
    lines = [".text", *([] if is_riscv(mcu) else [".syntax unified", ".thumb"])]
    for k, piece in enumerate(pieces):
        code = [line.strip() for line in piece.split(";")]
        lines += [".balign 4", f".global piece{k}", f"piece{k}:", *code, f".global end{k}"]
        lines += [f"end{k}:"]
    source = folder / "pieces.c"
    source.write_text("__asm__(" + "\n".join(f'"{line}\\n"' for line in lines) + ");\n")
    (made,) = zig.compile_objects([source], mcu)
    with made.open("rb") as stream:
        file = ELFFile(stream)
        text = file.get_section_by_name(".text").data()
        table = file.get_section_by_name(".symtab")
        at = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
    return [text[at[f"piece{k}"] : at[f"end{k}"]] for k in range(len(pieces))]
