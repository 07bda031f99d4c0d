"""Where each kind of package wants its files."""

from __future__ import annotations

from collections.abc import Mapping

from hwkit import resources
from hwkit.target import Lowered
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.package.sources import filled, sources


def library(lowered: Lowered[McuPlan]) -> dict[str, bytes]:
    """``include/``, ``src/``, an example, and what CMake, ESP-IDF and PlatformIO read."""
    made = sources(lowered)
    values = {**made.facts, "SOURCES": _listed(made.private, "  src/")}
    return {
        **_under("include", made.public),
        **_under("src", made.private),
        "example/selftest.c": filled("selftest_main.c", values),
        "CMakeLists.txt": filled("library/CMakeLists.txt", values),
        "library.json": filled("library/library.json", values),
        "README.md": filled("library/README.md", values),
        **_license(),
    }


def arduino(lowered: Lowered[McuPlan]) -> dict[str, bytes]:
    """The library format of Arduino, revision 2: everything compiled lies in ``src``."""
    made = sources(lowered)
    values = made.facts
    return {
        "library.properties": filled("arduino/library.properties", values),
        "keywords.txt": filled("arduino/keywords.txt", values),
        "README.md": filled("arduino/README.md", values),
        **_license(),
        **_under("src", made.public),
        **_under("src", made.private),
        "examples/selftest/selftest.ino": filled("arduino/selftest.ino", values),
    }


def zephyr(lowered: Lowered[McuPlan]) -> dict[str, bytes]:
    """A module with its Kconfig symbol, and a sample application."""
    made = sources(lowered)
    values = {**made.facts, "SOURCES": _listed(made.private, "    ../src/")}
    return {
        "zephyr/module.yml": filled("zephyr/module.yml", values),
        "zephyr/CMakeLists.txt": filled("zephyr/CMakeLists.txt", values),
        "zephyr/Kconfig": filled("zephyr/Kconfig", values),
        "README.md": filled("zephyr/README.md", values),
        **_license(),
        **_under("include", made.public),
        **_under("src", made.private),
        "samples/selftest/CMakeLists.txt": filled("zephyr/sample_CMakeLists.txt", values),
        "samples/selftest/prj.conf": filled("zephyr/prj.conf", values),
        "samples/selftest/sample.yaml": filled("zephyr/sample.yaml", values),
        "samples/selftest/src/main.c": filled("selftest_main.c", values),
    }


def _license() -> dict[str, bytes]:
    """That of hwkit's kernels and runtime, of which a package is made but for its tables."""
    return {"LICENSE": resources.file("LICENSE").read_bytes()}


def _under(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def _listed(files: Mapping[str, bytes], prefix: str) -> str:
    return "\n".join(f"{prefix}{name}" for name in files if name.endswith(".c"))
