"""The networks of MLPerf Tiny: what a sample is, what an answer is, what counts as good.

Source: repository mlcommons/tiny (v1.4), ``benchmark/evaluation/datasets/README.md`` for samples,
``benchmark/MLPerfTiny_Rules.adoc`` for closed-division targets, ``tools/submission`` for names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph

Samples = Literal["pixels", "features", "reals"]
"""``pixels`` unsigned bytes, ``features`` the model's own signed bytes, ``reals`` 32-bit floats."""

Results = Literal["probabilities", "scores", "distance"]
"""Of the outputs: their real values; integers that keep the order, of a network without softmax;
or the mean square between output and input, of an autoencoder."""


@dataclass(frozen=True, slots=True)
class Network:
    """A benchmark: ``name`` is what the device calls itself, ``folder`` where results lie,
    ``quality`` the closed division's target, of accuracy in percent or of the area under the
    curve."""

    name: str
    folder: str
    title: str
    samples: Samples
    elements: int
    outputs: int
    quality: tuple[Literal["top-1", "auc"], float] | None

    @property
    def sample_bytes(self) -> int:
        """Of a sample as the runner sends it."""
        return self.elements * (4 if self.samples == "reals" else 1)

    @property
    def dataset(self) -> str:
        """The data set, and the folder that the runner looks for it in."""
        return "ic01" if self.name == "ic02" else self.name

    @property
    def autoencodes(self) -> bool:
        """Whether the answer is how far the output is from the input."""
        return self.samples == "reals"


NETWORKS: Mapping[str, Network] = {
    network.name: network
    for network in (
        Network("ic01", "ic", "image classification", "pixels", 3072, 10, ("top-1", 85.0)),
        Network("ic02", "ic2", "image classification, large", "pixels", 3072, 10, ("top-1", 91.0)),
        Network("kws01", "kws", "keyword spotting", "features", 490, 12, ("top-1", 90.0)),
        Network("vww01", "vww", "visual wake words", "pixels", 27648, 2, ("top-1", 80.0)),
        Network("ad01", "ad", "anomaly detection", "reals", 640, 640, ("auc", 0.85)),
        Network("sww01", "sww", "streaming wake word", "features", 1200, 3, None),
    )
}


def network_of(graph: Graph, name: str | None = None) -> Network:
    """The benchmark that ``graph`` computes: the one called ``name``, or the first whose sizes it
    has (``ic01`` before ``ic02``, which has the same).

    ``ConfigError`` for a graph of other sizes, of several inputs or outputs, with states, or whose
    input has not 8 bits. Example: a graph from 3072 pixels to 10 outputs is ``ic01``.
    """
    if name is not None and name not in NETWORKS:
        raise ConfigError(f"network {name!r}: MLPerf Tiny has {', '.join(NETWORKS)}")
    wanted = NETWORKS.values() if name is None else [NETWORKS[name]]
    reasons = [(network, _unlike(graph, network)) for network in wanted]
    for network, unlike in reasons:
        if not unlike:
            return network
    if name is not None:
        raise ConfigError(f"{graph.name}: not {name}: {reasons[0][1]}")
    raise ConfigError(
        f"{graph.name}: no network of MLPerf Tiny has its sizes; they are "
        + "; ".join(f"{n.name} {n.elements} to {n.outputs}" for n in NETWORKS.values())
    )


def _unlike(graph: Graph, network: Network) -> str:
    """How ``graph`` differs from what the benchmark asks of a network, "" if it does not."""
    return next(_differences(graph, network), "")


def _differences(graph: Graph, network: Network) -> Iterator[str]:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.states:
        yield "the runner takes one input, one output and no states"
        return
    source, result = (graph.tensors[name] for name in (*graph.inputs, *graph.outputs))
    if source.elements != network.elements or result.elements != network.outputs:
        yield (
            f"it takes {source.elements} integers to {result.elements}, not {network.elements} to "
            f"{network.outputs}"
        )
    if source.dtype.bits != 8:
        yield f"its input has {source.dtype.bits} bits, the runner's samples 8"
    if network.autoencodes and not all(
        tensor.quantization is not None and len(tensor.quantization.scale) == 1
        for tensor in (source, result)
    ):
        yield "the scale of its input or output is not known, without which no distance is"
    if network.autoencodes and result.dtype.bits > 16:
        yield f"its output has {result.dtype.bits} bits, of which floats lose some; 16 at most"


def results_of(graph: Graph, network: Network) -> Results:
    """What the device tells of its outputs."""
    if network.autoencodes:
        return "distance"
    tensor = graph.tensors[graph.outputs[0]]
    known = tensor.quantization
    positive = known is not None and len(known.scale) == 1 and tensor.dtype.low >= known.zero_point
    return "probabilities" if positive and tensor.dtype.bits <= 16 else "scores"
