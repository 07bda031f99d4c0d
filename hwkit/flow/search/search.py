"""The search: networks drawn, measured, and trained longer and longer while they are good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from hwkit import boards
from hwkit.allocate.budget import Budget
from hwkit.errors import BudgetInfeasible, ConfigError, UnsupportedOp
from hwkit.files import read_json
from hwkit.flow.search import halving
from hwkit.flow.search.known import Known
from hwkit.flow.search.networks import Network, check_known, costs, within
from hwkit.flow.search.sampling import Asked, Sampler
from hwkit.flow.search.space import Space, Value
from hwkit.flow.search.workers import Workers
from hwkit.flow.tuning.device import OnBoard
from hwkit.flow.tuning.steps import Steps
from hwkit.train.recipe import Recipe, recipe_text

AT_ONCE = 4
"""Networks that are asked for before any of them is answered: what may be trained side by side
must not change which these are."""
_MEASURED = 4
"""Networks that are measured at most, in terms of those that are to hold the budget."""
_ASKED = 20
"""Points that are asked for at most, likewise: many may be the same network, or none."""


Answer: TypeAlias = Network | Mapping[str, float] | None
"""A network as measured; of one that is too large, the least that it takes; None: no network."""


@dataclass(slots=True)
class Search:
    """A search of ``space`` for ``board`` within ``budget``: ``networks`` that were measured, by
    number; ``run_folders`` of those that were trained in full; ``dismissed`` the least of others
    that are too large, and ``refused`` why still others are no networks for the board."""

    space: Space
    board: str
    budget: Budget
    steps: Steps
    workers: Workers
    networks: dict[int, Network] = field(default_factory=dict)
    run_folders: dict[int, Path] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    dismissed: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def resources(self) -> list[str]:
        """Costs that count: those that are limited."""
        return list(self.budget.limits())

    def run(self) -> list[int]:
        """Numbers of the networks that were trained in full, most accurate integers first.

        Raises ``BudgetInfeasible`` where no network that was looked at holds the budget,
        ``TrainingDiverged`` where none could be trained.
        """
        from hwkit.train.fit import TrainingDiverged

        first, *longer = halving.shares(self.space.effort)
        going = self._drawn(first)
        for share in longer:
            count = halving.count_after(len(going), self.space.effort)
            going = halving.promoted(going, self.networks, self.resources, count)
            self._train(going, share)
        if not self.run_folders:
            raise TrainingDiverged(f"{self.space.path}: every training; lower learning_rate")
        return sorted(self.run_folders, key=lambda n: (-self.networks[n].accuracy, n))

    def front(self) -> list[int]:
        """Of those trained in full, the ones that no other beats in accuracy and all costs."""
        return halving.front(sorted(self.run_folders), self.networks, self.resources)

    def _drawn(self, share: float) -> list[int]:
        """Networks that hold the budget, each trained by ``share``."""
        effort, seed = self.space.effort, self.space.recipe(self.space.least()).seed
        wanted = min(effort.candidates, self.space.size())
        sampler = Sampler(self.space, self.resources, seed, max(2, wanted // 2))
        answers: dict[str, Answer] = {}
        asked_for, anywhere = 0, False
        while (
            len(holding := self._holding()) < wanted
            and len(self.networks) < _MEASURED * wanted
            and asked_for < _ASKED * wanted
        ):
            batch = [sampler.ask(anywhere) for _ in range(AT_ONCE)]
            asked_for += len(batch)
            before = len(answers)
            found = [(asked, self._answer(asked, answers)) for asked in batch]
            anywhere = len(answers) == before
            self._train([n for n in self._holding() if n not in holding], share)
            for asked, answer in found:
                self._tell(sampler, asked, answer)
        if not holding:
            raise self._infeasible()
        return holding

    def _holding(self) -> list[int]:
        return [n for n, network in self.networks.items() if network.holds]

    def _answer(self, asked: Asked, answers: dict[str, Answer]) -> Answer:
        """What is known of the network that was asked for: measured, unless what is known of its
        parts shows that it is too large."""
        try:
            recipe = self.space.recipe(asked.chosen)
            text = recipe_text(recipe)
            if text in answers:
                return answers[text]
            answers[text] = self._dismissed(recipe)
            if answers[text] is None:
                found = costs(self.steps, recipe, self.board)
        except (ConfigError, UnsupportedOp) as error:
            self.refused.append(str(error))
            return None
        if answers[text] is None:
            answers[text] = self._measured(recipe, asked.chosen, found)
        return answers[text]

    def _dismissed(self, recipe: Recipe) -> dict[str, float] | None:
        """The least that ``recipe`` takes, where that breaks a limit."""
        from hwkit.train.data import shape_of
        from hwkit.train.untrained import weight_bytes

        clock_hz = boards.load(self.board).clock_hz
        least = self.known.least(recipe, shape_of(recipe), weight_bytes(recipe), clock_hz)
        limits = self.budget.limits()
        if all(least.get(key, 0.0) <= limit for key, limit in limits.items()):
            return None
        found = {key: least.get(key, limit) for key, limit in limits.items()}
        self.dismissed.append(found)
        return found

    def _measured(self, recipe: Recipe, chosen: Mapping[str, Value], found: OnBoard) -> Network:
        from hwkit.train.data import shape_of

        check_known(found.figures, self.budget, self.board)
        predicted = self.known.predicted(recipe, shape_of(recipe))
        self.known.learn(recipe, shape_of(recipe), found.measurement)
        number = len(self.networks) + 1
        network = Network(
            number=number,
            recipe=recipe,
            chosen=chosen,
            figures=found.figures,
            evidence=found.measurement.evidence,
            holds=within(found.figures, self.budget),
            predicted_cycles=predicted,
        )
        self.networks[number] = network
        return network

    def _tell(self, sampler: Sampler, asked: Asked, answer: Answer) -> None:
        limits = self.budget.limits()
        if answer is None:
            sampler.refuse(asked)
        elif isinstance(answer, Network):
            sampler.tell(asked, answer.accuracy, answer.figures, limits)
        else:
            sampler.tell(asked, 0.0, answer, limits)

    def _train(self, numbers: Sequence[int], share: float) -> None:
        folders = self.workers.train([self.networks[n].recipe for n in numbers], share)
        for number, folder in zip(numbers, folders, strict=True):
            accuracy = read_json(folder / "rung.json")["accuracy"]
            if (folder / "train.json").is_file():
                self.run_folders[number] = folder
            self.networks[number].rungs.append(float(accuracy))

    def _infeasible(self) -> BudgetInfeasible:
        """Each limit that no network held, with the least that was seen; where each was held by
        some, the network that is nearest to all."""
        limits = self.budget.limits()
        seen = [network.figures for network in self.networks.values()]
        many = f"of {len(seen)} networks measured"
        if not seen:
            seen, many = self.dismissed, "in weights alone"
        if not seen:
            return BudgetInfeasible(
                f"{self.space.path}: none of {len(self.refused)} choices makes a network for "
                f"{self.board}; the first: {self.refused[0]}"
            )
        least = {key: min(figures[key] for figures in seen) for key in limits}
        broken = [key for key, limit in limits.items() if least[key] > limit]
        if broken:
            reasons = "; ".join(
                f"{key} {limits[key]:.0f}, least reached {least[key]:.0f}" for key in broken
            )
            return BudgetInfeasible(f"budget cannot be met: {reasons} {many}; widen it")
        near = min(seen, key=lambda figures: max(figures[k] / v for k, v in limits.items()))
        reached = ", ".join(f"{key} {near[key]:.0f} of {limits[key]:.0f}" for key in limits)
        return BudgetInfeasible(
            f"budget cannot be met: no network {many} holds all limits; nearest: {reached}; "
            "widen it, or the ranges"
        )
