"""Pages that MkDocs makes from the code: every command's help, every public function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

import hwkit
from hwkit.cli import hwkit as commands

_ADR = Path(__file__).resolve().parent.parent / "adr"


def on_page_markdown(markdown: str, page: object, config: object, files: object) -> str:
    """MkDocs' event: puts what the code says where a page asks for it."""
    for mark, make in (("commands", _commands), ("python", _functions), ("decisions", _decisions)):
        comment = f"<!-- {mark} -->"
        if comment in markdown:
            markdown = markdown.replace(comment, "\n\n".join(make()))
    return markdown


def _commands() -> Iterator[str]:
    """A section for each command, its help as a terminal shows it."""
    context = click.Context(commands, info_name="hwkit")
    for name, command in sorted(commands.commands.items()):
        yield f"## {name}"
        inner = sorted(command.commands.items()) if isinstance(command, click.Group) else []
        within = click.Context(command, info_name=name, parent=context)
        yield f"```text\n{command.get_help(within)}\n```"
        for part, of in inner:
            help_text = of.get_help(click.Context(of, info_name=part, parent=within))
            yield f"### {name} {part}\n\n```text\n{help_text}\n```"


def _functions() -> Iterator[str]:
    """A section for each public function: its signature and what it says of itself."""
    for name in hwkit.__all__:
        public = getattr(hwkit, name)
        if not inspect.isfunction(public):
            continue
        signature = re.sub(r"'", "", str(inspect.signature(public)))
        text = inspect.cleandoc(public.__doc__ or "").replace("``", "`")
        yield f"## {name}\n\n```python\nhwkit.{name}{signature}\n```\n\n{text}"


def _decisions() -> Iterator[str]:
    """A line for each decision."""
    lines = []
    for path in sorted(_ADR.glob("0*.md")):
        title = path.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    yield "\n".join(lines)
