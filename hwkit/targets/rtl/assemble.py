"""Layers and their folding to a netlist: conversions between them, forks, FIFOs, taps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.layers import LINK_DEPTH, Fold
from hwkit.targets.rtl.netlist import Instance, Netlist
from hwkit.targets.rtl.network import Network

SOURCE = "s"
SINK = "m"
"""Streams that are the ports of the core."""


def assemble(
    network: Network,
    folds: Sequence[Fold],
    sink_type: IntType,
    sizes: Mapping[str, int],
) -> tuple[Netlist, dict[str, str]]:
    """The netlist between the streams ``s`` and ``m``, and the stream of each tensor.

    ``sizes`` gives the integers of every tensor. FIFOs behind forks have room for a whole tensor,
    until ``with_depths`` says what they need.
    """
    net = Netlist()
    first = folds[0].simd if folds and network.layers[0].inputs == (network.source,) else 1
    readers = Counter(name for layer in network.layers for name in layer.inputs)
    readers[network.sink] += 1
    source = Stream(sizes[network.source], network.values[network.source].dtype, first)
    net.streams[SOURCE] = source
    branches: dict[str, list[str]] = {}
    taps: dict[str, str] = {}

    def publish(tensor: str, stream: str) -> None:
        count = readers[tensor]
        streams = net.fork(stream, count) if count > 1 else (stream,)
        if count > 1:
            streams = tuple(net.fifo(name, net.streams[name].beats) for name in streams)
        branches[tensor] = list(streams)

    publish(network.source, SOURCE)
    for layer, fold in zip(network.layers, folds, strict=True):
        sources = tuple(net.elements(branches[name].pop(0), fold.simd) for name in layer.inputs)
        made = layer.build(net, sources, fold)
        made = net.fifo(made, LINK_DEPTH)
        taps[layer.output] = made
        publish(layer.output, made)
    last = branches[network.sink].pop(0)
    _sink(net, last, sink_type)
    return net, taps


def with_depths(net: Netlist, depths: Mapping[str, int]) -> Netlist:
    """The netlist with FIFOs of these depths, by the name of the instance; at least a link's."""
    instances = [
        replace(i, parameters={**i.parameters, "DEPTH": max(depths[i.name], LINK_DEPTH)})
        if i.name in depths
        else i
        for i in net.instances
    ]
    return replace(net, instances=instances)


def _sink(net: Netlist, last: str, dtype: IntType) -> None:
    """The port ``m``: the last stream in the type that the graph declares."""
    stream = net.streams[last]
    net.streams[SINK] = Stream(stream.size, dtype, stream.elements)
    parameters = {
        "LANES": stream.elements,
        "IN_BITS": stream.dtype.bits,
        "IN_SIGNED": int(stream.dtype.signed),
        "OUT_BITS": dtype.bits,
    }
    net.instances.append(Instance("hwk_resize", net.fresh("sink"), parameters, (last,), (SINK,)))
