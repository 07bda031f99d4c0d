"""Where each kind of package wants its files."""

from __future__ import annotations

from hwkit.target import Lowered
from hwkit.targets.mcu.package.sources import HEADER, facts, fill, header, sources


def library(lowered: Lowered) -> dict[str, bytes]:
    """``include/hwk.h``, ``src/``, an example and a CMakeLists.txt."""
    private = sources(lowered)
    values = facts(lowered) | {"SOURCES": _listed(private, "  src/")}
    return {
        f"include/{HEADER}": header(lowered),
        **_under("src", private),
        "example/selftest.c": fill("selftest_main.c", values),
        "CMakeLists.txt": fill("library/CMakeLists.txt", values),
        "README.md": fill("library/README.md", values),
    }


def arduino(lowered: Lowered) -> dict[str, bytes]:
    """The library format of Arduino, revision 2: everything compiled lies in ``src``."""
    values = facts(lowered)
    return {
        "library.properties": fill("arduino/library.properties", values),
        "keywords.txt": fill("arduino/keywords.txt", values),
        "README.md": fill("arduino/README.md", values),
        f"src/{HEADER}": header(lowered),
        **_under("src", sources(lowered)),
        "examples/selftest/selftest.ino": fill("arduino/selftest.ino", values),
    }


def zephyr(lowered: Lowered) -> dict[str, bytes]:
    """A module with its Kconfig symbol, and a sample application."""
    private = sources(lowered)
    values = facts(lowered) | {"SOURCES": _listed(private, "    ../src/")}
    return {
        "zephyr/module.yml": fill("zephyr/module.yml", values),
        "zephyr/CMakeLists.txt": fill("zephyr/CMakeLists.txt", values),
        "zephyr/Kconfig": fill("zephyr/Kconfig", values),
        "README.md": fill("zephyr/README.md", values),
        f"include/{HEADER}": header(lowered),
        **_under("src", private),
        "samples/selftest/CMakeLists.txt": fill("zephyr/sample_CMakeLists.txt", values),
        "samples/selftest/prj.conf": fill("zephyr/prj.conf", values),
        "samples/selftest/src/main.c": fill("selftest_main.c", values),
    }


def _under(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def _listed(files: dict[str, bytes], prefix: str) -> str:
    return "\n".join(f"{prefix}{name}" for name in files if name.endswith(".c"))
