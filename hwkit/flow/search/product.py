"""``hwkit search``: from a space and a budget to the files of the run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.allocate.budget import parse
from hwkit.files import read_json, real_folder, write_json, write_whole
from hwkit.flow import summarize
from hwkit.flow.search.networks import Network, within
from hwkit.flow.search.search import Search
from hwkit.flow.search.space import Space
from hwkit.flow.search.workers import Workers, trained
from hwkit.flow.training import train
from hwkit.flow.tuning import steps as kept
from hwkit.flow.tuning.device import OnBoard, graph_of, loop_state, on_board
from hwkit.flow.tuning.maps import inputs_of
from hwkit.formats import stamped
from hwkit.profile.commit import source_commit
from hwkit.profile.measurement import now_utc
from hwkit.report.page import write_report
from hwkit.report.summary import Deploy, LoopState, Searched, Shape, Summary, Tried
from hwkit.train.recipe import read_recipe, recipe_text

Say = Callable[[str], None]
_SEAL = "step.json"


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it: the content of ``search.json``, and whether the winner holds the budget
    on the board as it was trained."""

    facts: Mapping[str, Any]
    within_budget: bool


@dataclass(frozen=True, slots=True)
class Winner:
    """A network of the search, trained on all training samples and built for the board."""

    network: Network
    run: Path
    on_board: OnBoard
    accuracy: float
    holds: bool


def searched(
    space: Space,
    board: str,
    budget: str,
    run: Path,
    say: Say,
    against: Sequence[str] = (),
    jobs: int = 1,
) -> Found:
    """Searches ``space`` into the folder ``run``: ``recipe.toml`` and all that ``hwkit train``
    makes of it, ``search.json``, ``summary.json`` and ``report.html``. The recipes ``against``
    are trained and measured to compare with; ``jobs`` trainings go on at once.

    Started again after any end, it does what is left. Raises ``BudgetInfeasible`` where no network
    that was looked at holds the budget.
    """
    limits, name = parse(budget), boards.load(board).name
    others = {read_recipe(path).name: read_recipe(path) for path in against}
    run = real_folder(run)
    with kept.opened(run, say) as steps, Workers(steps, jobs) as workers:
        search = Search(space, board, limits, steps, workers)
        order = search.run()
        tried = [_tried(search.networks[n], search.run_folders[n], name) for n in order]
        workers.train(list(others.values()), 1)
        for title, recipe in others.items():
            folder = trained(steps, recipe, 1)
            found = on_board(steps, graph_of(folder), board, inputs_of(folder))
            state = _state(folder, found)
            tried.append(Tried(title, "uniform", name, state, {}, within(found.figures, limits)))
        winner = _winner(search, order)
        _leave(run, winner)
        shown = Searched(
            network=space.name,
            board=name,
            asked=budget,
            looked_at=tuple(_shape(network) for network in search.networks.values()),
            tried=tuple(tried),
            chosen=winner.network.title if winner.holds else None,
            limits=limits.limits(),
        )
        facts = _facts(search, winner, shown, dict(steps.counted))
        summary = _summary(winner, shown)
        summary.save(run / "summary.json")
        write_report(summary, run / "report.html")
        steady = {key: value for key, value in facts.items() if key != "steps"}
        write_json(run / "search.json", stamped("search.json", steady))
        return Found(facts, winner.holds)


def _winner(search: Search, order: Sequence[int]) -> Winner:
    """The most accurate network that holds the budget as trained; the most accurate one where
    none does."""
    first: Winner | None = None
    for number in order:
        network = search.networks[number]
        made_of = [search.run_folders[number].name, "all samples"]

        def make(out: Path, network: Network = network) -> None:
            write_whole(out / "recipe.toml", recipe_text(network.recipe).encode())
            train(out / "recipe.toml", out, None, search.steps.told)

        run = search.steps.done("winner", made_of, make)
        found = on_board(search.steps, graph_of(run), search.board, inputs_of(run))
        accuracy = read_json(run / "train.json")["accuracy"]["integer"]
        one = Winner(network, run, found, accuracy, within(found.figures, search.budget))
        if one.holds:
            return one
        first = first or one
    assert first is not None  # ``run`` gives at least one
    return first


def _leave(run: Path, winner: Winner) -> None:
    """What users take away, each file whole."""
    for path in sorted(winner.run.iterdir()):
        if path.name != _SEAL:
            write_whole(run / path.name, path.read_bytes())


def _state(run: Path, found: OnBoard) -> LoopState:
    trained_as = read_json(run / "train.json")
    return loop_state(
        trained_as["weight_bits"],
        trained_as["accuracy"]["integer"],
        found.figures,
        found.measurement.evidence,
    )


def _tried(network: Network, folder: Path, board: str) -> Tried:
    bits = read_json(folder / "train.json")["weight_bits"]
    state = loop_state(bits, network.accuracy, network.figures, network.evidence)
    return Tried(network.title, "plan", board, state, {}, network.holds)


def _shape(network: Network) -> Shape:
    return Shape(
        number=network.number,
        chosen={key: str(value) for key, value in network.chosen.items()},
        figures=network.figures,
        holds=network.holds,
        rungs=tuple(network.rungs),
    )


def _facts(
    search: Search, winner: Winner, shown: Searched, counted: Mapping[str, int]
) -> dict[str, Any]:
    networks = [
        {
            "number": n.number,
            "chosen": dict(n.chosen),
            "figures": dict(n.figures),
            "predicted_cycles": n.predicted_cycles,
            "holds": n.holds,
            "rungs": n.rungs,
        }
        for n in search.networks.values()
    ]
    return {
        "space": shown.network,
        "board": shown.board,
        "budget": shown.asked,
        "evidence": winner.network.evidence,
        "within_budget": winner.holds,
        "winner": {
            "number": winner.network.number,
            "accuracy": winner.accuracy,
            "held_out_accuracy": winner.network.accuracy,
            "figures": dict(winner.on_board.figures),
            "before_training": dict(winner.network.figures),
        },
        "front": search.front(),
        "networks": networks,
        "dismissed": len(search.dismissed),
        "refused": search.refused,
        "against": [
            {
                "recipe": one.title,
                "held_out_accuracy": one.state.accuracy,
                "figures": one.state.figures(),
            }
            for one in shown.tried
            if one.kind == "uniform"
        ],
        "steps": dict(counted),
    }  # fmt: skip


def _summary(winner: Winner, shown: Searched) -> Summary:
    title, found = winner.network.title, winner.on_board
    trained_as = read_json(winner.run / "train.json")
    return Summary(
        created_utc=now_utc(),
        commit=source_commit(),
        models=(summarize.model_part(title, graph_of(winner.run), trained_as),),
        exactness=(replace(found.exactness, model=title),),
        profiles=(replace(found.measurement, model=title),),
        deploys=(Deploy.from_facts(title, found.facts, boards.load(found.board)),),
        search=shown,
        tools={**found.facts["tools"], **trained_as["versions"]},
    )
