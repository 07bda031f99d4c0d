"""The arena as a chart: addresses upwards, layers to the right, one box for each tensor's life."""

from __future__ import annotations

from hwkit.report.markup import Markup, tag
from hwkit.report.numbers import byte_size, count
from hwkit.report.summary import Lifetime, MemoryMap

HEIGHT = 280
_LABEL_HEIGHT = 14
_THIN = 4  # pixels below which a box is drawn as a line
_TICKS = 4


def chart(memory: MemoryMap) -> Markup:
    """Widths are shares of the window and heights pixels, so that labels keep their size."""
    steps = 1 + max((t.last_step for t in memory.tensors), default=0)
    boxes = [_box(tensor, steps, memory.arena_bytes) for tensor in memory.tensors]
    grid = [
        tag("line", x1=0, x2="100%", y1=HEIGHT * i / _TICKS, y2=HEIGHT * i / _TICKS)
        for i in range(_TICKS + 1)
    ]
    drawing = tag(
        "svg",
        tag("title", f"Arena of {count(memory.arena_bytes)} bytes over {steps} layers"),
        tag("g", *grid, class_="grid"),
        *boxes,
        role="img",
        width="100%",
        height=HEIGHT,
    )
    ticks = [
        tag("span", byte_size(round(memory.arena_bytes * i / _TICKS)))
        for i in range(_TICKS, -1, -1)
    ]
    every = max(1, steps // 8)
    numbers = [tag("span", str(i) if i % every == 0 else "") for i in range(steps)]
    return tag(
        "div",
        tag("div", *ticks, class_="addresses", aria_hidden="true"),
        drawing,
        tag("div", *numbers, class_="steps", aria_hidden="true"),
        class_="memory",
    )


def _box(tensor: Lifetime, steps: int, arena_bytes: int) -> Markup:
    """A nested drawing cuts the label off at the box's edge."""
    pixels = HEIGHT / max(1, arena_bytes)
    height = tensor.size_bytes * pixels
    life = f"layers {tensor.first_step} to {tensor.last_step}"
    label = None
    if height >= _LABEL_HEIGHT:
        label = tag("text", tensor.name, x=5, y=min(height / 2 + 4, height - 3))
    kind = "thin" if height < _THIN else tensor.kind
    return tag(
        "svg",
        tag("title", f"{tensor.name}: {count(tensor.size_bytes)} bytes at "
            f"{count(tensor.offset_bytes)}, {life}"),
        tag("rect", x=0.5, y=0.5, width="100%", height=max(height - 1, 2.0), rx=2),
        label,
        class_=f"life {kind}",
        x=f"{100 * tensor.first_step / steps:.4f}%",
        y=min(HEIGHT - (tensor.offset_bytes + tensor.size_bytes) * pixels, HEIGHT - 3.0),
        width=f"{100 * (tensor.last_step + 1 - tensor.first_step) / steps:.4f}%",
        height=max(height, 3.0),
    )  # fmt: skip
