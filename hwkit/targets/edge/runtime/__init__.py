"""The runtimes that edge boards name: each is one file here, ``<name>.py``, and its ``RUNTIME``.

The process in which models run reads these files too, with whatever Python a runtime needs: they
import numpy and each other, and a runtime's package only when a model is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class Refused(Exception):
    """The runtime says no: one line of what it said."""


class Model(Protocol):
    """A model in its runtime, in its initial state."""

    def feed(self, samples: Sequence[Array]) -> None:
        """Sets the inputs, one sample each, in the file's order."""

    def invoke(self) -> None:
        """Runs the model once."""

    def outputs(self) -> list[Array]:
        """Copies of all outputs, in the file's order and shapes."""

    def facts(self) -> dict[str, Any]:
        """What the runtime says of the model, each under a name that ``Loaded.facts`` lists."""


class Products(Enum):
    """How weighted sums, sums and products of int8 are brought to the scale of the output."""

    XNNPACK = "one float32 product, rounded half to even; an add in 21-bit fixed point, half up"
    DOUBLE = "a 31-bit multiplier, rounded twice: half up, then half away from zero"
    RUY = "the same, where weighted sums of convolutions and dense layers round half up twice"
    RUY_EIGHTS = "the same, and depthwise layers where channels are computed by eights"


class Sixteen(Enum):
    """How 16-bit activations are computed; see ``sixteen.py``."""

    TFLM = "dense layers as convolutions; its LOGISTIC and TANH are the graph's tables"
    LITERT = "dense layers by the real product, some scales in float32; tables are read"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """In what runtimes' integers differ; what they share is in ``arithmetic.py``.

    ``float_softmax``: the softmax adds exponentials in float32, not in fixed point.
    ``native_rescales``: QUANTIZE, RELU and MEAN round twice, from the scales that the file states.
    ``sixteen``: None where nothing is known of 16-bit activations, and they are refused.
    """

    products: Products
    float_softmax: bool
    native_rescales: bool
    sixteen: Sixteen | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime: what it is called and installed as, how it computes, and how a model is opened.

    ``open`` takes the file's bytes, the threads and the number of outputs, and gives the model in
    its initial state: ``RuntimeError``, ``ValueError`` or ``Refused`` where the runtime refuses it.
    ``environment`` names the tool of ``toolchain.environments`` that it lives in, "" where it is
    installed beside hwkit. ``arithmetic`` is None for one that runs files and that nothing is
    lowered for. ``times_layers``: a layer alone takes there the time that it takes in the model.
    ``fuses_pads``: a PAD is no work of its own there, but a border of the convolution behind it.
    ``packages`` are the kinds of project that it gives. ``exact``: its integers are those of the
    graph that is lowered for it; else they are near, as far as ``hwkit verify`` measures.
    """

    title: str
    package: str
    open: Callable[[bytes, int, int], Model]
    arithmetic: Arithmetic | None = None
    environment: str = ""
    times_layers: bool = True
    fuses_pads: bool = False
    packages: tuple[str, ...] = ()
    exact: bool = True


@cache
def names() -> tuple[str, ...]:
    """Every runtime's name, sorted; a file whose name starts with an underscore is none."""
    return tuple(sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_")))


def get(name: str) -> Runtime:
    """The runtime called ``name``; ``KeyError`` where none is."""
    module = f"{__name__}.{name}"
    try:
        runtime: Runtime = import_module(module).RUNTIME
    except (ModuleNotFoundError, AttributeError) as error:
        raise KeyError(name) from error
    return runtime
