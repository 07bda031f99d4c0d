"""``tools.py NAME CALLS ARGUMENT...`` does as the tool NAME would, but for the work; see
``tests/fake_tools``. Standard library only, as a tool of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path


def need(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(f"error: {message}")


def elf(path: Path) -> None:
    need(path.read_bytes()[:4] == b"\x7fELF", f"{path} is no ELF image")


def intel_hex(path: Path) -> None:
    lines = path.read_text().splitlines()
    for line in lines:
        need(line.startswith(":") and sum(bytes.fromhex(line[1:])) % 256 == 0, f"record {line}")
    need(lines[-1] == ":00000001FF", f"{path} has no end")


def uf2(path: Path) -> None:
    data = path.read_bytes()
    need(len(data) % 512 == 0 and data[:4] == b"UF2\n", f"{path} is no UF2 file")


def pyocd(arguments: list[str]) -> None:
    need(arguments[:2] == ["flash", "--target"] and len(arguments) == 4, "usage")
    need(bool(re.fullmatch("[a-z0-9_]+", arguments[2])), f"target {arguments[2]!r}")
    intel_hex(Path(arguments[3]))


def openocd(arguments: list[str]) -> None:
    need(arguments[::2] == ["-f", "-c"] and len(arguments) == 4, "usage")
    need(arguments[1].endswith(".cfg"), f"configuration {arguments[1]!r}")
    found = re.fullmatch(r"program \{(.*)\} verify reset exit", arguments[3])
    need(found is not None, f"command {arguments[3]!r}")
    elf(Path(found[1] if found else ""))


def picotool(arguments: list[str]) -> None:
    need(arguments[:3] == ["load", "--verify", "--execute"] and len(arguments) == 4, "usage")
    uf2(Path(arguments[3]))


def open_fpga_loader(arguments: list[str]) -> None:
    need(arguments[:1] == ["-b"] and len(arguments) == 3, "usage")
    need(bool(arguments[1]) and Path(arguments[2]).stat().st_size > 0, "no board or no bitstream")


def vivado(arguments: list[str]) -> None:
    """Reads the script of a batch run: commands that Vivado has, files that are there, a top module
    that one of them defines."""
    need(arguments[:3] == ["-mode", "batch", "-source"] and len(arguments) == 4, "usage")
    added: list[Path] = []
    top, part = "", ""
    script = Path(arguments[3]).read_text().replace("\\\n", " ")
    for line in script.splitlines():
        words = shlex.split(re.sub(r"\[list ([^\]]*)\]", r"\1", line), comments=True)
        if not words:
            continue
        need(words[0] in _VIVADO, f"invalid command name {words[0]!r}")
        if words[0] == "create_project":
            part = words[words.index("-part") + 1]
        elif words[0] == "add_files":
            names = [word for word in words[1:] if not word.startswith("-")]
            added += map(Path, names[1:] if "-fileset" in words else names)
        elif words[:2] == ["set_property", "top"]:
            top = words[2]
    for path in added:
        need(path.is_file(), f"file {path} does not exist")
    sources = "".join(path.read_text() for path in added if path.suffix == ".v")
    need(bool(part), "no part")
    need(bool(re.search(rf"^module {top}\b", sources, re.MULTILINE)), f"no module {top!r}")
    for name in set(re.findall(r'"([^"]+\.hex)"', sources)):
        need(any(path.name == Path(name).name for path in added), f"{name} is not in the project")


def intel_hls(arguments: list[str]) -> None:
    """Compiles a component and its test bench as Intel's i++ does for an FPGA, but to run them as
    a program of this machine."""
    need(arguments.count("-o") == 1, "no output")
    sources, taken, rest = [], [], iter(arguments)
    for word in rest:
        if word in ("-o", "--time"):
            taken += [word, next(rest)]
        elif word.startswith("-D"):
            taken.append(word)
        elif word.startswith("-march="):
            need(word[7:] in _FAMILIES, f"unknown -march value {word[7:]!r}")
        else:
            need(word.endswith(".cpp"), f"unknown argument {word!r}")
            need(Path(word).is_file(), f"no such file: {word!r}")
            sources.append(word)
    need(any(word.startswith("-march=") for word in arguments), "no -march")
    text = "".join(Path(name).read_text() for name in sources)
    need(len(re.findall(r"^component \w+ \w+\(", text, re.MULTILINE)) == 1, "not one component")
    if "--time" in taken:
        at = taken.index("--time")
        Path(taken[at + 1]).write_text("")
        del taken[at : at + 2]
    headers = ["-Ifirmware/ac_types", f"-I{Path(__file__).with_name('intel_hls')}"]
    flags = ["-std=c++17", "-O1", "-w", "-fno-exceptions", "-D__INTELFPGA_COMPILER__", *headers]
    done = subprocess.run(["g++", *flags, *sources, *taken], check=False)
    need(done.returncode == 0, "compilation failed")


_FAMILIES = ("Arria10", "Stratix10", "Agilex7", "Cyclone10GX")

_VIVADO = (
    "create_project", "add_files", "set_property", "launch_runs", "wait_on_run", "open_run",
    "report_utilization", "report_timing_summary",
)  # fmt: skip

if __name__ == "__main__":
    name, calls, *rest = sys.argv[1:]
    with Path(calls).open("a") as log:
        log.write(shlex.join([name, *rest]) + "\n")
    {
        "pyocd": pyocd,
        "openocd": openocd,
        "picotool": picotool,
        "openFPGALoader": open_fpga_loader,
        "vivado": vivado,
        "i++": intel_hls,
    }[name](rest)
