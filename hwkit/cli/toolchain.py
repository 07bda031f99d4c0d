"""Tools that hwkit installs: list them, install them."""

from __future__ import annotations

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option
from hwkit.cli.terminal import busy, print_json


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


@toolchain.command("install", **example("hwkit toolchain install qemu"))
@click.argument("name")
@json_option
def toolchain_install(name: str, as_json: bool) -> None:
    """Download a tool into a folder of its own, without root, and try it out; nothing to do when
    it is there."""
    from hwkit.flow.toolchain import install

    with busy(f"{name}: installing"):
        state = install(name)
    if as_json:
        print_json("toolchain", state)
        return
    click.echo(f"{state['name']} {state['version']} in {state['folder']}")
