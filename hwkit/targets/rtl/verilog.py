"""A netlist as the Verilog module ``hwk_core``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hwkit.targets.rtl.netlist import Instance, Netlist

TOP = "hwk_core"
_PREFIXES = {
    "hwk_sum": ("a", "b"),
    "hwk_mul": ("a", "b"),
    "hwk_choose": ("s", "a", "b"),
    "hwk_constant": (),
}
"""Port prefixes of the inputs where they are not ``s``."""

_PARTS = ("data", "valid", "ready")


def verilog(net: Netlist, taps: Mapping[str, str]) -> bytes:
    """The module's text; ``taps`` the streams to record, by file name."""
    lines = [
        "// Made by hwkit: the layers of one network. The modules in it are written by hand.",
        f"module {TOP} (",
        "    input  wire clk,",
        "    input  wire rst,",
        f"    input  wire [{_bits(net, net.sources) - 1}:0] s_data,",
        f"    input  wire [{len(net.sources) - 1}:0] s_valid,",
        f"    output wire [{len(net.sources) - 1}:0] s_ready,",
        f"    output wire [{_bits(net, net.sinks) - 1}:0] m_data,",
        f"    output wire [{len(net.sinks) - 1}:0] m_valid,",
        f"    input  wire [{len(net.sinks) - 1}:0] m_ready",
        ");",
    ]
    lines += wires(net)
    lines += _ports(net)
    lines += instances(net)
    for file, name in taps.items():
        lines += _tap(net, file, name)
    return ("\n".join([*lines, "endmodule"]) + "\n").encode()


def wires(net: Netlist) -> list[str]:
    """The declarations of all streams."""
    lines = []
    forked = {name for i in net.instances if i.module == "hwk_fork" for name in i.outputs}
    for name, stream in net.streams.items():
        if name not in forked:
            lines.append(f"    wire [{stream.beat_bits - 1}:0] {name}_data;")
        lines.append(f"    wire {name}_valid, {name}_ready;")
    return lines


def instances(net: Netlist) -> list[str]:
    """The modules between the streams, at ``clk`` and ``rst``."""
    return [line for instance in net.instances for line in _instance(net, instance)]


def _bits(net: Netlist, names: Iterable[str]) -> int:
    return sum(net.streams[name].beat_bits for name in names)


def _ports(net: Netlist) -> list[str]:
    """The streams of the ports side by side, the first lowest; an input that nothing reads is
    taken whenever it comes."""
    read = {name for instance in net.instances for name in instance.inputs}

    def parts(names: Iterable[str], part: str) -> str:
        return joined(f"{name}_{part}" for name in names)

    return [
        *(f"    assign {parts(net.sources, part)} = s_{part};" for part in ("data", "valid")),
        f"    assign s_ready = {parts(net.sources, 'ready')};",
        *(f"    assign m_{part} = {parts(net.sinks, part)};" for part in ("data", "valid")),
        f"    assign {parts(net.sinks, 'ready')} = m_ready;",
        *(f"    assign {name}_ready = 1'b1;" for name in net.sources if name not in read),
    ]


def _instance(net: Netlist, instance: Instance) -> list[str]:
    lines = []
    if instance.module == "hwk_fork":
        # A fork's outputs carry the data of its input.
        (source,) = instance.inputs
        for name in instance.outputs:
            width = net.streams[name].beat_bits
            lines.append(f"    wire [{width - 1}:0] {name}_data = {source}_data;")
        out = {
            "m_data": "",
            "m_valid": joined(f"{name}_valid" for name in instance.outputs),
            "m_ready": joined(f"{name}_ready" for name in instance.outputs),
        }
    else:
        name = instance.outputs[0]
        out = {f"m_{part}": f"{name}_{part}" for part in _PARTS}
    ports = {"clk": "clk", "rst": "rst"}
    if instance.module == "hwk_join":
        for part in _PARTS:
            ports[f"s_{part}"] = joined(f"{name}_{part}" for name in instance.inputs)
    else:
        prefixes = _PREFIXES.get(instance.module, ("s",))
        for prefix, name in zip(prefixes, instance.inputs, strict=True):
            ports |= {f"{prefix}_{part}": f"{name}_{part}" for part in _PARTS}
    given = ", ".join(f".{key}({_value(value)})" for key, value in instance.parameters.items())
    wired = ", ".join(f".{port}({net_name})" for port, net_name in (ports | out).items())
    return [*lines, f"    {instance.module} #({given})", f"        {instance.name} ({wired});"]


def joined(names: Iterable[str]) -> str:
    """Names side by side, the first in the lowest bits."""
    return "{" + ", ".join(reversed(list(names))) + "}"


def _value(value: int | str) -> str:
    if isinstance(value, str):
        return value if "'" in value else f'"{value}"'
    return str(value) if -(1 << 31) <= value < 1 << 31 else f"{'-' * (value < 0)}64'sd{abs(value)}"


def _tap(net: Netlist, file: str, name: str) -> list[str]:
    width = net.streams[name].beat_bits
    ports = f".data({name}_data), .valid({name}_valid), .ready({name}_ready)"
    given = f'.WIDTH({width}), .NAME("{file}")'
    return [f"    hwk_tap #({given}) {name}_tap (.clk(clk), .rst(rst), {ports});"]
