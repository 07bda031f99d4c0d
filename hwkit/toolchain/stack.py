"""How deep the stack of a firmware gets: a bound from its objects, before anything runs.

The compiler writes the frame of each function (``-fstack-size-section``: for each an address and
an unsigned LEB128 size, which is the format of LLVM's ``.stack_sizes``), and each function is a
section of its own, so that whom it calls is told by the relocations of that section. The deepest
chain from the entry is then the longest path in a graph without cycles. It is an upper bound:
whatever a function refers to counts as called by it, a tail call as a call, and a branch that no
input takes as taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError
from hwkit.toolchain.elf import opened

LIBRARY_BYTES = 256
"""Of a function that is in no object: one of the compiler's own library (64-bit division, float
arithmetic of cores without it). None of those that small cores use takes half of it."""

EXCEPTION_BYTES = 104
"""What a Cortex-M core stacks when a fault is taken, with the registers of its floating-point unit
(Armv7-M Architecture Reference Manual, B1.5.7); RISC-V cores stack nothing."""

ENTRY = "Reset_Handler"

_ALLOCATED = 2  # SHF_ALLOC
_EXECUTABLE = 4  # SHF_EXECINSTR
_UNWINDING = (".eh_frame", ".ARM.exidx", ".ARM.extab")
"""Tables that refer to every function; no image has them."""
_CALLS = {"EM_ARM": (10, 30), "EM_RISCV": (18, 19)}
"""Relocations of calls: R_ARM_THM_CALL, R_ARM_THM_JUMP24; R_RISCV_CALL, R_RISCV_CALL_PLT."""
_Place = tuple[int, int]
"""Object and section of it."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The deepest chain of calls: the functions from the entry on, and the bytes of their frames
    and of an exception on top of them."""

    size_bytes: int
    chain: tuple[str, ...]


def deepest(objects: Sequence[Path], entry: str = ENTRY) -> Depth:
    """The deepest chain of calls from ``entry`` in object files of one image.

    ``ConfigError`` where functions call each other in a circle, so that no bound exists, or
    where none is named ``entry``; ``FormatError`` for what is no object file. Example: with
    frames of 16 bytes for ``main`` and 40 for ``f``, which it calls, ``deepest(objects, "main")``
    is ``Depth(160, ("main", "f"))``.
    """
    graph = _Graph()
    for number, path in enumerate(objects):
        with opened(path) as elf:
            graph.take(number, elf)
    return graph.depth(entry)


class _Graph:
    """Sections with the names and frames of their functions, what they refer to, and where global
    symbols are."""

    def __init__(self) -> None:
        self._frames: dict[_Place, tuple[str, int]] = {}
        self._references: dict[_Place, set[_Place | str]] = {}
        self._called: set[str] = set()
        self._symbols: dict[str, _Place] = {}
        self._found: dict[_Place, Depth] = {}
        self._exception_bytes = 0

    def take(self, number: int, elf: Any) -> None:
        """Adds an object file."""
        if elf["e_machine"] == "EM_ARM":
            self._exception_bytes = EXCEPTION_BYTES
        sections = list(elf.iter_sections())
        for index, section in enumerate(sections):
            if _may_be_reached(section):
                self._frames.setdefault((number, index), (_function(section.name), 0))
            if section.name == ".stack_sizes":
                place = number, section["sh_link"]
                frames = max(_sizes(section.data()), default=0)
                self._frames[place] = _function(sections[place[1]].name), frames
        symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
        for symbol in symbols:
            if symbol["st_info"]["bind"] != "STB_LOCAL" and _is_defined(symbol):
                self._symbols[symbol.name] = number, symbol["st_shndx"]
        for section in sections:
            place = number, section["sh_info"]
            if section["sh_type"] in ("SHT_REL", "SHT_RELA") and place in self._frames:
                references = self._references.setdefault(place, set())
                for relocation in section.iter_relocations():
                    symbol = symbols[relocation["r_info_sym"]]
                    is_call = relocation["r_info_type"] in _CALLS[elf["e_machine"]]
                    target = (number, symbol["st_shndx"]) if _is_defined(symbol) else symbol.name
                    # Else a branch, or a constant, of its own, or a place that a switch goes to.
                    if is_call or not (target == place or _is_label(symbol, sections)):
                        references.add(target)
                    if is_call:
                        self._called.add(symbol.name)

    def depth(self, entry: str) -> Depth:
        """See ``deepest``."""
        if entry not in self._symbols:
            raise ConfigError(f"no object has a function {entry}; give the runtime's objects too")
        below = self._below(self._symbols[entry], ())
        return Depth(below.size_bytes + self._exception_bytes, (entry, *below.chain[1:]))

    def _below(self, place: _Place, above: tuple[_Place, ...]) -> Depth:
        name, size = self._frames[place]
        if place in above:
            raise ConfigError(f"{name}: calls itself, so that no stack is surely enough")
        if place not in self._found:
            depths = [Depth(0, ())]
            for target in self._references.get(place, ()):
                other = self._symbols.get(target) if isinstance(target, str) else target
                if other is None and target in self._called:
                    depths.append(Depth(LIBRARY_BYTES, (str(target),)))
                elif other in self._frames:
                    depths.append(self._below(other, (*above, place)))
            most = max(depths, key=lambda depth: depth.size_bytes)
            self._found[place] = Depth(size + most.size_bytes, (name, *most.chain))
        return self._found[place]


def _may_be_reached(section: Any) -> bool:
    """Whether calls go to it, or by it: what the core itself reads, its table of exceptions, only
    says where execution starts."""
    flags = section["sh_flags"]
    table = section.name == ".vectors" and not flags & _EXECUTABLE
    return bool(flags & _ALLOCATED) and not (table or section.name.startswith(_UNWINDING))


def _is_label(symbol: Any, sections: Sequence[Any]) -> bool:
    """Whether it is a place within a function."""
    kind = symbol["st_info"]
    if not _is_defined(symbol) or (kind["bind"], kind["type"]) != ("STB_LOCAL", "STT_NOTYPE"):
        return False
    return bool(sections[symbol["st_shndx"]]["sh_flags"] & _EXECUTABLE)


def _is_defined(symbol: Any) -> bool:
    return isinstance(symbol["st_shndx"], int)


def _function(section: str) -> str:
    """``.text.layer0`` is the section of ``layer0``."""
    return section.removeprefix(".text.")


def _sizes(content: bytes) -> Iterator[int]:
    """Frames in a section ``.stack_sizes``: for each a word of address, then LEB128."""
    at = 0
    while at < len(content):
        at += 4
        size = shift = 0
        more = True
        while more:
            size |= (content[at] & 0x7F) << shift
            more = bool(content[at] & 0x80)
            at, shift = at + 1, shift + 7
        yield size
