"""CONTRIBUTING.md names files that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = ("CONTRIBUTING.md", "docs/boards.md", "docs/formats.md")


def test_the_paths_that_pages_name_exist() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text()
        paths = re.findall(r"\b((?:hwkit|tests|firmware|docs|boards|parts)/[\w./-]*\w)", text)
        fixed = {path for path in paths if "NAME" not in path and "VARIANT" not in path}
        missing = {path for path in fixed if not (ROOT / path).exists()}
        assert len(fixed) >= 3 and missing <= {"hwkit/places.toml", "docs/protocol.md"}, (
            page,
            missing,
        )
