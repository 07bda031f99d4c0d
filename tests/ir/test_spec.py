"""Every example of SPEC.md is run."""

import doctest
from pathlib import Path

import hwkit.ir


def test_examples_of_the_specification() -> None:
    path = Path(hwkit.ir.__file__).with_name("SPEC.md")
    result = doctest.testfile(str(path), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 25
    assert result.failed == 0
