"""An input that arrives in rows, as C: where the next ones go, and what they set going."""

from __future__ import annotations

from hwkit.ir.graph import Graph
from hwkit.lower.patch.schedule import halo, moves, new_rows
from hwkit.targets.mcu.arenas import pointer
from hwkit.targets.mcu.emit_stage import ALL_MARKS
from hwkit.targets.mcu.lower import McuPlan, row_bytes

_STREAM = """\
/* The input's rows: `fill` bytes of earlier ones in front of `bytes` of new ones; of all these
 * `keep` bytes from `at` on are wanted again. */
typedef struct {{
  int32_t fill;
  int32_t bytes;
  int32_t at;
  int32_t keep;
}} rows_t;

static const rows_t rows_forms[] = {{
{forms}}};
static const uint8_t rows_of[{turns}] = {{
    {of_turn}}};

static const rows_t *rows_next(void) {{
  return rows_forms + rows_of[stream.turn];
}}

static void rows_turn(void) {{
{moves}  stage{number}_turn(stream.turn++);
}}

void hwk_model_restart(void) {{
  stage{number}();
{marks}  hwk_profile_mark(HWK_PROFILE_NONE);
}}

static hwk_tensor_t stream_wanted(void) {{
  if (stream.turn == {turns}u) {{
    return (hwk_tensor_t){{NULL, 0}};
  }}
  const rows_t *rows = rows_next();
  return (hwk_tensor_t){{{buffer} + rows->fill, (uint32_t)rows->bytes}};
}}

static void stream_take(void) {{
  stream.bytes = 0;
  do {{
    rows_turn();
  }} while (stream.turn != {turns}u && rows_next()->bytes == 0);
  hwk_profile_mark(HWK_PROFILE_NONE);
}}

static void stream_feed(const void *bytes, uint32_t size) {{
  const int8_t *from = bytes;
  while (size != 0) {{
    const hwk_tensor_t rows = stream_wanted();
    if (rows.bytes == 0) {{
      return; /* the last rows of some maps are not read */
    }}
    const uint32_t rest = rows.bytes - stream.bytes;
    const uint32_t part = size < rest ? size : rest;
    memcpy(rows.data + stream.bytes, from, part);
    from += part;
    size -= part;
    stream.bytes += part;
    if (stream.bytes == rows.bytes) {{
      stream_take();
    }}
  }}
}}

static const hwk_stream_t input_stream = {{
    hwk_model_restart, stream_wanted, stream_take, stream_feed}};
"""

_PER_LINE = 24


def streaming(plan: McuPlan) -> int | None:
    """The number of the stage whose input arrives in rows."""
    stages = plan.staging.stages
    return next((number for number, stage in enumerate(stages) if stage.streamed), None)


def stream_functions(graph: Graph, plan: McuPlan) -> str:
    """What ``hwk_stream_t`` asks for, behind the functions of the stages; "" without a stream."""
    number = streaming(plan)
    if number is None:
        return ""
    stage = plan.staging.stages[number]
    (name,) = stage.streamed
    row = row_bytes(graph, plan, name)
    forms: dict[tuple[int, ...], int] = {}
    of_turn = []
    for move, new in zip(moves(stage, name), new_rows(stage), strict=True):
        form = (move.fill * row, new * row, move.at * row, move.keep * row)
        of_turn.append(forms.setdefault(form, len(forms)))
    buffer = pointer(plan.memory, name)
    moved = ""
    if stage.kept(name):
        kept = pointer(plan.memory, halo(name))
        moved = (
            "  const rows_t *rows = rows_next();\n"
            f"  memcpy({buffer}, {kept}, (size_t)rows->fill);\n"
            f"  memcpy({kept}, {buffer} + rows->at, (size_t)rows->keep);\n"
        )
    lines = [of_turn[k : k + _PER_LINE] for k in range(0, len(of_turn), _PER_LINE)]
    return _STREAM.format(
        forms=",\n".join(f"    {{{', '.join(map(str, form))}}}" for form in forms),
        turns=len(of_turn),
        of_turn=",\n    ".join(", ".join(map(str, line)) for line in lines),
        moves=moved,
        number=number,
        buffer=buffer,
        marks=ALL_MARKS.replace("LAYER_COUNT", f"{len(graph.nodes)}u"),
    )
