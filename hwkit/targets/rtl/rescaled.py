"""A stream behind a rescale, and one in a wider type."""

from __future__ import annotations

from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.netlist import Netlist, packed
from hwkit.targets.rtl.rescaling import Scaling


def rescaled(net: Netlist, name: str, source: str, scaling: Scaling, lanes: int) -> str:
    """An instance of ``hwk_rescale`` or ``hwk_threshold`` behind ``source``, which has ``lanes``
    integers a beat."""
    if scaling.steps:
        return _reached(net, name, source, scaling, lanes)
    bits, field = scaling.parameters["P_BITS"], scaling.field_bits
    parameters: dict[str, int | str] = {"LANES": lanes, **scaling.parameters}
    if scaling.stores_factors:
        parameters["FACTOR_BITS"] = scaling.factor_bits
    else:
        parameters["FACTOR"] = f"{scaling.factor_bits}'h{scaling.factors[0]:x}"
    if scaling.stores_added:
        parameters["ADDED_BITS"] = scaling.added_bits
    else:
        parameters["ADDED"] = f"{bits}'h{packed(scaling.added, bits):x}"
    if scaling.fields:
        words = [packed(row, field) for row in _rows(scaling.fields, lanes)]
        if len(set(words)) == 1:
            words = words[:1]
        parameters["GROUPS"] = len(words)
        parameters["IMAGE"] = net.image(f"{name}_scales", words, lanes * field)
    size = net.streams[source].size
    return net.add("hwk_rescale", name, parameters, (source,), Stream(size, scaling.dtype, lanes))


def _reached(net: Netlist, name: str, source: str, scaling: Scaling, lanes: int) -> str:
    stream, bits, steps = net.streams[source], scaling.step_bits, scaling.steps
    every = steps if len(steps) > 1 else steps * lanes
    words = [
        packed((t for row in every[k : k + lanes] for t in row), bits)
        for k in range(0, len(every), lanes)
    ]
    parameters: dict[str, int | str] = {
        "LANES": lanes,
        "GROUPS": len(words),
        "STEPS": len(steps[0]),
        "IN_BITS": stream.dtype.bits,
        "IN_SIGNED": int(stream.dtype.signed),
        "T_BITS": bits,
        "LOW": scaling.result.low,
        "OUT_BITS": scaling.dtype.bits,
        "IMAGE": net.image(f"{name}_steps", words, lanes * len(steps[0]) * bits),
    }
    made = Stream(stream.size, scaling.dtype, lanes)
    return net.add("hwk_threshold", name, parameters, (source,), made)


def _rows(values: tuple[int, ...], length: int) -> list[tuple[int, ...]]:
    return [values[k : k + length] for k in range(0, len(values), length)]


def resized(net: Netlist, source: str, dtype: IntType, wish: str) -> str:
    """``source`` on wires of ``dtype``, which hold all its integers."""
    stream = net.streams[source]
    parameters = {
        "LANES": stream.elements,
        "IN_BITS": stream.dtype.bits,
        "IN_SIGNED": int(stream.dtype.signed),
        "OUT_BITS": dtype.bits,
    }
    made = Stream(stream.size, dtype, stream.elements)
    return net.add("hwk_resize", wish, parameters, (source,), made)
