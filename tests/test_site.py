"""The site's pages: each in the menu, each link to a page that is there, some made from code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import hwkit
from hwkit.cli import hwkit as commands

ROOT = Path(hwkit.__file__).parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")


def pages() -> dict[str, str]:
    return {str(path.relative_to(DOCS)): path.read_text() for path in DOCS.rglob("*.md")}


def test_every_page_is_in_the_menu_once() -> None:
    menu = re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert len(menu) == len(set(menu))
    assert set(menu) == {page for page in pages() if not page.startswith("adr/0")}


def test_every_link_leads_to_a_page() -> None:
    found = 0
    for page, text in pages().items():
        for link in LINK.findall(text):
            if "://" not in link:
                found += 1
                assert (DOCS / page).parent.joinpath(link).is_file(), f"{page}: {link}"
        for name in re.findall(r'^--8<-- "([^"]+)"$', text, re.MULTILINE):
            assert (ROOT / name).is_file(), f"{page}: {name}"
    assert found > 20


def test_pages_that_are_made_from_code() -> None:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "hooks" / "reference.py")
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    made = {
        page: reference.on_page_markdown(text, None, None, None) for page, text in pages().items()
    }
    for name in commands.commands:
        assert f"\n## {name}\n" in made["commands.md"]
    assert "### campaign run" in made["commands.md"]
    assert "hwkit.deploy(graph: Graph, board: str, out: str | Path" in made["python.md"]
    decisions = re.findall(r"\]\((0[\w-]+\.md)\)", made["adr/index.md"])
    assert len(decisions) == len(list((DOCS / "adr").glob("0*.md")))
