"""The group that every command joins."""

from __future__ import annotations

import click

from hwkit.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hwkit")
def hwkit() -> None:
    """Quantized networks on FPGAs, microcontrollers and edge runtimes, exact to the integer."""
