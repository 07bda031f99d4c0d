"""The closed loop on one network: allocate, retrain, build, measure, tighten, until it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hwkit import boards, targets
from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostTable, Sensitivity, SensitivityRow
from hwkit.allocate.plan import BitPlan
from hwkit.allocate.solve import front
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.files import read_json, write_json
from hwkit.flow import loop
from hwkit.flow.tune import ROUNDS, Tuned, holds, tune_fleet
from hwkit.flow.tuning.device import OnBoard, graph_of, loop_state, on_board
from hwkit.flow.tuning.maps import inputs_of, sensitivity_of_maps
from hwkit.flow.tuning.source import Source
from hwkit.flow.tuning.steps import Steps
from hwkit.ir import serialize
from hwkit.profile.book import CostBook, HasCosts
from hwkit.record import from_json, to_json
from hwkit.report.summary import LoopState, Tried

LEGAL = (8, 6, 5, 4, 3, 2)
"""Widths that can be trained and quantized, of which a plan may choose what its board stores."""
_MOST_ON_FRONT = 16
"""Plans among which an accuracy is looked for: four are trained."""
UNIFORM = (8, 6, 4)
"""Widths that every tuning is compared with."""


@dataclass(slots=True)
class Tuning:
    """One network's tuning: its ``steps``, and all that was ``tried`` so far."""

    source: Source
    steps: Steps
    widths: tuple[int, ...]
    maps: tuple[int, ...] = ()
    book: CostBook = field(default_factory=CostBook)
    tried: list[Tried] = field(default_factory=list)
    made: dict[str, tuple[Path, OnBoard]] = field(default_factory=dict)

    def first(self) -> Path:
        """The run folder of the network at 8 bits."""
        made_of = [self.source.made_of(), list(self.widths)]
        return self.steps.done(
            "train-8", made_of, lambda out: self.source.make(out, self.widths, self.steps.told)
        )

    def table(self, board: str) -> CostTable:
        """What widths cost on ``board``."""
        description = boards.load(board)
        target = targets.get(description)
        if not isinstance(target, HasCosts):
            raise ConfigError(
                f"board {board}: weight widths change no cost that is known there; tune for a "
                "microcontroller board such as virtual_m4, an FPGA board such as ulx3s_85f, or for "
                "host_litert"
            )
        graph = graph_of(self.first())
        tools = dict(target.tools(description))
        widths = [list(self.widths), list(self.maps)]
        made_of = [serialize.digest(graph), to_json(description), tools, widths]
        made_of.append(loop.machine(description))

        def measure(out: Path) -> None:
            found = target.costs(graph, description, self.widths, self.maps, self.book)
            write_json(out / "cost.json", to_json(found))

        path = self.steps.done(f"costs-{description.name}", made_of, measure) / "cost.json"
        return from_json(CostTable, read_json(path), str(path))

    def sensitivity(self) -> Sensitivity:
        """What widths do to the network."""
        first = self.first()
        found = loop.read_sensitivity(first / "sensitivity.json")
        if not self.maps:
            return found

        def measure(out: Path) -> None:
            rows = sensitivity_of_maps(graph_of(first), inputs_of(first), self.maps)
            write_json(out / "maps.json", [to_json(row) for row in rows])

        path = self.steps.done("maps", [first.name, list(self.maps)], measure) / "maps.json"
        rows = [from_json(SensitivityRow, row, str(path)) for row in read_json(path)]
        return replace(found, maps=tuple(rows))

    def at(self, plan: BitPlan) -> Path:
        """The run folder of the network at the widths of ``plan``."""
        first = self.first()
        narrow = {name: bits for name, bits in plan.activation_bits.items() if bits < 8}
        bare = BitPlan(dict(plan.weight_bits), activation_bits=narrow)
        made_of = [first.name, dict(bare.weight_bits), dict(bare.activation_bits)]
        widths = "-".join(str(b) for b in sorted(set(bare.weight_bits.values()), reverse=True))
        return self.steps.done(
            f"train-{widths}",
            made_of,
            lambda out: self.source.remake(out, bare, first, self.steps.told),
        )

    def trial(self, title: str, run: Path, board: str) -> LoopState:
        """The network in ``run`` as it is on ``board``."""
        graph = graph_of(run)
        found = on_board(self.steps, graph, board, inputs_of(run), self.book)
        self.made[f"{title} {found.board}"] = run, found
        trained = read_json(run / "train.json")
        return loop_state(
            trained["weight_bits"],
            trained["accuracy"]["integer"],
            found.figures,
            found.measurement.evidence,
            trained.get("activation_plan"),
        )

    def tables(self, names: Sequence[str]) -> list[CostTable]:
        """What widths cost on each board."""
        return [self.table(name) for name in names]

    def within(
        self, names: Sequence[str], asked: Sequence[Budget], rounds: int = ROUNDS
    ) -> tuple[Tuned, ...]:
        """The loop on boards that get one plan, until what each measures holds what was ``asked``
        of it.

        Raises ``BudgetInfeasible`` where no plan can.
        """

        def retrained(plans: Sequence[BitPlan]) -> list[LoopState]:
            run, title = self.at(plans[0]), self._title(plans[0].board)
            states = []
            for name, plan, budget in zip(names, plans, asked, strict=True):
                state = self.trial(title, run, name)
                states.append(state)
                self._note(title, plan, state, holds(state, budget))
            return states

        return tune_fleet(self.tables(names), self.sensitivity(), asked, retrained, rounds)

    def cheapest(self, board: str, asked: Budget, points: float, resource: str | None) -> Tuned:
        """Of the plans that no other beats in sensitivity and ``resource`` (None: LUTs where the
        board has them, else flash), the one that takes least of it and loses at most ``points``
        (percentage points, above 0) of the accuracy that the network has at 8 bits, by bisection:
        each that is looked at is trained and measured.

        Raises ``BudgetInfeasible`` where not even the least sensitive plan does.
        """
        table, sensitivity = self.table(board), self.sensitivity()
        least = self._accuracy() - points / 100
        if resource is None:
            resource = "lut" if all(row.lut is not None for row in table.rows) else "flash"
        plans = front(table, sensitivity, asked, resource, most=_MOST_ON_FRONT)
        kept: Tuned | None = None
        state: LoopState | None = None
        low, high = 0, len(plans) - 1
        while low <= high:
            middle = (low + high) // 2
            plan, title = plans[middle], self._title(table.board)
            state = self.trial(title, self.at(plan), board)
            good = (state.accuracy or 0.0) >= least - 1e-9 and holds(state, asked)
            self._note(title, plan, state, good)
            if good:
                kept, low = Tuned(plan, state, True), middle + 1
            else:
                high = middle - 1
        if kept is None:
            got = 0.0 if state is None or state.accuracy is None else state.accuracy
            raise BudgetInfeasible(
                f"accuracy of {least * 100:.2f} % cannot be held: the least sensitive plan reaches "
                f"{got * 100:.2f} %; allow a larger loss, or train for longer"
            )
        return kept

    def _accuracy(self) -> float:
        """Of the network at 8 bits, by its integers."""
        found = read_json(self.first() / "train.json")["accuracy"]["integer"]
        if found is None:
            raise ConfigError(
                f"{self.source.name}: its samples have no labels, so that no accuracy is known; "
                "give labelled ones with --test"
            )
        return float(found)

    def _title(self, board: str) -> str:
        return f"plan {sum(t.kind == 'plan' and t.board == board for t in self.tried) + 1}"

    def _note(self, title: str, plan: BitPlan, state: LoopState, kept: bool) -> None:
        self.tried.append(Tried(title, "plan", plan.board, state, plan.predicted, kept))

    def baselines(self, board: str, asked: Budget) -> None:
        """Adds the uniform widths to what was tried."""
        name = boards.load(board).name
        layers = read_json(self.first() / "train.json")["weight_bits"]
        for bits in UNIFORM:
            plan = BitPlan(dict.fromkeys(layers, bits))
            run = self.first() if set(layers.values()) == {bits} else self.at(plan)
            state = self.trial(f"all {bits} bits", run, board)
            kept = holds(state, asked) if asked.limits() else None
            self.tried.append(Tried(f"all {bits} bits", "uniform", name, state, {}, kept))


def widths_for(names: Sequence[str], given: Sequence[int] | None) -> tuple[int, ...]:
    """The widths on offer: those of ``given``, or all that each of the boards stores.

    ``ConfigError`` for a width that cannot be trained. Example: virtual_m4 has 8, 4 and 2.
    """
    if given is not None:
        wrong = [bits for bits in given if bits not in range(2, 9)]
        if wrong or not given:
            raise ConfigError(f"widths {list(given)}: each is 2 to 8; give for example 8,4,2")
        return tuple(sorted(set(given) | {8}, reverse=True))
    found = set(LEGAL)
    for name in names:
        board = boards.load(name)
        found &= set(targets.get(board).capabilities(board).weight_bits)
    return tuple(sorted(found | {8}, reverse=True))


def maps_for(budgets: Sequence[Budget], given: Sequence[int] | None) -> tuple[int, ...]:
    """Widths of feature maps on offer, () where they stay as they are: ``given``, or 8, 4 and 2
    bits where a budget limits SRAM or LUTs. ``ConfigError`` for a width that cannot be had."""
    if given is None:
        takes = any(b.sram_bytes is not None or b.lut is not None for b in budgets)
        return (8, 4, 2) if takes else ()
    wrong = [bits for bits in given if bits not in range(2, 9)]
    if wrong:
        raise ConfigError(f"activations {list(given)}: each is 2 to 8; give for example 8,4,2")
    narrow = tuple(sorted(set(given) - {8}, reverse=True))
    return (8, *narrow) if narrow else ()
