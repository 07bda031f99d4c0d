"""The package as a LiteX module."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.targets.rtl.package.axi_stream import Port

_MODULE = '''\
"""A quantized network as a LiteX module with stream endpoints. Made by hwkit."""

from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.interconnect import stream
from migen import ClockSignal, Instance, ResetSignal

FOLDER = Path(__file__).resolve().parent
SOURCES = {sources}
IMAGES = {images}


class Network(LiteXModule):
    """Endpoints: {endpoints}; ``last`` marks a tensor's last beat."""

    def __init__(self, platform):
{made}
        self.specials += Instance(
            "{name}",
            i_aclk=ClockSignal(),
            i_aresetn=~ResetSignal(),
{wired}
        )
        for name in SOURCES:
            platform.add_source(str(FOLDER / name), language="systemverilog")
        for name in IMAGES:
            # Yosys finds memory images beside hwk_rom.v, others where they run.
            platform.add_source(str(FOLDER / name), copy=True)
'''


def module(name: str, files: Sequence[str], inputs: Sequence[Port], outputs: Sequence[Port]) -> str:
    """The Python module with class ``Network`` around Verilog module ``name`` of ``files``."""
    sources = [path for path in files if path.endswith((".v", ".sv"))]
    sides = [(port, "sink", "i", "o") for port in inputs]
    sides += [(port, "source", "o", "i") for port in outputs]
    made, wired, endpoints = [], [], []
    for port, kind, towards, back in sides:
        number = port.name[1:].removesuffix("_axis")
        end = f"{kind}{number}"
        width = port.stream.beat_bits
        endpoints.append(f"``{end}`` ({width} bits)")
        made.append(f'        self.{end} = stream.Endpoint([("data", {width})])')
        for signal, field, way in (
            ("tdata", "data", towards),
            ("tvalid", "valid", towards),
            ("tready", "ready", back),
            ("tlast", "last", towards),
        ):
            wired.append(f"            {way}_{port.name}_{signal}=self.{end}.{field},")
    return _MODULE.format(
        name=name,
        sources=sources,
        images=[path for path in files if path not in sources],
        endpoints=", ".join(endpoints),
        made="\n".join(made),
        wired="\n".join(wired),
    )
