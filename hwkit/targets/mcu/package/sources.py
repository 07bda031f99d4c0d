"""The sources that all packages share, and the facts that go into their text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwkit import resources
from hwkit.ir.graph import Graph
from hwkit.ir.types import TensorType
from hwkit.target import Lowered
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.emit import emit, table_names, weight_bytes
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.package.names import identifier, prefix, prefixed
from hwkit.targets.mcu.source import comment

_INCLUDE = re.compile(rb'^#include [<"]([\w.]+)[>"]', re.MULTILINE)
_FASTER = b"""\
/* Arduino compiles for size, which halves the speed, and a library has no options of its own. */
#if defined(ARDUINO) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif
"""
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


def sources(lowered: Lowered[McuPlan]) -> Sources:
    """The sources of the package of ``lowered``, with names of its own for the linker."""
    made = _firmware_sources(lowered)
    start = prefix(lowered.graph.name, made)
    values = {**_facts(lowered), "PREFIX": start}
    tables = table_names(lowered.graph, lowered.plan)
    private = {name: prefixed(content, start, tables) for name, content in made.items()}
    private["model.c"] = private["model.c"].replace(b"*/\n", b"*/\n" + _FASTER, 1)
    private["hwk.c"] = fill(prefixed(_template("hwk.c"), start, ()), values)
    public = {
        "hwk_numbers.h": _template("hwk_numbers.h"),
        "hwk.h": fill(_template("hwk.h"), values),
        f"hwk_{values['ID']}_model.h": fill(_template("hwk_model.h"), values),
    }
    return Sources(dict(sorted(private.items())), public, values)


def _firmware_sources(lowered: Lowered[McuPlan]) -> dict[str, bytes]:
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


def _facts(lowered: Lowered[McuPlan]) -> dict[str, str]:
    graph = lowered.graph
    upper = identifier(graph.name).upper()
    tensors = [
        *((f"INPUT{k or ''}", name) for k, name in enumerate(graph.inputs)),
        *((f"OUTPUT{k or ''}", name) for k, name in enumerate(graph.outputs)),
    ]
    stated = {
        what: _stated(graph.tensors[name]) | _numbers(graph, name, f"HWK_{upper}_{what}")
        for what, name in tensors
    }
    counts = {"INPUTS": len(graph.inputs), "OUTPUTS": len(graph.outputs)}
    counts["STATES"] = len(graph.states)
    macros = [*counts, *(f"{what}_{fact}" for what, facts in stated.items() for fact in facts)]
    return {
        "MODEL": comment(graph.name),
        "ID": identifier(graph.name),
        "UPPER": upper,
        "ARENA_BYTES": str(lowered.plan.memory.arena_bytes),
        "RAM_KIB": str(8 + lowered.plan.memory.arena_bytes // 1024),
        "FLASH_KIB": str(64 + weight_bytes(lowered.graph, lowered.plan) // 1024),
        "WEIGHT_BYTES": str(weight_bytes(lowered.graph, lowered.plan)),
        **{what: str(count) for what, count in counts.items()},
        "FACTS": "".join(
            _described(f"HWK_{upper}_{what}", name, graph.tensors[name], stated[what])
            for what, name in tensors
        ),
        "PLAIN_FACTS": "".join(f"#define HWK_{m} HWK_{upper}_{m}\n" for m in macros),
        "INTEGER_BYTES": str(STORED.of(graph.tensors[graph.inputs[0]].dtype).bits // 8),
        "INPUT_TYPE": _type(graph, graph.inputs),
        "OUTPUT_TYPE": _type(graph, graph.outputs),
    }


def _type(graph: Graph, names: Sequence[str]) -> str:
    """The C type of all these tensors' integers, ``void`` where they have not all one."""
    types = {f"int{STORED.of(graph.tensors[name].dtype).bits}_t" for name in names}
    return types.pop() if len(types) == 1 else "void"


def filled(template: str, values: Mapping[str, str]) -> bytes:
    """A file of ``firmware/template`` with every @NAME@ replaced."""
    return fill(_template(template), values)


def fill(template: bytes, values: Mapping[str, str]) -> bytes:
    """``template`` with every @NAME@ replaced."""
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template.decode()).encode()


def _template(name: str) -> bytes:
    return (resources.folder("firmware") / "template" / name).read_bytes()


def _described(start: str, name: str, tensor: TensorType, facts: Mapping[str, str]) -> str:
    """A comment and a macro for each fact."""
    shape = " x ".join(str(n) for n in tensor.shape) or "1"
    lines = [
        f"/* {comment(name)}",
        f" * One sample, last axis fastest: {shape}, integers from .._LOW to .._HIGH. */",
    ]
    lines += [f"#define {start}_{name} {value}" for name, value in facts.items()]
    return "\n".join([*lines, "", ""])


def _stated(tensor: TensorType) -> dict[str, str]:
    """What the header says of a tensor; scale and zero point where it has one of each."""
    facts = {
        "ELEMENTS": str(tensor.elements),
        "LOW": f"({_literal(tensor.dtype.low)})",
        "HIGH": f"({tensor.dtype.high})",
    }
    known = tensor.quantization
    if known is not None and len(known.scale) == 1:
        scale = f"{known.scale[0]:.9g}"
        if not re.search(r"[.e]", scale):
            scale += ".0"
        facts |= {"SCALE": f"{scale}f", "ZERO_POINT": f"({known.zero_point})"}
    return facts


def _numbers(graph: Graph, name: str, macro: str) -> dict[str, str]:
    """Macros from real numbers to the integers of an input, and from an output's back, where it has
    one scale; and which integer of an output is the largest. They call ``hwk_numbers.h``."""
    known = graph.tensors[name].quantization
    scaled = known is not None and len(known.scale) == 1
    if name in graph.inputs:
        facts = (f"{macro}_{fact}" for fact in ("SCALE", "ZERO_POINT", "LOW", "HIGH"))
        return {"INTEGER(real)": f"hwk_quantize((real), {', '.join(facts)})"} if scaled else {}
    bits = STORED.of(graph.tensors[name].dtype).bits
    read = f"hwk_{identifier(graph.name)}_output({graph.outputs.index(name)})"
    largest = f"hwk_argmax_s{bits}((const int{bits}_t *){read}, {macro}_ELEMENTS)"
    back = f"hwk_dequantize((integer), {macro}_SCALE, {macro}_ZERO_POINT)"
    return ({"REAL(integer)": back} if scaled else {}) | {"ARGMAX()": largest}


def _literal(value: int) -> str:
    """-2**31 has no literal of type int."""
    return "-2147483647 - 1" if value == -(1 << 31) else str(value)
