"""The tools that hwkit takes from the distribution: one row each."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

from hwkit.toolchain import apt


@dataclass(frozen=True, slots=True)
class DistributionTool:
    """A tool: what it is for, its ``programs``, and how to get them.

    ``packages`` of Debian and its like: of each
    tuple the first one that the release has. ``arguments`` come before the caller's when a program
    of that name runs from the folder ``{folder}`` where the packages were unpacked. ``check`` is a
    program in ``toolchain/checks`` that gets the folder of the programs and ends well only if they
    work. ``elsewhere``: the command by system, "" for one that is not listed. ``least`` is the
    oldest version that serves, "" for any.
    """

    name: str
    title: str
    programs: tuple[str, ...]
    packages: tuple[tuple[str, ...], ...]
    check: str
    elsewhere: Mapping[str, str]
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    least: str = ""


_QEMU_DATA = ("-L", "{folder}/usr/share/qemu")

_QEMU = DistributionTool(
    name="qemu",
    title="QEMU, for board virtual_m55 and as second opinion on the other cores",
    programs=("qemu-system-arm", "qemu-system-riscv32"),
    packages=(("qemu-system-arm",), ("qemu-system-riscv", "qemu-system-misc")),
    check="qemu_runs.py",
    elsewhere={
        "darwin": "brew install qemu",
        "fedora": "dnf install qemu-system-arm qemu-system-riscv",
        "arch": "pacman -S qemu-system-arm qemu-system-riscv",
        "": "install QEMU with your system's packages",
    },
    arguments={"qemu-system-arm": _QEMU_DATA, "qemu-system-riscv32": _QEMU_DATA},
    least="6.2",  # the first with the Cortex-M55's vector instructions
)

_ICESTORM = DistributionTool(
    name="fpga-icestorm",
    title="Project IceStorm, which packs and flashes bitstreams for Lattice iCE40",
    programs=("icepack", "iceprog"),
    packages=(("fpga-icestorm",),),
    check="icestorm_packs.py",
    elsewhere={
        "darwin": "brew install icestorm",
        "fedora": "dnf install icestorm",
        "": "build it from github.com/YosysHQ/icestorm",
    },
)

_OPENOCD = DistributionTool(
    name="openocd",
    title="OpenOCD, which flashes microcontrollers over a debug probe",
    programs=("openocd",),
    packages=(("openocd",),),
    check="openocd_runs.py",
    elsewhere={
        "darwin": "brew install openocd",
        "fedora": "dnf install openocd",
        "arch": "pacman -S openocd",
        "": "install OpenOCD with your system's packages",
    },
    arguments={"openocd": ("--search", "{folder}/usr/share/openocd/scripts")},
)

_PICOTOOL = DistributionTool(
    name="picotool",
    title="picotool, which flashes a Raspberry Pi Pico over USB",
    programs=("picotool",),
    packages=(("picotool",),),
    check="picotool_runs.py",
    elsewhere={
        "darwin": "brew install picotool",
        "fedora": "dnf install picotool",
        "": "copy firmware.uf2 to the board's USB drive",
    },
)

_OPENFPGALOADER = DistributionTool(
    name="openfpgaloader",
    title="openFPGALoader, which writes bitstreams to FPGA boards",
    programs=("openFPGALoader",),
    packages=(("openfpgaloader",),),
    check="openfpgaloader_runs.py",
    elsewhere={
        "darwin": "brew install openfpgaloader",
        "fedora": "dnf install openFPGALoader",
        "": "build it from github.com/trabucayre/openFPGALoader",
    },
)

_OPENSSH_SERVER = DistributionTool(
    name="openssh-server",
    title="OpenSSH's server, with which the tests try boards over ssh on this machine",
    programs=("sshd",),
    packages=(("openssh-server",),),
    check="sshd_runs.py",
    elsewhere={
        "fedora": "dnf install openssh-server",
        "arch": "pacman -S openssh",
        "": "install OpenSSH's server with your system's packages",
    },
)

DISTRIBUTION_TOOLS: Mapping[str, DistributionTool] = {
    tool.name: tool
    for tool in (_QEMU, _ICESTORM, _OPENOCD, _PICOTOOL, _OPENFPGALOADER, _OPENSSH_SERVER)
}


def tool_of(program: str) -> DistributionTool | None:
    """The tool that brings ``program``, None when none does.
    Example: ``tool_of("icepack")`` is the row of ``fpga-icestorm``."""
    for tool in DISTRIBUTION_TOOLS.values():
        if program in tool.programs:
            return tool
    return None


def remedy(tool: DistributionTool) -> str:
    """How to get ``tool`` on this system, e.g. ``hwkit toolchain install qemu``."""
    return f"hwkit toolchain install {tool.name}" if apt.is_there() else elsewhere(tool)


def elsewhere(tool: DistributionTool) -> str:
    """How to get ``tool`` without hwkit: the command for this system, or for one that it is like.
    Example: ``brew install qemu`` on macOS."""
    for system in _systems():
        if system in tool.elsewhere:
            return tool.elsewhere[system]
    return tool.elsewhere[""]


def release() -> str:
    """This system and its version, e.g. ``debian 12``."""
    if platform.system() != "Linux":
        return f"{platform.system().lower()} {platform.release()}"
    known = _os_release()
    return f"{known.get('ID', 'linux')} {known.get('VERSION_ID', '')}".strip()


def _systems() -> list[str]:
    if platform.system() != "Linux":
        return [platform.system().lower()]
    known = _os_release()
    return [known.get("ID", ""), *known.get("ID_LIKE", "").split()]


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
