"""The kernels that a board's build finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from hwkit import resources
from hwkit.boards import McuBoard
from hwkit.errors import ConfigError
from hwkit.targets.mcu.rows import Row, row
from hwkit.targets.mcu.structs import Struct

_LINE = re.compile(r"^HWK_KERNEL\((\w+), (\w+), (\d)\)$", re.MULTILINE)
_ALTERNATIVE = re.compile(r"^HWK_ALTERNATIVE\((\w+), (\w+)\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kernel:
    """``hwk_<name>`` with a descriptor ``hwk_<descriptor>_t`` and 1 or 2 inputs; ``variant`` is
    the folder of ``firmware/kernels`` that it is taken from, ``suffix`` what its name has more in
    a build that has a better variant of it."""

    name: str
    descriptor: str
    inputs: int
    variant: str
    suffix: str = ""

    @property
    def symbol(self) -> str:
        """Its name in a build: ``conv2d_s8``, or ``conv2d_s8_ref`` beside that."""
        return self.name + self.suffix

    @property
    def row(self) -> Row:
        """All that a plan has to know of it."""
        return row(self.variant, self.name)

    @property
    def path(self) -> Path:
        """The header that defines it."""
        return root() / self.variant / f"hwk_{self.name}.h"

    def fits(self, descriptor: Struct) -> bool:
        """Whether it computes what ``descriptor`` says."""
        return self.row.fits is None or self.row.fits(descriptor)

    def scratch_bytes(self, descriptor: Struct) -> int:
        """What ``hwk_<name>_scratch_bytes`` gives for ``descriptor``."""
        return 0 if self.row.scratch_bytes is None else self.row.scratch_bytes(descriptor)


def root() -> Path:
    """The folder of the variants' folders."""
    return resources.folder("firmware") / "kernels"


def listed() -> tuple[tuple[str, str, int], ...]:
    """Name, descriptor and number of inputs of every kernel, in the order of kernels.inc."""
    text = (root() / "kernels.inc").read_text()
    return tuple((name, descriptor, int(n)) for name, descriptor, n in _LINE.findall(text))


def alternatives() -> tuple[tuple[str, str], ...]:
    """Kernels that compute the same as another one: pairs of the other's name and their own, in
    the order of kernels.inc."""
    return tuple(_ALTERNATIVE.findall((root() / "kernels.inc").read_text()))


def available(board: McuBoard) -> dict[str, Kernel]:
    """Every kernel by name, from the first of the board's folders that has it.

    ``ConfigError`` when one is in none of them.
    """
    return {name: found[0] for name, found in implementations(board).items()}


def implementations(board: McuBoard) -> Mapping[str, tuple[Kernel, ...]]:
    """By kernel: every implementation in the board's folders. The first is the one for all
    layers; others compute the same integers and may be better for some (``Kernel.fits``).

    Example: on a Cortex-M4 ``dense_s8`` has that of ``dsp`` and, as ``dense_s8_ref``, the
    definition.
    """
    return _implementations(root(), board.kernels)


@cache
def _implementations(folder: Path, variants: tuple[str, ...]) -> Mapping[str, tuple[Kernel, ...]]:
    """Of the folders ``variants`` in ``folder``, which is ``root()``: every plan asks, and
    files are looked for once."""
    more: dict[str, list[str]] = {}
    for name, other in alternatives():
        more.setdefault(name, []).append(other)
    found = {
        name: _of_kernel(Kernel(name, descriptor, inputs, ""), variants, more.get(name, ()))
        for name, descriptor, inputs in listed()
    }
    return MappingProxyType(found)


def _of_kernel(
    kernel: Kernel, variants: Sequence[str], alternatives: Iterable[str]
) -> tuple[Kernel, ...]:
    def there(name: str) -> list[Kernel]:
        found = (replace(kernel, name=name, variant=variant) for variant in variants)
        return [one for one in found if one.path.is_file()]

    own = there(kernel.name)
    if not own:
        raise ConfigError(
            f"kernel hwk_{kernel.name}: in none of the board's folders {', '.join(variants)}; "
            "add 'ref' to its kernels"
        )
    others = [one for name in alternatives for one in there(name)[:1]]
    others += [replace(kernel, suffix=f"_{kernel.variant}") for kernel in own[1:]]
    return own[0], *others
