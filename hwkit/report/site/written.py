"""The pages as files that need no server."""

from __future__ import annotations

from pathlib import Path

from hwkit.files import write_whole
from hwkit.report.site.pages import Site


def write_site(site: Site, folder: Path) -> int:
    """Writes every page of ``Site.names`` into ``folder``; gives their number.

    ``ConfigError`` when the disk refuses. Example: ``write_site(site, Path("pages"))`` begins
    with ``pages/index.html``.
    """
    names = site.names()
    for name in names:
        write_whole(folder / name, (site.page(name) or "").encode())
    return len(names)
