"""``hwkit tune``: the loop from what was asked to the files of the run folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.allocate.budget import Budget, parse
from hwkit.allocate.plan import BitPlan
from hwkit.errors import ConfigError
from hwkit.files import read_json, real_folder, replace_folder, write_whole
from hwkit.flow import summarize
from hwkit.flow.tune import ROUNDS, Tuned
from hwkit.flow.tuning import steps as kept
from hwkit.flow.tuning.device import graph_of
from hwkit.flow.tuning.run import Tuning, maps_for, widths_for
from hwkit.flow.tuning.source import Source
from hwkit.profile.commit import source_commit
from hwkit.profile.measurement import now_utc
from hwkit.report.page import write_report
from hwkit.report.summary import Deploy, Summary
from hwkit.report.summary import Tuning as Shown

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is tuned for: each of ``names`` within the budget of the same place in ``budgets``, by
    one plan for all of them if ``together``; or, with ``accuracy`` (percentage points that may be
    lost, as -0.5), the plan that takes least of the resource ``minimise`` (and holds the budgets,
    if there are any).
    ``widths`` on offer (None: what the boards store), ``maps`` those of feature maps (None: see
    ``run.maps_for``), at most ``rounds`` plans, and whether uniform widths are tried too."""

    names: tuple[str, ...]
    budgets: tuple[str, ...] = ()
    accuracy: float | None = None
    minimise: str | None = None
    together: bool = False
    widths: tuple[int, ...] | None = None
    maps: tuple[int, ...] | None = None
    rounds: int = ROUNDS
    baselines: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: the ``plans`` by board, whether all hold on their boards, and the report's
    content; ``steps`` how many were done and kept."""

    plans: Mapping[str, BitPlan]
    within_budget: bool
    summary: Summary
    steps: Mapping[str, int]


def each_budget(names: Sequence[str], budgets: Sequence[str]) -> tuple[str, ...]:
    """A budget for each board; ``ConfigError`` where neither one nor one for each is given."""
    if not budgets:
        return ()
    if len(budgets) not in (1, len(names)):
        raise ConfigError(
            f"{len(names)} boards and {len(budgets)} budgets; give one for all, or one for each"
        )
    return tuple(budgets) * (len(names) // len(budgets))


def widths_given(text: str | None) -> tuple[int, ...] | None:
    """``8,4,2`` as numbers. ``ConfigError`` for anything else."""
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() and len(part.strip()) == 1 for part in parts):
        raise ConfigError(f"widths {text!r:.40}: give numbers of bits, as 8,4,2")
    return tuple(int(part) for part in parts)


def tuned(source: Source, wanted: Wanted, run: Path, say: Say) -> Done:
    """Tunes ``source`` into the folder ``run``: for each board ``plan-B.json``, ``model-B.hwk`` and
    the build in ``B``, then ``summary.json`` and ``report.html``.

    Started again after any end, it does what is left. ``say`` is told each step. Raises
    ``BudgetInfeasible`` where no plan can hold a budget.
    """
    run = real_folder(run)
    names = [boards.load(name).name for name in wanted.names]
    budgets = _budgets(wanted)
    chosen: dict[str, str] = {}
    with kept.opened(run, say) as steps:
        widths = widths_for(wanted.names, wanted.widths)
        tuning = Tuning(source, steps, widths, maps_for(budgets, wanted.maps))
        found = _found(tuning, wanted, budgets)
        for board, (one, title) in zip(names, found, strict=True):
            if one.within_budget:
                chosen[board] = title
            _leave(run, board, one.plan, *tuning.made[f"{title} {board}"])
        if wanted.baselines:
            for name, budget in zip(wanted.names, budgets, strict=True):
                tuning.baselines(name, budget)
        asked = dict(zip(names, _asked(wanted), strict=True))
        limits = {name: budget.limits() for name, budget in zip(names, budgets, strict=True)}
        shown = Shown(source.name, asked, tuple(tuning.tried), chosen, limits)
        summary = _summary(tuning, shown)
        summary.save(run / "summary.json")
        write_report(summary, run / "report.html")
        plans = {board: one.plan for board, (one, _) in zip(names, found, strict=True)}
        within = all(one.within_budget for one, _ in found)
        return Done(plans, within, summary, dict(steps.counted))


def _budgets(wanted: Wanted) -> list[Budget]:
    """One for each board. ``ConfigError`` for what does not fit together."""
    if not wanted.budgets and wanted.accuracy is None:
        raise ConfigError("nothing to hold; give --budget latency=..,flash=.. or --accuracy -0.5")
    if wanted.accuracy is not None and not (-100 < wanted.accuracy <= 0):
        raise ConfigError(
            f"accuracy {wanted.accuracy:g}: is a loss in percentage points, 0 or below; e.g. -0.5"
        )
    if wanted.accuracy is not None and wanted.together:
        raise ConfigError(
            "one plan for all boards is found within budgets; leave --together or --accuracy out"
        )
    repeated = len({boards.load(name).name for name in wanted.names}) < len(wanted.names)
    if repeated or not wanted.names:
        raise ConfigError(f"boards {', '.join(wanted.names)}: give each once")
    texts = wanted.budgets or ("",) * len(wanted.names)
    return [parse(text) if text else Budget() for text in texts]


def _asked(wanted: Wanted) -> list[str]:
    texts = wanted.budgets or ("",) * len(wanted.names)
    loss = [] if wanted.accuracy is None else [f"accuracy {wanted.accuracy:g}"]
    return [", ".join([*([text] if text else []), *loss]) for text in texts]


def _found(tuning: Tuning, wanted: Wanted, budgets: Sequence[Budget]) -> list[tuple[Tuned, str]]:
    """How the loop ended for each board, and the title of the plan that it ended with."""
    if wanted.together:
        ended = tuning.within(wanted.names, budgets, wanted.rounds)
        return [(one, tuning.tried[-1].title) for one in ended]
    found = []
    for name, budget in zip(wanted.names, budgets, strict=True):
        if wanted.accuracy is None:
            (one,) = tuning.within((name,), (budget,), wanted.rounds)
        else:
            one = tuning.cheapest(name, budget, -wanted.accuracy, wanted.minimise)
        title = next(t.title for t in reversed(tuning.tried) if t.state is one.after)
        found.append((one, title))
    return found


def _leave(run: Path, board: str, plan: BitPlan, made: Path, found: Any) -> None:
    """What users take away, each file whole."""
    plan.save(run / f"plan-{board}.json")
    write_whole(run / f"model-{board}.hwk", (made / "model.hwk").read_bytes())
    beside = Path(tempfile.mkdtemp(dir=run / "steps", prefix=f".{board[:40]}."))
    try:
        shutil.copytree(found.folder, beside, dirs_exist_ok=True)
        beside.chmod(0o755)
        replace_folder(beside, run / board)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _summary(tuning: Tuning, shown: Shown) -> Summary:
    models, exactness, profiles, deploys, tools = [], [], [], [], dict[str, str]()
    for title, (run, found) in tuning.made.items():
        trained = read_json(run / "train.json")
        models.append(summarize.model_part(title, graph_of(run), trained))
        exactness.append(_named(found.exactness, title))
        profiles.append(_named(found.measurement, title))
        deploys.append(Deploy.from_facts(title, found.facts, boards.load(found.board)))
        tools.update(found.facts["tools"])
        tools.update(trained["versions"])
    return Summary(
        created_utc=now_utc(),
        commit=source_commit(),
        models=tuple(models),
        exactness=tuple(exactness),
        profiles=tuple(profiles),
        deploys=tuple(deploys),
        tuning=shown,
        tools=tools,
    )


def _named(record: Any, title: str) -> Any:
    return replace(record, model=title)
