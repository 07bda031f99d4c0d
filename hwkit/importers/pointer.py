"""Files that are not there yet: Git LFS leaves a short text in place of a large file."""

from __future__ import annotations

from pathlib import Path

from hwkit.errors import FormatError

_MARK = b"version https://git-lfs.github.com/spec/"


def refuse_pointer(head: bytes, path: Path) -> None:
    """``FormatError`` where the file that begins with ``head`` is a Git LFS pointer."""
    if head.startswith(_MARK):
        raise FormatError(f"{path}: this is a Git LFS pointer, not the file; run git lfs pull")
