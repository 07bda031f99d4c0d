"""The report: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwkit.files import write_whole
from hwkit.report import summary as schema
from hwkit.report.footprint import footprint
from hwkit.report.loop_section import loop
from hwkit.report.markup import Markup, join, tag
from hwkit.report.networks import networks
from hwkit.report.overview import overview
from hwkit.report.performance import performance
from hwkit.report.provenance import provenance
from hwkit.report.results import accuracy, exactness, verdict
from hwkit.report.searching import search
from hwkit.report.summary import Summary
from hwkit.report.tuning import tuning

_STYLE = Path(__file__).with_name("style.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_NAVIGATION = (
    ("overview", "Overview"),
    ("exactness", "Bit-exactness"),
    ("accuracy", "Accuracy"),
    ("loop", "Loop"),
    ("tuning", "Tuning"),
    ("search", "Search"),
    ("profiles", "Time"),
    ("footprint", "Memory"),
    ("networks", "Networks"),
    ("provenance", "Provenance"),
)


def write_report(run: Summary | Mapping[str, Any], path: Path) -> None:
    """Writes the report of ``run`` (a ``Summary``, or the content of ``summary.json``) to ``path``.

    Raises ``FormatError`` for a content that isn't a summary, ``ConfigError`` when the disk
    refuses. Example: ``write_report(summary.load(run / "summary.json"), run / "report.html")``.
    """
    found = run if isinstance(run, Summary) else schema.parse(run)
    write_whole(path, render(found).encode())


def render(run: Summary) -> str:
    """The page as text; the same summary gives the same bytes."""
    parts = {
        "overview": overview(run),
        "exactness": exactness(run.exactness),
        "accuracy": accuracy(run.models),
        "loop": loop(run.loop),
        "tuning": tuning(run.tuning),
        "search": search(run.search),
        "profiles": performance(run.profiles),
        "footprint": footprint(run.deploys),
        "networks": networks(run.models),
        "provenance": provenance(run),
    }
    links = [tag("a", title, href=f"#{key}") for key, title in _NAVIGATION if parts[key]]
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", "hwkit report"),
            tag("p", f"{run.created_utc} · commit {run.commit[:12] or 'unknown'}", class_="meta"),
            verdict(run.exactness),
        ),
        tag("nav", *links, aria_label="Sections", class_="sections"),
        tag("main", *(parts[key] for key, _ in _NAVIGATION)),
    )
    return _whole(body)


def document(
    title: str, line: str, sections: Sequence[Markup | None], navigation: Markup | None = None
) -> str:
    """A page of its own: a title, a line below it, links to others, sections."""
    header = tag("header", tag("h1", title), tag("p", line, class_="meta"), navigation)
    return _whole(tag("body", header, tag("main", *sections)), f"{title} · hwkit")


def _whole(body: Markup, title: str = "hwkit report") -> str:
    return "<!doctype html>\n" + tag("html", _head(title), body, lang="en") + "\n"


def _head(title: str) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", join(Markup(_STYLE.read_text(encoding="utf-8")))),
    )
