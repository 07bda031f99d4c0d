"""``python -m hwkit`` is the ``hwkit`` command."""

from hwkit.cli import main

main()
