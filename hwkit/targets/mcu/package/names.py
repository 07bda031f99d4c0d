"""Names that keep models apart in one program: of symbols, macros and headers.

The linker knows no files: two models that both define ``hwk_model_invoke`` or ``layer0_weights``
link without a word from static libraries, and one computes with the other's tables. So every
symbol of a package carries the model's name and a digest of its sources, as two different
networks may share a name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

_LONGEST = 40
_DIGEST_DIGITS = 8

_RUNTIME = (
    "hwk_model_info",
    "hwk_model_tensors",
    "hwk_model_ranges",
    "hwk_model_invoke",
    "hwk_model_reset",
    "hwk_model_restart",
    "hwk_model_layer_output",
    "hwk_selftest_run",
    "hwk_crc32",
    "hwk_profile_mark",
)
"""What the sources of a package define for each other, tables aside."""


def identifier(name: str) -> str:
    """``name`` as part of a C identifier. Example: ``net-v2.1`` gives ``net_v2_1``."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return words[:_LONGEST].rstrip("_") or "model"


def prefix(name: str, sources: Mapping[str, bytes]) -> str:
    """What every symbol of the package of model ``name`` starts with.

    Example: ``hwk_net_v2_1_0f3a9c2e_``.
    """
    digest = hashlib.sha256(b"".join(sources[file] for file in sorted(sources))).hexdigest()
    return f"hwk_{identifier(name)}_{digest[:_DIGEST_DIGITS]}_"


def prefixed(content: bytes, start: str, tables: Iterable[str]) -> bytes:
    """C source with every external name led by ``start``, and its own headers in quotes, so that
    another package's folder in front does not give them."""
    names = "|".join(map(re.escape, (*_RUNTIME, *tables)))
    external = re.compile(rf"\b(?:{names})\b(?!\.[ch]\b)")
    text = external.sub(lambda m: start + m[0].removeprefix("hwk_"), content.decode())
    return re.sub(r"#include <(hwk_\w+\.h)>", r'#include "\1"', text).encode()
