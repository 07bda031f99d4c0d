"""When each beat of a netlist moves: the cycles of an inference, known before any simulation.

Every stream has a time for each of its beats. What a module does is inequalities between those
times: an output cannot come before the inputs that it needs, an input cannot be taken before there
is room for it, and a port moves one beat a cycle. The hardware takes the earliest times that meet
them all: the least fixed point, found here by going through the modules forwards (what data
allow) and backwards (what room allows) until nothing changes. This is max-plus algebra, as for
timed event graphs (Baccelli, Cohen, Olsder, Quadrat, 1992), over whole arrays of beats.

That the times settle proves more: no beat waits for itself, by whatever way of data and room. So
none waits forever when beats come or are taken late, each stream at its own pace: that decides when
a beat moves, never whether.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hwkit.errors import BudgetInfeasible
from hwkit.ir.types import Array
from hwkit.targets.rtl.netlist import Instance, Netlist
from hwkit.targets.rtl.softmax import KINDS, RECIPROCAL_CYCLES
from hwkit.targets.rtl.softmax import PRODUCT_CYCLES as SOFTMAX_CYCLES
from hwkit.targets.rtl.timing_gather import Gathers
from hwkit.targets.rtl.timing_window import Patches, Windows

SHALLOW = 16
"""Largest depth of a FIFO in registers, as in ``hwk_fifo``."""

INFERENCES = 5
FEWER_INFERENCES = 3
"""Followed through a core, and one more for each state: from the third on they are alike in all
that was ever tried, and a state passes on the first ones."""

FEW_BEATS = 1_000_000
MOST_BEATS = 12_000_000
"""Beats of an inference on all streams together; 12 million take about a gigabyte."""

MATRIX_CYCLES = 4
RESCALE_CYCLES = 4
THRESHOLD_CYCLES = 2
PRODUCT_CYCLES = 2
_MOST_ROUNDS = 10_000


@dataclass(frozen=True, slots=True)
class Timing:
    """``interval_cycles`` between inferences that follow each other without a pause,
    ``latency_cycles`` of the first one; ``occupancy`` the most beats in each FIFO and state, by the
    name of its instance."""

    interval_cycles: int
    latency_cycles: int
    occupancy: Mapping[str, int]


def timing(net: Netlist, part: str) -> Timing:
    """The times of a few inferences that enter as fast as the core takes them.

    ``BudgetInfeasible`` for a folding (on ``part``) too slow to be followed beat by beat.
    Example: a rescale of 16 beats has an interval of 16 cycles and a latency of 19.
    """
    beats = sum(stream.beats for stream in net.streams.values())
    if beats > MOST_BEATS:
        raise BudgetInfeasible(
            f"{part}: only foldings fit that move {beats} beats an inference, above {MOST_BEATS}; "
            "choose a larger part or a smaller network"
        )
    states = sum(instance.module == "hwk_state" for instance in net.instances)
    flow = _Flow(net, states + (INFERENCES if beats <= FEW_BEATS else FEWER_INFERENCES))
    flow.settle()
    occupancy = {
        instance.name: flow.held(instance)
        for instance in net.instances
        if instance.module in ("hwk_fifo", "hwk_state")
    }
    ends = [
        flow.taken[name][net.streams[name].beats - 1 :: net.streams[name].beats]
        for name in net.sinks
    ]
    longest = max(net.streams[name].beats for name in net.sources)
    interval = max(longest, *(int(end[-1] - end[-2]) for end in ends))
    begin = min(flow.taken[name][0] for name in net.sources)
    return Timing(interval, int(max(end[0] for end in ends) - begin), occupancy)


class _Flow:
    """``offered``: from when a beat is valid; ``taken``: when it moves; ``room``: from when its
    reader could take it."""

    def __init__(self, net: Netlist, inferences: int) -> None:
        self.net = net
        sizes = {name: stream.beats * inferences for name, stream in net.streams.items()}
        self.offered = {name: np.zeros(size, np.int32) for name, size in sizes.items()}
        self.room = {name: np.zeros(size, np.int32) for name, size in sizes.items()}
        self.taken = {name: np.arange(size, dtype=np.int32) for name, size in sizes.items()}
        self.readers: dict[str, Windows | Patches | Gathers] = {}
        for instance in net.instances:
            if instance.module == "hwk_window":
                self.readers[instance.name] = Windows(instance.parameters, inferences)
            elif instance.module == "hwk_patch":
                self.readers[instance.name] = Patches(instance.parameters, inferences)
            elif instance.module == "hwk_gather":
                self.readers[instance.name] = Gathers(instance.parameters, net.images, inferences)

    def settle(self) -> None:
        """Forwards and backwards until no time changes."""
        for _ in range(_MOST_ROUNDS):
            before = {name: times.copy() for name, times in self.taken.items()}
            for instance in self.net.instances:
                for name in instance.inputs:
                    self.move(name)
                self.forward(instance)
            for name in self.taken:
                self.move(name)
            for instance in reversed(self.net.instances):
                self.backward(instance)
                for name in instance.inputs:
                    self.move(name)
            if all(np.array_equal(before[name], times) for name, times in self.taken.items()):
                return
        raise AssertionError("the times of a core without a deadlock settle")

    def move(self, name: str) -> None:
        """Takes each beat of a stream as soon as both sides and the beat before it allow."""
        earliest = np.maximum(self.offered[name], self.room[name])
        self.taken[name] = _one_a_cycle(np.maximum(earliest, self.taken[name]))

    def offer(self, name: str, times: Array, first: int = 0) -> None:
        """Beat ``first + k`` is valid from ``times[k]`` on."""
        offered = self.offered[name][first : first + len(times)]
        np.maximum(offered, times[: len(offered)], out=offered)

    def make_room(self, name: str, times: Array, first: int) -> None:
        """Beat ``first + k`` can be taken from ``times[k]`` on."""
        room = self.room[name]
        count = min(len(times), len(room) - first)
        if count > 0:
            part = room[first : first + count]
            np.maximum(part, times[:count], out=part)

    def forward(self, instance: Instance) -> None:
        """What data allow: when the outputs are offered."""
        p = instance.parameters
        taken = [self.taken[name] for name in instance.inputs]
        out = instance.outputs[0]
        match instance.module:
            case "hwk_fifo":
                self.offer(out, taken[0] + _fifo_cycles(p))
            case "hwk_state":
                self.offer(out, np.arange(1, _int(p, "BEATS") + 1, dtype=np.int32))
                self.offer(out, taken[0] + _fifo_cycles(p), _int(p, "BEATS"))
            case "hwk_fork":
                # No reader sees a beat before all have taken the one in front of it.
                offered = self.offered[instance.inputs[0]].copy()
                offered[1:] = np.maximum(offered[1:], taken[0][:-1] + 1)
                for name in instance.outputs:
                    self.offer(name, offered)
            case "hwk_widen":
                self.offer(out, taken[0][_int(p, "RATIO") - 1 :: _int(p, "RATIO")] + 1)
            case "hwk_argmax":
                self.offer(out, taken[0][_int(p, "BEATS") - 1 :: _int(p, "BEATS")] + 1)
            case "hwk_narrow":
                self.offer(out, np.repeat(taken[0] + 1, _int(p, "RATIO")))
            case "hwk_matrix":
                self.offer(out, taken[0][_int(p, "FOLDS") - 1 :: _int(p, "FOLDS")] + MATRIX_CYCLES)
            case "hwk_rescale":
                self.offer(out, taken[0] + RESCALE_CYCLES)
            case "hwk_threshold":
                self.offer(out, taken[0] + THRESHOLD_CYCLES)
            case "hwk_lookup":
                self.offer(out, taken[0] + 1)
            case "hwk_sum" | "hwk_choose":
                self.offer(out, np.maximum.reduce(taken) + 1)
            case "hwk_mul":
                self.offer(out, np.maximum.reduce(taken) + PRODUCT_CYCLES)
            case "hwk_constant":
                self.offer(out, np.ones(1, np.int32))
            case "hwk_join":
                self.offer(out, self.joined(instance, taken) + 1)
            case "hwk_softmax":
                self.offer(out, _products(p, taken[0], self.taken[out]))
            case "hwk_resize":
                self.offer(out, self.offered[instance.inputs[0]])
            case "hwk_window" | "hwk_patch" | "hwk_gather":
                reader = self.readers[instance.name]
                self.offer(out, reader.read(taken[0], self.taken[out]) + 1)
            case module:
                raise AssertionError(module)

    def backward(self, instance: Instance) -> None:
        """What room allows: when the inputs can be taken."""
        p = instance.parameters
        if not instance.inputs:
            return
        source, taken = instance.inputs[0], self.taken[instance.outputs[0]]
        match instance.module:
            case "hwk_fifo":
                self.make_room(source, taken + 1, _fifo_beats(p))
            case "hwk_state":
                self.make_room(source, taken[_int(p, "BEATS") :] + 1, _fifo_beats(p))
            case "hwk_fork":
                for name in instance.outputs:
                    self.make_room(source, self.taken[name], 0)
            case "hwk_widen":
                self.make_room(source, np.repeat(taken, _int(p, "RATIO")), _int(p, "RATIO"))
            case "hwk_argmax":
                self.make_room(source, np.repeat(taken, _int(p, "BEATS")), _int(p, "BEATS"))
            case "hwk_narrow":
                ratio = _int(p, "RATIO")
                self.make_room(source, taken[ratio - 1 :: ratio], 1)
            case "hwk_matrix":
                folds = _int(p, "FOLDS")
                self.make_room(source, np.repeat(taken, folds), folds - 1 + MATRIX_CYCLES)
            case "hwk_rescale":
                self.make_room(source, taken, RESCALE_CYCLES)
            case "hwk_threshold":
                self.make_room(source, taken, THRESHOLD_CYCLES)
            case "hwk_lookup":
                self.make_room(source, taken, 1)
            case "hwk_sum" | "hwk_choose":
                self.together(instance.inputs, taken, 1)
            case "hwk_mul":
                self.together(instance.inputs, taken, PRODUCT_CYCLES)
            case "hwk_join":
                self.take_turns(instance, taken)
            case "hwk_softmax":
                length = _int(p, "LENGTH")
                self.make_room(source, np.repeat(taken[length - 1 :: length] + 1, length), length)
            case "hwk_resize":
                self.make_room(source, taken, 0)
            case "hwk_window" | "hwk_patch" | "hwk_gather":
                self.make_room(source, self.readers[instance.name].writable, 0)

    def together(self, inputs: tuple[str, ...], taken: Array, stages: int) -> None:
        """Each input moves with all others; ``stages`` beats are on their way to the output."""
        for name in inputs:
            for other in inputs:
                if other != name:
                    self.make_room(name, self.offered[other], 0)
                    self.make_room(name, self.taken[other], 0)
            self.make_room(name, taken, stages)

    def joined(self, join: Instance, times: Sequence[Array]) -> Array:
        """``times`` of each input's beats in the order in which they leave."""
        result = np.zeros(sum(map(len, times)), np.int32)
        for places, each in zip(self.turns(join), times, strict=True):
            result[places] = each
        return result

    def turns(self, join: Instance) -> list[Array]:
        """For each input the places of its beats in the output."""
        field = _int(join.parameters, "BITS")
        packed = int(str(join.parameters["TURNS"]).partition("'h")[2], 16)
        turns = [
            packed >> k * field & ((1 << field) - 1) for k in range(_int(join.parameters, "COUNT"))
        ]
        whole = np.arange(len(self.taken[join.outputs[0]]), dtype=np.int32).reshape(-1, sum(turns))
        begins = np.cumsum([0, *turns])
        return [whole[:, begin:end].reshape(-1) for begin, end in pairwise(begins)]

    def take_turns(self, join: Instance, taken: Array) -> None:
        """An input's beat is taken behind the one in front of it, of whatever input, once that has
        left."""
        before = self.joined(join, [self.taken[name] for name in join.inputs])
        earliest = np.zeros(len(before), np.int32)
        earliest[1:] = np.maximum(before[:-1] + 1, taken[:-1])
        for name, places in zip(join.inputs, self.turns(join), strict=True):
            self.make_room(name, earliest[places], 0)

    def held(self, fifo: Instance) -> int:
        """The most beats that came into a FIFO or state and did not leave, at a time."""
        came, left = self.taken[fifo.inputs[0]], self.taken[fifo.outputs[0]]
        if fifo.module == "hwk_state":
            left = left[_int(fifo.parameters, "BEATS") :]
        # Beat k is there with all that came up to its cycle and have not left before it: room is
        # made in the cycle after.
        gone = np.searchsorted(left, came, side="left")
        return int((np.arange(1, len(came) + 1) - gone).max())


def _fifo_cycles(p: Mapping[str, int | str]) -> int:
    """From a beat's coming to its being offered."""
    return 1 if _int(p, "DEPTH") <= SHALLOW else 2


def _fifo_beats(p: Mapping[str, int | str]) -> int:
    """Room of a FIFO; a deep one has an output register behind its memory."""
    depth = _int(p, "DEPTH")
    return depth if depth <= SHALLOW else depth + 1


def _products(p: Mapping[str, int | str], came: Array, left: Array) -> Array:
    """When a softmax offers its outputs: the first of a row after its reciprocal, the others a
    product after the one in front of them has left."""
    length = _int(p, "LENGTH")
    first = came[length - 1 :: length] + length + RECIPROCAL_CYCLES[KINDS[_int(p, "KIND")]]
    rows = left.reshape(-1, length)
    earliest = np.concatenate([first[:, None], rows[:, :-1] + SOFTMAX_CYCLES], axis=1)
    steps = np.arange(length, dtype=np.int32) * SOFTMAX_CYCLES
    offered: Array = np.maximum.accumulate(earliest - steps, axis=1) + steps
    return offered.reshape(-1)


def _one_a_cycle(times: Array) -> Array:
    """The earliest strictly rising times that are not below ``times``."""
    order = np.arange(len(times), dtype=np.int32)
    rising: Array = np.maximum.accumulate(times - order) + order
    return rising


def _int(parameters: Mapping[str, int | str], name: str) -> int:
    value = parameters[name]
    assert isinstance(value, int)
    return value
