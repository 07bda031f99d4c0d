"""Layers and their folding to a netlist: conversions between them, forks, FIFOs, states, taps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.layers import LINK_DEPTH
from hwkit.targets.rtl.netlist import Instance, Netlist, packed
from hwkit.targets.rtl.network import Delay, Network
from hwkit.targets.rtl.rescaled import resized


def assemble(
    network: Network, folds: Sequence[Fold], sizes: Mapping[str, int]
) -> tuple[Netlist, dict[str, str]]:
    """The netlist between the sources and the sinks, and the stream of each tensor.

    ``sizes`` gives the integers of every tensor. FIFOs behind forks have room for a whole tensor,
    a state for two, until ``with_depths`` says what they need.
    """
    net = Netlist()
    pairs = list(zip(network.layers, folds, strict=True))
    readers = Counter(network.read)
    # A tensor that no layer made comes with as many integers a beat as its first reader takes.
    elements = {name: fold.simd for layer, fold in reversed(pairs) for name in layer.inputs}
    branches: dict[str, list[str]] = {}
    taps: dict[str, str] = {}

    def given(wish: str, tensor: str) -> str:
        stream = Stream(sizes[tensor], network.values[tensor].dtype, elements.get(tensor, 1))
        return net.stream(wish, stream)

    def publish(tensor: str, stream: str) -> None:
        count = readers[tensor]
        streams = net.fork(stream, count) if count > 1 else (stream,)
        if count > 1:
            streams = tuple(net.fifo(name, net.streams[name].beats) for name in streams)
        branches[tensor] = list(streams)

    for tensor in network.sources:
        net.sources.append(given(tensor, tensor))
        publish(tensor, net.sources[-1])
    for delay in network.delays:
        taps[delay.tensor] = given(delay.tensor, delay.tensor)
        publish(delay.tensor, taps[delay.tensor])
    for layer, fold in pairs:
        inputs = tuple(net.elements(branches[name].pop(0), fold.simd) for name in layer.inputs)
        made = layer.build(net, inputs, fold)
        made = net.fifo(made, LINK_DEPTH)
        taps[layer.output] = made
        publish(layer.output, made)
    for delay in network.delays:
        _delay(net, delay, branches[delay.update].pop(0), taps[delay.tensor])
    for tensor, dtype in network.sinks:
        net.sinks.append(resized(net, branches[tensor].pop(0), dtype, "sink"))
    return net, taps


def with_depths(net: Netlist, depths: Mapping[str, int]) -> Netlist:
    """The netlist with FIFOs and states of these depths, by the name of the instance; at least a
    link's."""
    instances = [
        replace(i, parameters={**i.parameters, "DEPTH": max(depths[i.name], LINK_DEPTH)})
        if i.name in depths
        else i
        for i in net.instances
    ]
    return replace(net, instances=instances)


def _delay(net: Netlist, delay: Delay, update: str, out: str) -> None:
    """The state whose stream is ``out``, behind what updates it."""
    stream = net.streams[out]
    source = resized(net, net.elements(update, stream.elements), delay.dtype, f"{delay.tensor}_in")
    rows = delay.initial.reshape(-1, stream.elements)
    words = [packed(map(int, row), delay.dtype.bits) for row in rows]
    if len(set(words)) == 1:
        words = words[:1]
    parameters: dict[str, int | str] = {
        "WIDTH": stream.beat_bits,
        "BEATS": stream.beats,
        "DEPTH": 2 * stream.beats,
        "WORDS": len(words),
        "IMAGE": net.image(f"{delay.tensor}_initial", words, stream.beat_bits),
    }
    name = net.fresh(f"{delay.tensor}_state")
    net.instances.append(Instance("hwk_state", name, parameters, (source,), (out,)))
