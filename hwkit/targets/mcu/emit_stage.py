"""Layers in parts as C: a function for each, over a table of its forms, and the loop over turns.

``layer3(form, turn)`` copies its descriptor, takes the numbers of the form (see ``forms``), and
runs as ``layer3()`` does in a network without stages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.lower.patch.schedule import first_of
from hwkit.lower.patch.turns import Stage
from hwkit.lower.schedule import scratch_name
from hwkit.targets.mcu.arenas import pointer
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.emit_moves import moved
from hwkit.targets.mcu.emit_packed import packed_arguments, packed_lines
from hwkit.targets.mcu.forms import Forms, forms_of, kept_by
from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.lower import Layer, McuPlan, row_bytes
from hwkit.targets.mcu.sharing import Shared, bounds
from hwkit.targets.mcu.source import comment, constant, initializer, layer_symbol
from hwkit.targets.mcu.stages import Leaf
from hwkit.targets.mcu.structs import Table

_OUTPUT = "output"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

_STREAM_STATE = """\
/* The turn that the next rows of the input belong to, and the bytes of these that are there. */
static struct {
  uint32_t turn;
  uint32_t bytes;
} stream;
"""
_PER_LINE = 16

ALL_MARKS = """\
  for (uint32_t i = 0; i < LAYER_COUNT; ++i) {
    hwk_profile_mark((int)i);
  }
"""
"""Begins the record of a model whose layers run in parts."""


def part_tables(layer: Layer, symbol: str, part: int) -> Iterator[tuple[str, Table]]:
    """Tables that the parts of a call have each for itself, but for those of the first class."""
    if layer.tiled is not None:
        for path, values in layer.tiled.varying[part].items():
            for number, value in enumerate(values):
                if number and isinstance(value, Table):
                    yield f"{symbol}_{_name(path)}{number}", value


def tiled_layer(graph: Graph, index: int, plan: McuPlan, copies: Mapping[int, Shared]) -> str:
    """Descriptors, forms and the functions of a layer in a stage."""
    layer, pick = plan.layers[index], plan.picks[index]
    tiled = layer.tiled
    assert tiled is not None
    op, stage = layer.op, plan.staging.stages[tiled.stage]
    found = forms_of(graph, plan, index)
    columns: dict[str, list[str | int]] = {}
    tables: list[str] = []
    names = (*activations(op), op.output)
    places = [
        _place(graph, plan, stage, index, found, k, name, columns, tables)
        for k, name in enumerate(names)
    ]
    written = _calls(plan, index, found, places, columns, copies)
    behind = kept_by(stage, index - first_of(graph, stage))
    body = moved(graph, plan, op.output, behind, found, columns, written.body)
    if columns:
        tables += _table(f"layer{index}_forms", columns, len(found.forms))
        body.insert(0, f"const layer{index}_form_t *form = layer{index}_forms + number;")
    else:
        body.insert(0, "(void)number;")
    if not any("[turn]" in place for place in places):
        body.insert(0, "(void)turn;")
    prefix = "HWK_SMALL " if pick.small else ""
    head = f"static {prefix}__attribute__((noinline)) void layer{index}("
    return "\n".join(
        [
            f"/* {comment(op.name)}: {type(op).__name__}, in parts */",
            *written.descriptors,
            *tables,
            *written.functions,
            f"{head}uint32_t number, uint32_t turn) {{",
            *(f"  {line}" for line in body),
            "}",
            "",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Calls:
    """Of a layer's calls the descriptors, functions of their own, and the lines that call them."""

    descriptors: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)


def _calls(
    plan: McuPlan,
    index: int,
    found: Forms,
    places: Sequence[str],
    columns: dict[str, list[str | int]],
    copies: Mapping[int, Shared],
) -> _Calls:
    """The calls of layer ``index`` with tensors at ``places``, the output last; numbers that differ
    from form to form become ``columns``."""
    layer, pick = plan.layers[index], plan.picks[index]
    tiled = layer.tiled
    assert tiled is not None
    scratch = pointer(plan.memory, scratch_name(layer.op)) if layer.scratch_bytes else "NULL"
    written = _Calls()
    offset = 0
    for part, call in enumerate(layer.calls):
        symbol = layer_symbol(index, part)
        kernel, copy = plan.kernels[call.kernel], copies.get(id(call))
        value = initializer(call.descriptor, symbol)
        written.descriptors.append(
            f"static const hwk_{kernel.descriptor}_t {symbol}_descriptor = {value};"
        )
        local = f"d{part}"
        fields = {}
        for path, values in tiled.varying[part].items():
            column = f"{local}_{_name(path)}"
            fields[path] = column
            columns[column] = _column(found, values, f"{symbol}_{_name(path)}", call, path)
        inputs = [
            f"(const void *)({place})" for place in places[offset : offset + len(call.inputs)]
        ]
        offset += len(call.inputs)
        function = f"hwk_{kernel.symbol}" if copy is None else copy.symbol
        if call.packing is not None:
            written.descriptors.extend(packed_lines(call, kernel, function, symbol))
            function = f"hwk_packed_{kernel.descriptor}"
        taking = _Taking(
            call,
            kernel,
            f"hwk_{kernel.descriptor}_t {local} = {symbol}_descriptor;",
            local,
            symbol,
            function,
            fields,
        )
        output = f"(void *)({places[-1]})"
        usual = found.usual
        if pick.usual and copy is None and fields and usual is not None:
            form = f"layer{index}_form_t"
            written.functions.extend(_apart(symbol, taking, columns, usual, scratch, form))
            arguments = ", ".join([*inputs, output])
            written.body.extend(
                [
                    f"if (number == {usual}u) {{",
                    f"  {symbol}usual({arguments});",
                    "} else {",
                    f"  {symbol}_other(form, {arguments});",
                    "}",
                ]
            )
        else:
            written.body.extend(taking.lines([*inputs, output, scratch]))
    return written


@dataclass(frozen=True, slots=True)
class _Taking:
    """A call that takes numbers of a form: ``copied`` declares its descriptor as ``local``, whose
    ``fields`` have the columns that they are in, by path; ``symbol`` is that of the call."""

    call: Call
    kernel: Kernel
    copied: str
    local: str
    symbol: str
    function: str
    fields: Mapping[str, str]

    def lines(self, arguments: Sequence[str]) -> list[str]:
        """The call with the numbers of ``form``."""
        lines = [self.copied]
        for path, column in self.fields.items():
            lines.append(f"{self.local}.{path} = form->{column};")
            # Of a packed call these are the numbers of its bands as well.
            numbers = () if self.call.packing else self.call.varying.get(path, ())
            conditions = bounds(f"{self.local}.{path}", numbers)
            lines += [f"HWK_ASSUME({condition});" for condition in conditions]
        return [*lines, self._run(arguments)]

    def constant_lines(
        self, columns: Mapping[str, Sequence[str | int]], form: int, arguments: Sequence[str]
    ) -> list[str]:
        """The call with the numbers of one form, known to the compiler."""
        numbers = [
            f"{self.local}.{path} = {columns[column][form]};"
            for path, column in self.fields.items()
        ]
        return [self.copied, *numbers, self._run(arguments)]

    def _run(self, arguments: Sequence[str]) -> str:
        given = [f"&{self.local}", *arguments]
        if self.call.packing is not None:
            given = packed_arguments(given, self.kernel, self.symbol)
        return f"{self.function}({', '.join(given)});"


def _apart(
    symbol: str,
    taking: _Taking,
    columns: Mapping[str, Sequence[str | int]],
    usual: int,
    scratch: str,
    form: str,
) -> list[str]:
    """A function for the form of most turns, and one for all others."""
    inputs = [_LETTERS[k] for k in range(len(taking.call.inputs))]
    parameters = [*(f"const void *{name}" for name in inputs), "void *output"]
    arguments = [*inputs, "output", scratch]
    bodies = {
        f"{symbol}usual({', '.join(parameters)})": taking.constant_lines(columns, usual, arguments),
        f"{symbol}_other({', '.join([f'const {form} *form', *parameters])})": taking.lines(
            arguments
        ),
    }
    lines = []
    for head, body in bodies.items():
        lines.append(f"static __attribute__((noinline)) void {head} {{")
        lines += [*(f"  {line}" for line in body), "}"]
    return lines


def stage_functions(graph: Graph, plan: McuPlan) -> str:
    """For every stage its tables and ``stage0()``, and what stands for its later layers."""
    stages = plan.staging.stages
    texts = [_stage(graph, plan, number) for number in range(len(stages))]
    if any(stage.streamed for stage in stages):
        texts.insert(0, _STREAM_STATE)
    if any(len(stage.nodes) > 1 for stage in stages):
        texts += ["static void in_stage(void) {}", ""]
    return "\n".join(texts)


def run_of(graph: Graph, plan: McuPlan, index: int) -> str:
    """The function that the table of layers has for layer ``index``."""
    tiled = plan.layers[index].tiled
    if tiled is None:
        return f"layer{index}"
    stage = plan.staging.stages[tiled.stage]
    return f"stage{tiled.stage}" if first_of(graph, stage) == index else "in_stage"


def _stage(graph: Graph, plan: McuPlan, number: int) -> str:
    stage = plan.staging.stages[number]
    first = first_of(graph, stage)
    rows = []
    most = 0
    found = []
    for k in range(len(stage.nodes)):
        found.append(forms_of(graph, plan, first + k))
        most = max(most, len(found[-1].forms))
    none, kind = (255, "uint8_t") if most < 255 else (65535, "uint16_t")
    for turn in range(len(stage.turns)):
        picked = (forms.of_turn[turn] for forms in found)
        rows.append(f"    {{{', '.join(str(none if p is None else p) for p in picked)}}}")
    count = len(stage.nodes)
    layers = ", ".join(f"layer{first + k}" for k in range(count))
    table = ",\n".join(rows)
    return "\n".join(
        [
            f"/* The form of each layer in each turn, {none} where it does nothing. */",
            f"static const {kind} stage{number}_forms[{len(stage.turns)}][{count}] = {{",
            f"{table}}};",
            f"static void (*const stage{number}_layers[])(uint32_t, uint32_t) = {{{layers}}};",
            "",
            f"static void stage{number}_turn(uint32_t turn) {{",
            f"  for (uint32_t k = 0; k < {count}u; ++k) {{",
            f"    const uint32_t form = stage{number}_forms[turn][k];",
            f"    if (form != {none}u) {{",
            f"      hwk_profile_mark(HWK_PROFILE_AGAIN + (int)({first}u + k));",
            f"      stage{number}_layers[k](form, turn);",
            "    }",
            "  }",
            "}",
            "",
            f"static void stage{number}(void) {{",
            *_whole_stage(stage, number),
            "}",
            "",
        ]
    )


def _whole_stage(stage: Stage, number: int) -> list[str]:
    """What the stage does at its place among the layers: all turns, or, where rows that arrive
    have set them going, it begins anew."""
    if stage.streamed:
        return ["  stream.turn = 0;", "  stream.bytes = 0;"]
    return [
        f"  for (uint32_t turn = 0; turn < {len(stage.turns)}u; ++turn) {{",
        f"    stage{number}_turn(turn);",
        "  }",
    ]


def _place(
    graph: Graph,
    plan: McuPlan,
    stage: Stage,
    index: int,
    found: Forms,
    k: int,
    name: str,
    columns: dict[str, list[str | int]],
    lines: list[str],
) -> str:
    """Where a part's input ``k``, or its output behind the inputs, starts. Example:
    ``arena + 128 + form->a``; of a whole map ``arena + 128 + 96u * layer0_a[turn]``."""
    op = stage.nodes[index - first_of(graph, stage)]
    output = k == len(activations(op))
    label = _OUTPUT if output else _LETTERS[k] if k < len(_LETTERS) else f"input{k}"
    row, base = row_bytes(graph, plan, name), pointer(plan.memory, name)
    if name in stage.buffers:
        starts = [
            form.write if output else form.reads[k] if form.number is not None else 0
            for form in found.forms
        ]
        if not any(starts):
            return base
        columns[label] = [start * row for start in starts]
        return f"{base} + form->{label}"
    firsts = []
    for turn in stage.turns:
        part = turn.parts[index - first_of(graph, stage)]
        span = None if part is None else part.rows if output else part.reads[k].rows
        firsts.append(0 if span is None else span.start)
    lines += _array("uint16_t", f"layer{index}_{label}", firsts)
    return f"{base} + {row}u * layer{index}_{label}[turn]"


def _column(
    found: Forms, values: Sequence[Leaf], table: str, call: Call, path: str
) -> list[str | int]:
    """The values of a field by form."""
    column: list[str | int] = []
    for form in found.forms:
        value = values[form.number or 0]
        if isinstance(value, Table):
            first = call.descriptor.fields.get(path)
            purpose = first.purpose if isinstance(first, Table) else value.purpose
            symbol = table[: -len(_name(path))] + purpose
            column.append(f"{table}{form.number}" if form.number else symbol)
        elif isinstance(value, int):
            column.append(value)
        else:
            column.append(constant(value))
    return column


def _table(symbol: str, columns: Mapping[str, Sequence[str | int]], count: int) -> list[str]:
    """``static const`` structs, a row for each form; numbers in 16 bits where all fit."""
    fields = []
    for name, values in columns.items():
        numbers = [value for value in values if isinstance(value, int)]
        if len(numbers) < len(values):
            kind = "const void *"
        elif all(-(1 << 15) <= number < 1 << 15 for number in numbers):
            kind = "int16_t "
        else:
            kind = "int32_t "
        fields.append(f"  {kind}{name};")
    rows = [
        f"    {{{', '.join(str(values[k]) for values in columns.values())}}}" for k in range(count)
    ]
    kind = symbol.removesuffix("s") + "_t"
    return [
        "typedef struct {",
        *fields,
        f"}} {kind};",
        f"static const {kind} {symbol}[] = {{",
        ",\n".join(rows) + "};",
    ]


def _array(kind: str, symbol: str, values: Sequence[int]) -> list[str]:
    texts = [
        ", ".join(map(str, values[k : k + _PER_LINE])) for k in range(0, len(values), _PER_LINE)
    ]
    body = ",\n    ".join(texts)
    return [f"static const {kind} {symbol}[] = {{\n    {body}}};"]


def _name(path: str) -> str:
    """A C identifier. Example: ``zero_points[0]`` gives ``zero_points_0``."""
    return re.sub(r"\W+", "_", path).strip("_")
