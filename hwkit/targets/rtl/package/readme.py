"""What a package's ports carry, in words."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.identifiers import one_line
from hwkit.ir.graph import Graph
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.package.axi_stream import Port

_README = """\
# {name}

{title} as a core with AXI4-Stream ports: Verilog module `{name}` in `{name}.v`, over
`{name}_core.v` and `rtl/`. Clock `aclk`; reset `aresetn`, synchronous, low for a cycle or more (it
also brings states back). Cycles of an inference: {interval} when others follow, {latency} from its
first beat in to its last one out.

| port | tensor | integers | type | integers a beat | TDATA bits | beats |
|---|---|---|---|---|---|---|
{rows}

A beat holds consecutive integers in C order (channels last), the first in the lowest bytes, each in
whole bytes, little-endian: a numpy array's bytes. Bits above an input's type are not looked at.
TLAST comes with the last beat of every output tensor; inputs are counted, their TLAST is not
needed. Any side may wait at any time. Several inputs and outputs each go their own pace: offer and
take them without waiting for one another.

- `tb/bench.py`: a cocotb test bench, `python tb/bench.py verilator` (or `icarus`): inferences of
  the interpreter in `tb/*.npy`, with both sides waiting at random.
- `{name}.core`: FuseSoC: `fusesoc --cores-root . run --target=lint hwkit:networks:{name}`
- `{name}.py`: a LiteX module, class `Network(platform)`.
- `package_ip.tcl`: packs it for Vivado's IP catalogue.

Sources are read as SystemVerilog. Synthesis must find the memory images (`rtl/*.hex`) beside
`rtl/hwk_rom.v`, in the folder where it runs, or among the files of its project.
"""


def readme(
    name: str, graph: Graph, core: Core, inputs: Sequence[Port], outputs: Sequence[Port]
) -> str:
    """The package's ``README.md``."""
    named = [*zip(inputs, graph.inputs, strict=True), *zip(outputs, graph.outputs, strict=True)]
    rows = [
        f"| `{port.name}` | `{one_line(tensor)}` | {port.stream.size} | "
        f"{graph.tensors[tensor].dtype} | {port.stream.elements} | {port.stream.beat_bits} | "
        f"{port.stream.beats} |"
        for port, tensor in named
    ]
    return _README.format(
        name=name,
        title=one_line(graph.name),
        interval=core.interval_cycles,
        latency=core.latency_cycles,
        rows="\n".join(rows),
    )
