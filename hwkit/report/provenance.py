"""Where it all comes from: tools, digests, and how long each stage took."""

from __future__ import annotations

from hwkit.report.elements import Column, bar, details, section, table
from hwkit.report.markup import Child, Markup, tag
from hwkit.report.numbers import count, real
from hwkit.report.summary import Summary


def provenance(summary: Summary) -> Markup | None:
    """Stages, tools and digests; None when nothing of it is known."""
    parts = [_seconds(summary), _tools(summary), _digests(summary)]
    if not any(parts):
        return None
    return section("provenance", "Provenance", *parts)


def _seconds(summary: Summary) -> Markup | None:
    if not summary.seconds:
        return None
    longest = max(summary.seconds.values())
    rows: list[list[Child]] = [
        [stage, bar(real(taken), taken, longest)] for stage, taken in summary.seconds.items()
    ]
    total = f"{count(sum(summary.seconds.values()))}"
    columns = [Column("Stage"), Column("Seconds", number=True)]
    return table("Wall-clock time of each stage", columns, rows, ["All", total], kind="bars")


def _tools(summary: Summary) -> Markup | None:
    found = dict(summary.tools)
    for deploy in summary.deploys:
        found = {**deploy.tools, **found}
    if not found:
        return None
    rows: list[list[Child]] = [[name, version] for name, version in sorted(found.items())]
    return table("Versions of the tools", [Column("Tool"), Column("Version")], rows)


def _digests(summary: Summary) -> Markup | None:
    models = [(model.name, model.digest) for model in summary.models]
    builds = [(f"{d.model} on {d.board}", d.digest) for d in summary.deploys]
    rows: list[list[Child]] = [
        [name, tag("code", digest)] for name, digest in (*models, *builds) if digest
    ]
    if not rows:
        return None
    columns = [Column("File"), Column("SHA-256")]
    return details("Digests", table("Digests of models and builds", columns, rows, kind="digests"))
