"""From a lowered graph to the sources of its firmware: pure and deterministic.

``model_data.c/.h`` hold the tables, ``model.c`` one function a layer over a static const
descriptor (so the compiler specialises each kernel call) and what ``hwk_model.h`` asks for. The
kernels, headers, runtime and platform that the build needs lie beside them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from hwkit import resources
from hwkit.ir import serialize
from hwkit.ir.graph import Graph, State
from hwkit.ir.interpret import run
from hwkit.ir.types import Array, IntType, TensorType
from hwkit.lower.schedule import scratch_name
from hwkit.target import BuildPlan, Lowered
from hwkit.targets.mcu.arenas import declarations, moves, pointer
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.emit_packed import includes, packed_arguments, packed_lines
from hwkit.targets.mcu.emit_stage import (
    ALL_MARKS,
    part_tables,
    run_of,
    stage_functions,
    tiled_layer,
)
from hwkit.targets.mcu.emit_stream import stream_functions, streaming
from hwkit.targets.mcu.forms import is_whole
from hwkit.targets.mcu.identity import build_flag
from hwkit.targets.mcu.kernels import Kernel, root
from hwkit.targets.mcu.lower import Layer, McuPlan, section, tensor_bytes
from hwkit.targets.mcu.makefile import build_files
from hwkit.targets.mcu.sharing import Shared, shared
from hwkit.targets.mcu.source import (
    comment,
    constant,
    initializer,
    layer_symbol,
    table_declaration,
    table_definition,
)
from hwkit.targets.mcu.structs import Table, tables
from hwkit.toolchain.firmware import platform_files
from hwkit.toolchain.linker_script import linker_script

_SELFTEST_SEED = 0x12345678
_STATE_STEPS = 4
"""Inferences of the self-test of a model with states."""

_DATA_HEADER = """\
/* Constant tables of the model. Generated. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include <stdint.h>

{declarations}

#endif
"""

_DATA = """\
/* Constant tables of the model. Generated. */
#include "model_data.h"

{definitions}"""

_MODEL = """\
/* Layers of model {name}. Generated. */
#include <stddef.h>
{string}
#include "hwk_model.h"
#include "hwk_profile.h"
#include "model_data.h"

{includes}

{arenas}

{layers}
typedef struct {{
  void (*run)(void);
  const int8_t *output;
  uint32_t output_bytes;
}} layer_t;

static const layer_t layers[] = {{
{rows}
}};

#define LAYER_COUNT (sizeof layers / sizeof layers[0])

/* Which build this is: the compiler's command line says it. */
#ifndef HWK_BUILD
#define HWK_BUILD 0
#endif

/* As docs/protocol.md has it. */
typedef struct {{
  uint32_t layer_count;
  uint32_t arena_bytes;
  uint8_t digest[HWK_MODEL_DIGEST_BYTES];
  uint64_t build;
  uint32_t tensor_bytes[{count}];
  char name[{name_bytes}];
}} description_t;

static const description_t description = {{
    LAYER_COUNT,
    {arena_bytes},
    {{{digest}}},
    HWK_BUILD,
    {{{sizes}}},
    "{name}"}};

static const hwk_tensor_t tensors[] = {{
{tensors}
}};

static const hwk_range_t ranges[] = {{
{ranges}
}};

const hwk_model_info_t hwk_model_info = {{
    .description = &description,
    .description_bytes = offsetof(description_t, name) + sizeof description.name - 1u,
    .layer_count = LAYER_COUNT,
    .selftest_crc32 = {crc:#010x}u,
    .selftest_steps = {steps},
    .ranges = ranges,
    .inputs = {inputs},
    .outputs = {outputs},
    .states = {states}{stream}}};

{reset}
void hwk_model_invoke(uint32_t last_layer) {{
  uint32_t last = last_layer < LAYER_COUNT ? last_layer : LAYER_COUNT - 1u;
{marks}  for (uint32_t i = 0; i <= last; ++i) {{
    hwk_profile_mark({again}(int)i);
    layers[i].run();
  }}
{ending}  hwk_profile_mark((int)(last + 1u));
}}

const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes) {{
  if (layer >= LAYER_COUNT) {{
    *size_bytes = 0;
    return NULL;
  }}
  *size_bytes = layers[layer].output_bytes;
  return layers[layer].output;
}}
"""


def emit(lowered: Lowered[McuPlan]) -> BuildPlan:
    """All sources of the firmware; the same bytes for the same lowered graph.

    ``model.c`` carries the CRC-32 of the interpreter's output for the self-test input.
    """
    plan, mcu = lowered.plan, section(lowered.board)
    named, copies = _tables(lowered.graph, plan)
    declarations = [table_declaration(name, table) for name, table in named.items()]
    declarations += [f"#define {name} {first}" for name, first in copies.items()]
    files = {
        "model.c": _model(lowered.graph, plan),
        "model_data.h": _DATA_HEADER.format(declarations="\n".join(declarations)),
        "model_data.c": _DATA.format(
            definitions="\n".join(table_definition(*pair) for pair in named.items())
        ),
        "firmware.ld": linker_script(mcu),
    }
    content = {name: text.encode() for name, text in files.items()}
    firmware = resources.folder("firmware")
    content |= _tree(firmware, "include")
    content |= _tree(firmware, "runtime")
    content |= {name: (firmware / name).read_bytes() for name in platform_files(mcu)}
    content |= _kernel_headers(mcu.kernels, plan.kernels.values())
    content |= build_files(mcu, len(lowered.graph.nodes), build_flag(content, mcu))
    return BuildPlan(files=content)


def weight_bytes(graph: Graph, plan: McuPlan) -> int:
    """Bytes of all tables in flash: weights, biases, multipliers, shifts, lookup tables, initial
    values of states."""
    return sum(table.bytes for table in _tables(graph, plan)[0].values())


def table_names(graph: Graph, plan: McuPlan) -> list[str]:
    """Symbols of all tables: ``layer0_weights``, ``layer0_bias``, ..."""
    return list(_tables(graph, plan)[0])


def selftest_input(tensor: TensorType) -> Array:
    """The first step's first input of the self-test that ``hwk_model.h`` defines, batch of one.

    Example: for s8 the first integers are 7, -107, -56; for s16 -27385, 456.
    """
    return _selftest_tensor(tensor, _selftest_bytes())[np.newaxis]


def to_device(x: Array, dtype: IntType) -> bytes:
    """One sample as the device stores it."""
    return STORED.pack(x, dtype)


def from_device(data: bytes, tensor: TensorType) -> Array:
    """The inverse of ``to_device``, in the tensor's shape and container."""
    return STORED.unpack(data, tensor)


def selftest_feeds(graph: Graph) -> dict[str, Array]:
    """What ``hwk_model.h`` defines for the self-test: all inputs, first axis the steps, one without
    states and four with."""
    drawn = _selftest_bytes()
    values: dict[str, list[Array]] = {name: [] for name in graph.inputs}
    for _ in range(_STATE_STEPS if graph.states else 1):
        for name in graph.inputs:
            values[name].append(_selftest_tensor(graph.tensors[name], drawn))
    return {name: np.stack(samples) for name, samples in values.items()}


def _byte_range(dtype: IntType) -> tuple[int, int]:
    """``hwk_range_t`` of an input."""
    byte = _byte_type(dtype)
    return byte.low, byte.high - byte.low


def _byte_type(dtype: IntType) -> IntType:
    """What each byte of an input may hold so that every integer has ``dtype``: that itself, or of
    more than 8 bits what the upper byte may."""
    return dtype if dtype.bits <= 8 else IntType(dtype.bits - 8, True)


def _selftest_bytes() -> Iterator[int]:
    x = _SELFTEST_SEED
    while True:
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        yield x >> 24


def _selftest_tensor(tensor: TensorType, drawn: Iterator[int]) -> Array:
    low, highest = _byte_range(tensor.dtype)
    size = len(to_device(np.zeros(tensor.shape, np.int64), tensor.dtype))
    data = bytes((low + next(drawn) % (highest + 1)) % 256 for _ in range(size))
    return from_device(data, tensor)


def _selftest_crc32(graph: Graph) -> int:
    feeds = selftest_feeds(graph)
    results = run(graph, feeds)
    crc32 = 0
    for step in range(len(feeds[graph.inputs[0]])):
        for name in graph.outputs:
            data = to_device(results[name][step], graph.tensors[name].dtype)
            crc32 = zlib.crc32(data, crc32)
    return crc32


def _tables(graph: Graph, plan: McuPlan) -> tuple[dict[str, Table], dict[str, str]]:
    """The tables by name, and of those that equal an earlier one its name by theirs: what unrolled
    layers share lies in flash once."""
    tables: dict[str, Table] = {}
    copies: dict[str, str] = {}
    first: dict[tuple[str, bytes], str] = {}
    for name, table in _named_tables(graph, plan):
        same = first.setdefault((table.values.dtype.name, table.values.tobytes()), name)
        if same == name:
            tables[name] = table
        else:
            copies[name] = same
    return tables, copies


def _named_tables(graph: Graph, plan: McuPlan) -> Iterator[tuple[str, Table]]:
    for index, layer in enumerate(plan.layers):
        for part, call in enumerate(layer.calls):
            for table in tables(call.descriptor):
                yield f"{layer_symbol(index, part)}_{table.purpose}", table
            yield from part_tables(layer, layer_symbol(index, part), part)
    for index, state in enumerate(graph.states):
        initial = _initial(graph, state)
        if len(set(initial)) > 1:
            yield f"state{index}_initial", Table("initial", np.frombuffer(initial, np.int8))


def _initial(graph: Graph, state: State) -> bytes:
    return to_device(graph.constants[state.initial], graph.tensors[state.tensor].dtype)


def _model(graph: Graph, plan: McuPlan) -> str:
    digest = bytes.fromhex(serialize.digest(graph))
    copies = shared((call for layer in plan.layers for call in layer.calls), plan.kernels)
    layers = [
        _layer(k, layer, plan, copies)
        if layer.tiled is None
        else tiled_layer(graph, k, plan, copies)
        for k, layer in enumerate(plan.layers)
    ]
    staging = plan.staging.stages
    tensors = [
        (_border_at(plan, of, name), tensor_bytes(graph, name))
        for of, names in _borders(graph).items()
        for name in names
    ]
    return _MODEL.format(
        name=comment(graph.name),
        includes="\n".join(f"#include <hwk_{name}.h>" for name in (*plan.kernels, *includes(plan))),
        arenas=declarations(plan.memory),
        string="#include <string.h>\n" if graph.states or staging or plan.memory.moves else "",
        arena_bytes=plan.memory.arena_bytes,
        layers="\n".join(
            [*map(_copy, dict.fromkeys(copies.values())), *layers]
            + ([stage_functions(graph, plan), stream_functions(graph, plan)] if staging else [])
        ),
        rows="\n".join(_row(graph, k, layer, plan) for k, layer in enumerate(plan.layers)),
        digest=", ".join(f"0x{byte:02x}" for byte in digest),
        crc=_selftest_crc32(graph),
        steps=_STATE_STEPS if graph.states else 1,
        name_bytes=len(comment(graph.name)) + 1,
        count=len(tensors),
        sizes=", ".join(str(size) for _, size in tensors),
        tensors="\n".join(f"    {{{place}, {size}}}," for place, size in tensors),
        **_strings(graph),
        ranges="\n".join(_range(graph.tensors[name].dtype) for name in graph.inputs),
        stream="" if streaming(plan) is None else ",\n    .stream = &input_stream",
        again="HWK_PROFILE_AGAIN + " if staging else "",
        marks=ALL_MARKS if staging and streaming(plan) is None else "",
        reset=_reset(graph, plan),
        ending=_ending(plan),
    )


def _borders(graph: Graph) -> dict[str, tuple[str, ...]]:
    """What the runtime knows the tensors of, in its order."""
    states = tuple(state.tensor for state in graph.states)
    return {"inputs": graph.inputs, "outputs": graph.outputs, "states": states}


def _border_at(plan: McuPlan, of: str, name: str) -> str:
    """Where an input, output or state lies, NULL for an input that is never there as a whole."""
    number = streaming(plan)
    if number is not None and name in plan.staging.stages[number].streamed:
        return "NULL"
    return pointer(plan.memory, plan.states.moved.get(name, name) if of == "outputs" else name)


def _strings(graph: Graph) -> dict[str, str]:
    """For each border its first tensor, how many it has, and the bytes of all of them."""
    strings, first = {}, 0
    for of, names in _borders(graph).items():
        size = sum(tensor_bytes(graph, name) for name in names)
        strings[of] = f"{{tensors + {first}, {len(names)}, {size}}}"
        first += len(names)
    return strings


def _range(dtype: IntType) -> str:
    low, highest = _byte_range(dtype)
    return f"    {{{low}, {highest}}},"


def _reset(graph: Graph, plan: McuPlan) -> str:
    lines = []
    for index, state in enumerate(graph.states):
        initial, place = _initial(graph, state), pointer(plan.memory, state.tensor)
        if len(set(initial)) > 1:
            lines.append(f"  memcpy({place}, state{index}_initial, {len(initial)});")
        else:
            lines.append(f"  memset({place}, {initial[0]}, {len(initial)});")
    return "\n".join(["void hwk_model_reset(void) {", *lines, "}", ""])


def _ending(plan: McuPlan) -> str:
    """What an inference ends with: states take their next values."""
    copies = (*plan.states.saves, *plan.states.copies)
    if not copies:
        return ""
    lines = ["  if (last == LAYER_COUNT - 1u) {"]
    for copy in copies:
        to, source = pointer(plan.memory, copy.to), pointer(plan.memory, copy.source)
        lines.append(f"    memcpy({to}, {source}, {copy.size_bytes});")
    return "\n".join([*lines, "  }", ""])


def _row(graph: Graph, index: int, layer: Layer, plan: McuPlan) -> str:
    run = run_of(graph, plan, index)
    if not is_whole(plan, index):
        return f"    {{{run}, NULL, 0}},"
    at = pointer(plan.memory, layer.op.output)
    size = plan.stored[layer.op.output].bytes_of(graph.tensors[layer.op.output])
    return f"    {{{run}, {at}, {size}}},"


def _copy(copy: Shared) -> str:
    """The function that several layers call, each with its descriptor."""
    kernel = copy.kernel
    inputs = ["a", "b"][: kernel.inputs]
    parameters = "".join(f", const void *{name}" for name in inputs)
    return "\n".join(
        [
            f"static __attribute__((noinline)) void {copy.symbol}("
            f"const hwk_{kernel.descriptor}_t *layer{parameters}, void *output, void *scratch) {{",
            f"  hwk_{kernel.descriptor}_t d = *layer;",
            *(f"  d.{path} = {constant(value)};" for path, value in copy.constants.items()),
            *(f"  HWK_ASSUME({condition});" for condition in copy.conditions),
            f"  hwk_{kernel.symbol}(&d, {', '.join(inputs)}, output, scratch);",
            "}",
            "",
        ]
    )


def _layer(index: int, layer: Layer, plan: McuPlan, copies: Mapping[int, Shared]) -> str:
    """Descriptors and the function of one layer."""
    lines = [f"/* {comment(layer.op.name)}: {type(layer.op).__name__} */"]
    body = [f"  {line}" for line in moves(plan.memory, index)]
    for part, call in enumerate(layer.calls):
        kernel, symbol = plan.kernels[call.kernel], layer_symbol(index, part)
        value = initializer(call.descriptor, symbol)
        lines.append(f"static const hwk_{kernel.descriptor}_t {symbol}_descriptor = {value};")
        copy = copies.get(id(call))
        function = f"hwk_{kernel.symbol}" if copy is None else copy.symbol
        if call.packing is not None:
            lines += packed_lines(call, kernel, function, symbol)
            function = f"hwk_packed_{kernel.descriptor}"
        body.append(_call(index, layer, call, function, kernel, symbol, plan))
    small = "HWK_SMALL " if plan.picks[index].small else ""
    lines.append(f"static {small}__attribute__((noinline)) void layer{index}(void) {{")
    lines += [*body, "}", ""]
    return "\n".join(lines)


def _call(
    index: int, layer: Layer, call: Call, function: str, kernel: Kernel, symbol: str, plan: McuPlan
) -> str:
    # Through void: kernels of 32-bit tensors take int32_t pointers, and the arena is aligned.
    pointers = [f"(const void *)({pointer(plan.memory, name, index)})" for name in call.inputs]
    pointers.append(f"(void *)({pointer(plan.memory, layer.op.output)})")
    scratch = "NULL"
    if layer.scratch_bytes:
        scratch = pointer(plan.memory, scratch_name(layer.op))
    arguments = [f"&{symbol}_descriptor", *pointers, scratch]
    if call.packing is not None:
        arguments = packed_arguments(arguments, kernel, symbol)
    return f"  {function}({', '.join(arguments)});"


def _tree(base: Path, under: str) -> dict[str, bytes]:
    return {
        path.relative_to(base).as_posix(): path.read_bytes()
        for path in sorted((base / under).rglob("*.[ch]"))
    }


def _kernel_headers(variants: tuple[str, ...], used: Iterable[Kernel]) -> dict[str, bytes]:
    """The headers that the board's variants give, best variant first, in one folder; those of
    ``used`` that stand beside a better variant under their own name."""
    files: dict[str, bytes] = {}
    for variant in variants:
        for path in sorted((root() / variant).glob("*.h")):
            files.setdefault(f"kernels/{path.name}", path.read_bytes())
    for kernel in used:
        if kernel.suffix:
            files[f"kernels/hwk_{kernel.symbol}.h"] = _renamed(kernel)
    return dict(sorted(files.items()))


def _renamed(kernel: Kernel) -> bytes:
    """Its header with its own names, those of its kernel alone, ending in its suffix: the
    function, its scratch twin and the guard."""
    name, guard = kernel.name, f"HWK_{kernel.name.upper()}_H"
    text = kernel.path.read_text().replace(guard, f"HWK_{kernel.symbol.upper()}_H")
    return re.sub(
        rf"\b((?:hwk_)?{name})(?=\b|_scratch_bytes\b)", rf"\1{kernel.suffix}", text
    ).encode()
