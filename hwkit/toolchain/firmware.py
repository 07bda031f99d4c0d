"""Builds a firmware: the runtime, the board's platform and the caller's model and kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwkit import resources
from hwkit.boards import McuBoard, is_riscv
from hwkit.errors import ConfigError
from hwkit.files import write_whole
from hwkit.toolchain import boot2, elf, flash_image, uf2, zig
from hwkit.toolchain.stack import Depth, deepest

RUNTIME_OPTIMIZE = "-Os"
"""The runtime waits for the serial line: small is what counts. The kernels have their own level."""

PAYLOAD_BYTES = 256
"""Of a frame on the serial line: the runtime's two buffers take about twice this much SRAM, and
larger frames would gain little."""

INCLUDE = ("include", "runtime/freestanding")
"""What every firmware source may include, in the folder of the firmware: the public headers, and a
``string.h`` for want of a C library."""

RUNTIME_INCLUDE = ("startup", "drivers")
"""What the runtime and the platform include besides."""

_PROFILE = "hwk_profile.c"
"""The one source whose memory depends on the model: it is compiled apart, the rest once."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """``firmware.elf`` and what it holds; ``.bin``, ``.hex`` and ``.uf2`` lie beside it. ``tools``
    are the versions and flags that made it, ``depth`` what its stack takes at most."""

    path: Path
    image: elf.Image
    tools: dict[str, str]
    depth: Depth


def include_folders(root: Path | None = None) -> tuple[Path, ...]:
    """``INCLUDE`` in ``root``, a folder laid out as hwkit's own firmware."""
    root = resources.folder("firmware") if root is None else root
    return tuple(root / name for name in INCLUDE)


def platform_files(board: McuBoard) -> tuple[str, ...]:
    """What makes the runtime run on this board, relative to ``firmware/``: the core's entry, its
    UART and counter, its clocks and pins.

    ``ConfigError`` when the board names a part that is not there.
    Example: ``drivers/counter/dwt.c`` is one of virtual_m4's.
    """
    root = resources.folder("firmware")
    patterns = {
        "startup": "startup/*.[ch]",
        "core": f"startup/{'riscv' if is_riscv(board) else 'cortex_m'}/*.c",
        "drivers": "drivers/*.h",
        "uart.driver": f"drivers/uart/{board.uart.driver}.c",
        "counter": f"drivers/counter/{board.counter}.c",
        "platform": f"platforms/{board.platform}/*.[ch]",
    }
    files: list[str] = []
    for key, pattern in patterns.items():
        found = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
        if not found:
            raise ConfigError(f"board with core {board.core}: {key}: no file {root / pattern}")
        files += found
    return tuple(files)


def runtime_names(board: McuBoard) -> tuple[list[str], list[str]]:
    """The C files of the runtime and of the board's platform, relative to the firmware's folder, in
    the order in which they are linked: those whose memory depends on the model, then the rest."""
    root = resources.folder("firmware")
    names = [path.relative_to(root).as_posix() for path in sorted((root / "runtime").glob("*.c"))]
    names += [name for name in platform_files(board) if name.endswith(".c")]
    profile = [name for name in names if Path(name).name == _PROFILE]
    return profile, [name for name in names if name not in profile]


def board_flags(board: McuBoard) -> tuple[str, ...]:
    """What the runtime is told of the board."""
    # -fno-builtin: the runtime defines memcpy and its like, which must not call themselves.
    return (
        f"-DHWK_UART_BASE={board.uart.base:#x}u",
        f"-DHWK_UART_BAUD={board.uart.baud}u",
        f"-DHWK_CLOCK_HZ={board.clock_hz}u",
        f"-DHWK_PAYLOAD_BYTES={PAYLOAD_BYTES}u",
        "-fno-builtin",
    )


def profile_flags(layers: int | None) -> tuple[str, ...]:
    """What the cycle recorder is told of a model of ``layers`` layers."""
    return () if layers is None else (f"-DHWK_PROFILE_MARKS={layers + 1}",)


def build(
    sources: Sequence[Path],
    board: McuBoard,
    out: Path,
    *,
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
    layers: int | None = None,
    root: Path | None = None,
    optimize: str = zig.OPTIMIZE,
) -> Firmware:
    """Compiles ``sources`` (model and kernels, with ``flags`` and ``include`` added) and the
    runtime, and links ``out/firmware.elf``, ``.bin``, ``.hex`` and, where the board takes it,
    ``.uf2``. ``layers`` is how many the model has, whose cycles are recorded (default 256).
    ``root`` holds the runtime and its headers, laid out as hwkit's own (the default). The stack is
    the board's, or what its deepest chain of calls takes, where that is more.

    ``ToolMissing`` without the compiler, ``ToolFailed`` with the log when a source or the link
    fails. Example: ``build([Path("model.c")], boards.load("virtual_m4").mcu, Path("out"))``.
    """
    root = resources.folder("firmware") if root is None else root
    common = include_folders(root)
    objects = zig.compile_objects(
        sources, board, include=(*common, *include), flags=flags, optimize=optimize
    )
    profile, runtime = runtime_names(board)
    for names, more in ((profile, profile_flags(layers)), (runtime, ())):
        objects += zig.compile_objects(
            [root / name for name in names],
            board,
            include=(*common, *(root / name for name in RUNTIME_INCLUDE)),
            flags=(*board_flags(board), *more),
            optimize=RUNTIME_OPTIMIZE,
        )
    path = out / "firmware.elf"
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = deepest(objects)
    zig.link(objects, board, path, max(board.stack_bytes, -(-depth.size_bytes // 8) * 8))
    if board.boot2_bytes:
        boot2.seal(path, board.boot2_bytes)
    image = elf.read(path)
    write_whole(path.with_suffix(".bin"), flash_image.binary(image.segments))
    write_whole(
        path.with_suffix(".hex"), flash_image.intel_hex(image.segments, image.entry).encode()
    )
    if board.uf2_family:
        start = min(segment.address for segment in image.segments)
        content = uf2.uf2(flash_image.binary(image.segments), start, board.uf2_family)
        write_whole(path.with_suffix(".uf2"), content)
    return Firmware(path, image, tools(board, flags=flags, optimize=optimize), depth)


def tools(
    board: McuBoard, *, flags: Sequence[str] = (), optimize: str = zig.OPTIMIZE
) -> dict[str, str]:
    """The compiler's version and the flags that shape the code."""
    return {"zig": zig.version(), "flags": " ".join((*board.cpu_flags, optimize, *flags))}
