"""Trainings side by side: each in a process of its own, one thread each."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from hwkit.errors import ConfigError, HwkitError
from hwkit.flow.tuning.steps import Steps
from hwkit.train.recipe import Recipe

T = TypeVar("T")


class Workers:
    """Trains networks into the steps of a search, ``jobs`` at a time; 1 trains in this process."""

    def __init__(self, steps: Steps, jobs: int) -> None:
        self._steps = steps
        self._pool: ProcessPoolExecutor | None = None
        if jobs > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(jobs, context, _ends_with_its_parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def train(self, recipes: Sequence[Recipe], share: float) -> list[Path]:
        """The folder of the step that trained each of ``recipes`` by ``share`` of its epochs."""
        if self._pool is None:
            return [trained(self._steps, recipe, share) for recipe in recipes]
        if recipes:
            self._steps.told(f"training {len(recipes)} networks")
        done = sum(self.results(_apart, [(self._steps.folder, one, share) for one in recipes]))
        folders = [trained(self._steps, recipe, share) for recipe in recipes]
        self._steps.counted["done"] += done
        self._steps.counted["kept"] -= done
        return folders

    def results(self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
        """What ``function`` gives for each of ``arguments``, side by side, in their order; it and
        they are sent to other processes.

        Raises what it raises, and ``ConfigError`` where a process is ended from outside.
        """
        assert self._pool is not None
        each = [self._pool.submit(function, *given) for given in arguments]
        try:
            return [one.result() for one in each]
        except BrokenProcessPool as error:
            raise ConfigError(
                "a training was ended from outside, as where memory runs out; give fewer --jobs"
            ) from error


def trained(steps: Steps, recipe: Recipe, share: float) -> Path:
    """One training as a step: of less than all epochs by ``rung.short``, else by ``rung.full``."""
    from hwkit.train import rung

    if share < 1:
        made_of = [rung.made_of(recipe), share]
        return steps.done("short", made_of, lambda out: rung.short(recipe, share, out))
    return steps.done("full", rung.made_of(recipe), lambda out: rung.full(recipe, out))


def _apart(folder: Path, recipe: Recipe, share: float) -> int:
    """How many steps were done, none where one was there. Errors cross as ``ConfigError``: those
    of more than a text cannot."""
    steps = Steps(folder)
    try:
        trained(steps, recipe, share)
    except HwkitError as error:
        raise ConfigError(str(error)) from None
    return steps.counted["done"]


def _ends_with_its_parent() -> None:
    """A parent that is killed says nothing to its children: each watches it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
