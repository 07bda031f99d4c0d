"""The sources that all packages share, and the facts that go into their text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hwkit import resources
from hwkit.ir.types import TensorType
from hwkit.target import Lowered
from hwkit.targets.mcu.emit import emit, weight_bytes
from hwkit.targets.mcu.source import comment

HEADER = "hwk.h"
_INCLUDE = re.compile(rb'^#include [<"]([\w.]+)[>"]', re.MULTILINE)
_ROOTS = ("model.c", "model_data.c", "hwk_selftest.c", "hwk_crc32.c")
_LONGEST_ID = 40


def sources(lowered: Lowered) -> dict[str, bytes]:
    """Every C file and private header that a build needs, by name alone: they lie in one folder.

    ``HEADER``, the public one, is apart.
    """
    plan = emit(lowered).files
    here = {
        name.rsplit("/", 1)[-1]: content
        for name, content in plan.items()
        # A library is built where a C library is; its headers must not be hidden.
        if "/freestanding/" not in name
    }
    files = {"hwk.c": _template("hwk.c")}
    wanted = [*_ROOTS, *_included(files["hwk.c"])]
    while wanted:
        name = wanted.pop()
        if name in here and name not in files:
            files[name] = here[name]
            wanted += _included(here[name])
    return dict(sorted(files.items()))


def _included(content: bytes) -> list[str]:
    return [name.decode() for name in _INCLUDE.findall(content)]


def header(lowered: Lowered) -> bytes:
    """The public header."""
    return fill("hwk.h", facts(lowered))


def facts(lowered: Lowered) -> dict[str, str]:
    """What stands between two @ in a template."""
    graph = lowered.graph
    source, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    return {
        "MODEL": comment(graph.name),
        "ID": identifier(graph.name),
        "UPPER": identifier(graph.name).upper(),
        "ARENA_BYTES": str(lowered.plan.memory.arena_bytes),
        "WEIGHT_BYTES": str(weight_bytes(lowered.plan)),
        "INPUT_SHAPE": _shape(source),
        "INPUT_ELEMENTS": str(source.elements),
        "INPUT_LOW": str(source.dtype.low),
        "INPUT_HIGH": str(source.dtype.high),
        "INPUT_QUANTIZATION": _quantization(source, "INPUT"),
        "OUTPUT_SHAPE": _shape(output),
        "OUTPUT_ELEMENTS": str(output.elements),
        "OUTPUT_QUANTIZATION": _quantization(output, "OUTPUT"),
        "OUTPUT_TYPE": "int8_t" if output.dtype.bits <= 8 else "int32_t",
    }


def identifier(name: str) -> str:
    """``name`` as part of a C identifier. Example: ``net-v2.1`` gives ``net_v2_1``."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)[:_LONGEST_ID].lower() or "model"


def fill(template: str, values: Mapping[str, str]) -> bytes:
    """A file of ``firmware/template`` with every @NAME@ replaced."""
    text = _template(template).decode()
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text).encode()


def _template(name: str) -> bytes:
    return (resources.folder("firmware") / "template" / name).read_bytes()


def _shape(tensor: TensorType) -> str:
    return " x ".join(str(n) for n in tensor.shape) or "1"


def _quantization(tensor: TensorType, name: str) -> str:
    """Scale and zero point as macros, where the tensor has one of each."""
    known = tensor.quantization
    if known is None or len(known.scale) != 1:
        return ""
    scale = f"{known.scale[0]:.9g}"
    if not re.search(r"[.e]", scale):
        scale += ".0"
    return (
        f"#define HWK_{name}_SCALE {scale}f\n#define HWK_{name}_ZERO_POINT ({known.zero_point})\n"
    )
