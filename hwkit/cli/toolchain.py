"""Tools that hwkit installs, and the cache: list them, install them, make room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option
from hwkit.cli.terminal import busy, plain, print_json

if TYPE_CHECKING:
    from hwkit.toolchain.housekeeping import Kept


@hwkit.group(**example("hwkit toolchain install qemu"))
def toolchain() -> None:
    """Tools that pip does not install with hwkit."""


@toolchain.command("list", **example("hwkit toolchain list"))
@json_option
def toolchain_list(as_json: bool) -> None:
    """Each such tool: its version, or how to get it."""
    from hwkit.flow.toolchain import tools

    found = tools()
    if as_json:
        print_json("toolchain", {"tools": found})
        return
    for tool in found:
        state = tool["version"] or f"missing: {tool['remedy']}"
        click.echo(f"{tool['name']:<16}{state:<47} {tool['title']}")


def _tool_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from hwkit.flow.toolchain import known

    return [CompletionItem(name) for name in known() if name.startswith(incomplete)]


@toolchain.command("install", **example("hwkit toolchain install qemu openocd"))
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_tool_names)
@json_option
def toolchain_install(names: tuple[str, ...], as_json: bool) -> None:
    """Download tools, each into a folder of its own, without root, and try them out; nothing to do
    for one that is there. An unknown name stops it before anything is downloaded."""
    from hwkit.flow.toolchain import check_known, install

    for name in names:
        check_known(name)
    states = []
    for name in names:
        with busy(f"{name}: installing"):
            states.append(install(name))
        if not as_json:
            click.echo(f"{name} {states[-1]['version']} in {states[-1]['folder']}")
    if as_json:
        print_json("toolchain", states[0] if len(states) == 1 else {"tools": states})


@hwkit.group(**example("hwkit cache show"))
def cache() -> None:
    """What hwkit keeps so as not to make it again."""


@cache.command("show", **example("hwkit cache show"))
@json_option
def cache_show(as_json: bool) -> None:
    """Where it is, and what each kind of entries takes."""
    from hwkit.toolchain.housekeeping import kept, root

    _told(kept(), str(root()), "in", as_json)


@cache.command("clean", **example("hwkit cache clean builds --unused 30"))
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option(
    "--unused", type=click.FloatRange(0), default=0, metavar="DAYS", help="Only what is older."
)
@json_option
def cache_clean(kinds: tuple[str, ...], unused: float, as_json: bool) -> None:
    """Remove entries of some kinds, or all. Whatever is needed again is made again."""
    from hwkit.toolchain.housekeeping import clean, root

    with busy("cache: removing"):
        gone = clean(kinds, unused)
    _told(gone, str(root()), "removed from", as_json)


def _told(entries: Sequence[Kept], where: str, verb: str, as_json: bool) -> None:
    if as_json:
        print_json("cache", {"folder": where, "kinds": [asdict(of) for of in entries]})
        return
    for of in entries:
        click.echo(f"{of.kind:<10}{of.entries:>8,} {of.size_bytes / 1e6:>10,.1f} MB  {of.what}")
    total = sum(of.size_bytes for of in entries)
    click.echo(plain(f"{total / 1e6:,.1f} MB {verb} {where}"))
