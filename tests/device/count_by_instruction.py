"""Runs an image with a hook on every single instruction, and prints as JSON the instructions of
each layer counted so and as the board's block counter has them. A process of its own, because it
imports the emulator."""

from __future__ import annotations

import json
import sys
import threading
from itertools import pairwise
from pathlib import Path

import unicorn

from hwkit import boards
from hwkit.device.link import Link
from hwkit.device.protocol import Client
from hwkit.device.virtual.__main__ import listen, url
from hwkit.device.virtual.board import VirtualBoard
from hwkit.toolchain import elf


def main(image: Path) -> None:
    board = boards.load("virtual_m4").mcu
    assert board is not None
    listener = listen(0)
    virtual = VirtualBoard(board, image, listener)
    mark = elf.read(image).address("hwk_profile_mark")
    executed, marks = 0, []

    def on_instruction(_engine: object, address: int, _size: int, _data: object) -> None:
        nonlocal executed
        if address == mark:
            marks.append(executed)
        executed += 1

    virtual._engine.hook_add(unicorn.UC_HOOK_CODE, on_instruction)
    runner = threading.Thread(target=virtual.run)
    runner.start()
    with Link(url(listener), board.uart.baud) as link:
        client = Client(link)
        client.run(bytes(client.info().input_bytes))
    virtual.native.stop()
    runner.join()
    by_block, _ = virtual.native.layers()
    singly = [after - before for before, after in pairwise(marks)]
    print(json.dumps({"singly": singly, "by_block": by_block}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
