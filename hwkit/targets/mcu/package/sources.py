"""The sources that all packages share, and the facts that go into their text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hwkit import resources
from hwkit.ir.types import TensorType
from hwkit.target import Lowered
from hwkit.targets.mcu.emit import emit, table_names, weight_bytes
from hwkit.targets.mcu.package.names import identifier, prefix, prefixed
from hwkit.targets.mcu.source import comment

_INCLUDE = re.compile(rb'^#include [<"]([\w.]+)[>"]', re.MULTILINE)
_ROOTS = ("model.c", "model_data.c", "hwk_selftest.c", "hwk_crc32.c")


@dataclass(frozen=True, slots=True)
class Sources:
    """What all packages of one model are made of.

    ``private`` has every C file and header that a build needs, by name alone: they lie in one
    folder. ``public`` has the model's own header and ``hwk.h``, which gives plain names to one
    model. ``facts`` stand between two @ in a template.
    """

    private: Mapping[str, bytes]
    public: Mapping[str, bytes]
    facts: Mapping[str, str]


def sources(lowered: Lowered) -> Sources:
    """The sources of the package of ``lowered``, with names of its own for the linker."""
    made = _firmware_sources(lowered)
    start = prefix(lowered.graph.name, made)
    values = {**_facts(lowered), "PREFIX": start}
    tables = table_names(lowered.graph, lowered.plan)
    private = {name: prefixed(content, start, tables) for name, content in made.items()}
    private["hwk.c"] = fill(prefixed(_template("hwk.c"), start, ()), values)
    public = {
        "hwk.h": fill(_template("hwk.h"), values),
        f"hwk_{values['ID']}_model.h": fill(_template("hwk_model.h"), values),
    }
    return Sources(dict(sorted(private.items())), public, values)


def _firmware_sources(lowered: Lowered) -> dict[str, bytes]:
    """Model and runtime as a firmware has them."""
    plan = emit(lowered).files
    here = {
        name.rsplit("/", 1)[-1]: content
        for name, content in plan.items()
        # A library is built where a C library is; its headers must not be hidden.
        if "/freestanding/" not in name
    }
    files: dict[str, bytes] = {}
    wanted = [*_ROOTS, *_included(_template("hwk.c"))]
    while wanted:
        name = wanted.pop()
        if name in here and name not in files:
            files[name] = here[name]
            wanted += _included(here[name])
    return files


def _included(content: bytes) -> list[str]:
    return [name.decode() for name in _INCLUDE.findall(content)]


def _facts(lowered: Lowered) -> dict[str, str]:
    graph = lowered.graph
    upper = identifier(graph.name).upper()
    source, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    return {
        "MODEL": comment(graph.name),
        "ID": identifier(graph.name),
        "UPPER": upper,
        "ARENA_BYTES": str(lowered.plan.memory.arena_bytes),
        "WEIGHT_BYTES": str(weight_bytes(lowered.graph, lowered.plan)),
        "INPUT_SHAPE": _shape(source),
        "INPUT_ELEMENTS": str(source.elements),
        "INPUT_LOW": str(source.dtype.low),
        "INPUT_HIGH": str(source.dtype.high),
        "INPUT_QUANTIZATION": _quantization(source, f"{upper}_INPUT"),
        "OUTPUT_SHAPE": _shape(output),
        "OUTPUT_ELEMENTS": str(output.elements),
        "OUTPUT_QUANTIZATION": _quantization(output, f"{upper}_OUTPUT"),
        "PLAIN_QUANTIZATION": _plain(source, upper, "INPUT") + _plain(output, upper, "OUTPUT"),
        "OUTPUT_TYPE": "int8_t" if output.dtype.bits <= 8 else "int32_t",
    }


def filled(template: str, values: Mapping[str, str]) -> bytes:
    """A file of ``firmware/template`` with every @NAME@ replaced."""
    return fill(_template(template), values)


def fill(template: bytes, values: Mapping[str, str]) -> bytes:
    """``template`` with every @NAME@ replaced."""
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template.decode()).encode()


def _template(name: str) -> bytes:
    return (resources.folder("firmware") / "template" / name).read_bytes()


def _shape(tensor: TensorType) -> str:
    return " x ".join(str(n) for n in tensor.shape) or "1"


def _quantization(tensor: TensorType, name: str) -> str:
    """Scale and zero point as macros, where the tensor has one of each."""
    known = tensor.quantization
    if known is None or not _stated(tensor):
        return ""
    scale = f"{known.scale[0]:.9g}"
    if not re.search(r"[.e]", scale):
        scale += ".0"
    return (
        f"#define HWK_{name}_SCALE {scale}f\n#define HWK_{name}_ZERO_POINT ({known.zero_point})\n"
    )


def _stated(tensor: TensorType) -> bool:
    return tensor.quantization is not None and len(tensor.quantization.scale) == 1


def _plain(tensor: TensorType, upper: str, name: str) -> str:
    """The plain names of the same macros."""
    if not _stated(tensor):
        return ""
    macros = (f"{name}_SCALE", f"{name}_ZERO_POINT")
    return "".join(f"#define HWK_{macro} HWK_{upper}_{macro}\n" for macro in macros)
