"""The package as a FuseSoC core (CAPI2)."""

from __future__ import annotations

from collections.abc import Sequence

_CORE = """\
CAPI=2:
name: hwkit:networks:{name}:1.0.0
description: A quantized network with AXI4-Stream ports, made by hwkit

filesets:
  rtl:
    file_type: systemVerilogSource
    files:
{sources}
{images}
targets:
  default: &default
    filesets: [{filesets}]
    toplevel: {name}
  lint:
    <<: *default
    default_tool: verilator
    tools:
      verilator:
        mode: lint-only
        verilator_options: [-Wno-fatal]
  synth:
    <<: *default
    default_tool: yosys
    tools:
      yosys:
        arch: ecp5
"""

_IMAGES = """\
  # Synthesis finds them in its folder, simulation beside hwk_rom.v.
  images:
    file_type: user
    files:
{images}
"""


def core_file(name: str, files: Sequence[str]) -> str:
    """The ``.core`` file of module ``name`` over ``files``, sources and memory images."""
    sources = [path for path in files if path.endswith((".v", ".sv"))]
    images = [path for path in files if path not in sources]
    rows = [f"      - {path}" for path in images]
    rows += [f"      - {path}: {{copyto: {path.rpartition('/')[2]}}}" for path in images]
    return _CORE.format(
        name=name,
        sources="\n".join(f"      - {path}" for path in sources),
        images=_IMAGES.format(images="\n".join(rows)) if images else "",
        filesets="rtl, images" if images else "rtl",
    )
