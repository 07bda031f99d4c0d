"""What wheels and source archives know beside their files: the commit that they are of."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts ``hwkit/_data/commit`` into either, where ``hwkit.revision`` reads it; a wheel made of a
    source archive has that of the archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable installation asks git each time; no file is made outside a repository."""
        if version == "editable" or not (Path(self.root) / ".git").exists():
            return
        commit = self._git("rev-parse", "HEAD")
        if commit and self._git("status", "--porcelain", "--untracked-files=no"):
            commit += "+changes"
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "commit"
        path.write_text(f"{commit}\n")
        build_data["force_include"][str(path)] = "hwkit/_data/commit"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """It is built: nothing stays beside it."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()
