"""The memory test finds a wrong address decoder, and nothing in memory that works."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hwkit import resources
from hwkit.toolchain import host_cc


def run(*arguments: str) -> tuple[int, int, int]:
    firmware = resources.folder("firmware")
    program = host_cc.executable(
        [
            Path(__file__).parent / "memory_test_driver.c",
            firmware / "startup" / "hwk_memory_test.c",
        ],
        [
            *(f"-I{firmware / name}" for name in ("include", "startup")),
            "-Dhwk_bss_end=(*bss_end)",
            "-Dhwk_sram_end=(*sram_end)",
        ],
    )
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    failures, tested_bytes, first = map(int, done.stdout.split())
    return failures, tested_bytes, first


def test_memory_that_works() -> None:
    assert run() == (0, 8 * 4096, 0)


def test_two_addresses_of_one_cell() -> None:
    failures, tested_bytes, first = run("3")
    assert failures > 0 and tested_bytes == 8 * 4096
    assert 2 * 4096 <= first < 4 * 4096
