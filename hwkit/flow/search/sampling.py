"""Which network next: Optuna's multi-objective sampler, told accuracy, costs and limits of each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwkit.errors import ToolMissing
from hwkit.flow.search.space import Space, Value


@dataclass(frozen=True, slots=True)
class Asked:
    """A point of the space that the sampler asks about."""

    trial: Any
    chosen: Mapping[str, Value]


class Sampler:
    """Tree-structured Parzen estimators over the choices of ``space``: accuracy upwards, each of
    ``resources`` (keys of ``Budget.limits``) downwards. The same answers give the same questions.

    The first point is the cheapest, the first ``start`` others are random. Raises ``ToolMissing``
    without Optuna.
    """

    def __init__(self, space: Space, resources: Sequence[str], seed: int, start: int) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise ToolMissing(error.name or "optuna", "pip install 'hwkit[search]'") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._resources = space, tuple(resources)
        self._estimating = optuna.samplers.TPESampler(seed=seed, n_startup_trials=start)
        # Of another seed: the estimators begin with the random points of theirs.
        self._random = optuna.samplers.RandomSampler(seed=seed + 1)
        down = optuna.study.StudyDirection.MINIMIZE
        directions = [optuna.study.StudyDirection.MAXIMIZE, *(down for _ in resources)]
        self._study = optuna.create_study(directions=directions, sampler=self._estimating)
        self._failed = optuna.trial.TrialState.FAIL
        least = space.least()
        self._study.enqueue_trial({
            d.name: d.values.index(least[d.name]) if d.is_ordered else least[d.name]
            for d in self._dimensions()
        })  # fmt: skip

    def _dimensions(self) -> list[Any]:
        return [d for d in self._space.dimensions if len(d.values) > 1]

    def ask(self, anywhere: bool = False) -> Asked:
        """The next point, a random one if ``anywhere``: estimators ask about good points again."""
        self._study.sampler = self._random if anywhere else self._estimating
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._study.ask()
        chosen = {d.name: d.values[0] for d in self._space.dimensions}
        for d in self._dimensions():
            if d.is_ordered:
                chosen[d.name] = d.values[trial.suggest_int(d.name, 0, len(d.values) - 1)]
            else:
                chosen[d.name] = trial.suggest_categorical(d.name, d.values)
        return Asked(trial, chosen)

    def tell(
        self,
        asked: Asked,
        accuracy: float,
        figures: Mapping[str, float],
        limits: Mapping[str, float],
    ) -> None:
        """``accuracy`` (0..1; 0 of a network that was not trained) and costs of what was asked."""
        for key, limit in limits.items():
            asked.trial.set_constraint(key, figures[key] / limit - 1)
        self._study.tell(asked.trial, [accuracy, *(figures[key] for key in self._resources)])

    def refuse(self, asked: Asked) -> None:
        """What was asked is no network."""
        self._study.tell(asked.trial, state=self._failed)
