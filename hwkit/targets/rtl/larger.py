"""Which other board would do."""

from __future__ import annotations

from collections.abc import Callable

from hwkit import boards
from hwkit.boards import FpgaResources
from hwkit.toolchain import nextpnr


def boards_with_room(has_room: Callable[[FpgaResources], bool]) -> list[str]:
    """Boards that have a bitstream flow and a part with room, smallest part first.

    Example: for ``lambda part: part.lut > 50_000`` it is ``["ulx3s_85f"]``.
    """
    found = []
    for name in boards.names():
        fpga = boards.load(name).fpga
        if fpga is None or fpga.resources is None or fpga.flow not in nextpnr.BITSTREAMS:
            continue
        if has_room(fpga.resources):
            found.append((fpga.resources.lut, name))
    return [name for _, name in sorted(found)]
