"""Chooses how far each layer is unfolded (PE, SIMD), with FINN's own estimates as the measure.

A pipeline is as fast as its slowest layer. So one number decides: the cycles that every layer may
take. For each such number each layer takes its cheapest folding; the search finds the smallest
number whose foldings together fit the budget, or takes the one that the wanted frame rate allows.
The result is ``folding_config.json``; delete it to search again, edit it to overrule the search.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, prod
from pathlib import Path
from typing import Any, NoReturn

from finn.builder.build_dataflow_config import DataflowBuildConfig
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames

HERE = Path(__file__).resolve().parent
RESOURCES = ("LUT", "BRAM_18K", "DSP")
MAX_STREAM_BITS = 8191
"""Widest word that Vitis HLS has."""


@dataclass(frozen=True)
class Folding:
    """Attributes by node, the cycles of the slowest of these nodes, what they take of the part."""

    attributes: dict[str, dict[str, int]]
    cycles: int
    resources: tuple[float, ...]

    def price(self, budget: dict[str, int]) -> tuple[float, int]:
        """Shares of the budget added up; among equals the less unfolded is the cheaper."""
        shares = sum(
            used / max(budget[r], 1) for r, used in zip(RESOURCES, self.resources, strict=True)
        )
        return shares, sum(prod(values.values()) for values in self.attributes.values())


def divisors(number: int) -> list[int]:
    """1, .., number: those that divide it."""
    return [d for d in range(1, number + 1) if number % d == 0]


def layers(model: ModelWrapper) -> Iterator[list[NodeProto]]:
    """Nodes that are folded together: a depthwise or pooling layer with its sliding window."""
    for node in model.graph.node:
        window = node.op_type.startswith("ConvolutionInputGenerator")
        if window and getCustomOp(node).get_nodeattr("depthwise"):
            continue  # comes with its reader
        before = model.find_producer(node.input[0])
        if node.op_type.startswith(("VVAU", "Pool")) and before is not None:
            yield [before, node]
        else:
            yield [node]


def options(nodes: list[NodeProto]) -> Iterator[list[dict[str, int]]]:
    """Every way to unfold: the attributes of each of ``nodes``."""
    kind, layer = nodes[-1].op_type, getCustomOp(nodes[-1])
    if kind.startswith("MVAU"):
        for pe in divisors(layer.get_nodeattr("MH")):
            for simd in divisors(layer.get_nodeattr("MW")):
                yield [{"PE": pe, "SIMD": simd}]
    elif kind.startswith("VVAU"):
        channels, places = layer.get_nodeattr("Channels"), prod(layer.get_nodeattr("Kernel"))
        for pe in divisors(channels):
            yield [{"SIMD": pe, "parallel_window": 0}, {"PE": pe, "SIMD": 1}]
        for simd in divisors(places)[1:]:
            window = {"SIMD": channels, "parallel_window": 1}
            yield [window, {"PE": channels, "SIMD": simd}]
    elif kind.startswith("Pool"):
        for pe in divisors(layer.get_nodeattr("Channels")):
            yield [{"SIMD": pe, "parallel_window": 0}, {"PE": pe}]
    elif kind.startswith("ConvolutionInputGenerator"):
        channels = layer.get_nodeattr("IFMChannels")
        for simd in divisors(channels):
            yield [{"SIMD": simd, "parallel_window": 0}]
        yield [{"SIMD": channels, "parallel_window": 1}]
    else:
        names = layer.get_nodeattr_types()
        unfolded = next((name for name in ("PE", "SIMD") if name in names), None)
        if unfolded is not None:
            shapes = layer.get_normal_input_shape(), layer.get_normal_output_shape()
            for value in divisors(gcd(*(int(shape[-1]) for shape in shapes))):
                yield [{unfolded: value}]


def foldings(nodes: list[NodeProto], part: str) -> list[Folding]:
    """Every folding of ``nodes`` that FINN can build, with its estimates."""
    found = []
    instances = [getCustomOp(node) for node in nodes]
    for choice in [*options(nodes)] or [[{} for _ in nodes]]:
        for instance, attributes in zip(instances, choice, strict=True):
            for name, value in attributes.items():
                instance.set_nodeattr(name, value)
        if not all(map(buildable, instances)):
            continue
        estimates = [instance.node_res_estimation(part) for instance in instances]
        found.append(
            Folding(
                {node.name: values for node, values in zip(nodes, choice, strict=True) if values},
                max(int(instance.get_exp_cycles()) for instance in instances),
                tuple(float(sum(e[resource] for e in estimates)) for resource in RESOURCES),
            )
        )
    if not found:
        why = "FINN generates no sliding window of this shape; use a smaller stride or a larger map"
        refuse(why, nodes[0].output[0])
    return found


def buildable(instance: Any) -> bool:
    """Whether FINN generates code for a layer as it is folded now; its sliding windows tell by
    an error of the generator."""
    if (
        max(int(instance.get_instream_width()), int(instance.get_outstream_width()))
        > MAX_STREAM_BITS
    ):
        return False
    if not instance.onnx_node.op_type.startswith("ConvolutionInputGenerator"):
        return True
    try:
        if instance.select_impl_style() == "parallel":
            instance.prepare_codegen_parallel()
        else:
            instance.prepare_codegen_default()
    except (AssertionError, ValueError):
        return False
    return True


class Pipeline:
    """All layers' foldings, and what the part offers."""

    def __init__(self, model: ModelWrapper, part: str, goal: dict[str, Any]) -> None:
        self.layers = [foldings(nodes, part) for nodes in layers(model)]
        self.budget: dict[str, int] = goal["budget"]
        self.share: float = goal["share_of_part"]

    def fastest(self) -> int:
        """Cycles of the slowest layer with everything unfolded."""
        return max(min(f.cycles for f in layer) for layer in self.layers)

    def within(self, cycles: int) -> list[Folding]:
        """Each layer's cheapest folding that takes at most ``cycles``."""
        return [
            min((f for f in layer if f.cycles <= cycles), key=lambda f: f.price(self.budget))
            for layer in self.layers
        ]

    def total(self, chosen: list[Folding]) -> dict[str, float]:
        """What ``chosen`` takes together."""
        return {r: sum(f.resources[k] for f in chosen) for k, r in enumerate(RESOURCES)}

    def missing(self, chosen: list[Folding]) -> str:
        """Which resource does not suffice, "" when all do."""
        over = [
            f"{total:.0f} {resource} of {self.budget[resource]}"
            for resource, total in self.total(chosen).items()
            if total > self.budget[resource]
        ]
        return ", ".join(over)

    def search(self) -> list[Folding]:
        """The foldings of the smallest number of cycles that fits the budget."""
        speeds = sorted({f.cycles for layer in self.layers for f in layer})
        speeds = [cycles for cycles in speeds if cycles >= self.fastest()]
        if shortage := self.missing(self.within(speeds[-1])):
            refuse(
                f"even one product at a time takes {shortage} ({self.share:.0%} of the part, since "
                "estimates leave much out); use a larger part or fewer bits"
            )
        low, high = 0, len(speeds) - 1
        while low < high:
            middle = (low + high) // 2
            if self.missing(self.within(speeds[middle])):
                low = middle + 1
            else:
                high = middle
        return self.within(speeds[high])

    def at_rate(self, frames_per_second: float, clock_hz: float) -> list[Folding]:
        """The cheapest foldings for a rate, or the fastest that fit where it is out of reach."""
        fastest = self.search()
        cycles = int(clock_hz / frames_per_second)
        return self.within(cycles) if cycles >= max(f.cycles for f in fastest) else fastest


def refuse(message: str, tensor: str = "") -> NoReturn:
    """Ends the build with the number that misses, in a file for whoever started it; ``tensor``
    is where, "" for the network as a whole."""
    (HERE / "refusal.json").write_text(json.dumps({"tensor": tensor, "message": message}) + "\n")
    sys.exit(message)


def search(model: ModelWrapper, cfg: DataflowBuildConfig) -> ModelWrapper:
    """FINN build step: writes ``folding_config.json`` unless it holds a folding already."""
    model = model.transform(GiveUniqueNodeNames())
    path = HERE / "folding_config.json"
    if set(json.loads(path.read_text())) != {"Defaults"}:
        return model
    goal = json.loads((HERE / "goal.json").read_text())
    pipeline = Pipeline(model, cfg._resolve_fpga_part(), goal)
    rate, clock_hz = goal["frames_per_second"], 1e9 / cfg.synth_clk_period_ns
    chosen = pipeline.at_rate(rate, clock_hz) if rate else pipeline.search()
    config: dict[str, dict[str, Any]] = {"Defaults": {}}
    for folding in chosen:
        config.update(folding.attributes)
    path.write_text(json.dumps(config, indent=2) + "\n")
    return model
