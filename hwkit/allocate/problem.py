"""Cost tables, sensitivities and budgets as an integer linear program.

A layer's choice is a pair of widths, of its weights and of the map that it reads, where the table
knows pairs; a map's choice is its width. What ties them (layers of a group, readers of a map) are
rows of the program, and code that comes with the first user of a width is a choice of its own, on
or off. Several tables are several boards that run one network: its widths are chosen once, and
each board's resources are limited by its own budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostRow, CostTable, Sensitivity
from hwkit.allocate.program import Peak, Program
from hwkit.allocate.resource import Resource, resources
from hwkit.errors import ConfigError
from hwkit.ir.types import Array

Key = tuple[str, int, int | None]
"""Layer, bits of its weights, bits of the map that it reads."""


@dataclass(frozen=True, slots=True)
class _Option:
    """One variable: the ``rows`` of the layers of one choice, or a ``map``'s row, or (neither) a
    switch for ``code_bytes`` on the board of table ``of``."""

    choice: int
    rows: tuple[int, ...] = ()
    map: int | None = None
    of: int = 0
    code_bytes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The program of ``tables`` with equal rows, and what its variables mean."""

    tables: tuple[CostTable, ...]
    options: tuple[_Option, ...]
    program: Program

    def widths(self, variables: Array) -> tuple[dict[str, int], dict[str, int]]:
        """Widths of weights by layer, in the table's order, and of maps, as far as layers or rows
        of maps say them."""
        table = self.tables[0]
        layers: dict[str, int] = dict.fromkeys((row.layer for row in table.rows), 0)
        maps: dict[str, int] = {}
        for option in (self.options[v] for v in variables):
            for row in (table.rows[i] for i in option.rows):
                layers[row.layer] = row.bits
                if row.activation_bits is not None and row.layer in table.reads:
                    maps[table.reads[row.layer]] = row.activation_bits
            if option.map is not None:
                own = table.maps[option.map]
                maps[own.map] = own.bits
        return layers, maps


def problem(
    tables: Sequence[CostTable],
    sensitivity: Sensitivity,
    budgets: Sequence[Budget],
    groups: Sequence[Sequence[str]] = (),
) -> Problem:
    """The program; ``ConfigError`` for inputs that don't fit together."""
    tables = alike(tables)
    table = tables[0]
    harm, harm_of_maps = _harm(table, sensitivity)
    options, links = _options(table, groups)
    switches = []
    for of, one in enumerate(tables):
        for part in one.shared:
            users = [v for v, o in enumerate(options) if _uses(one, o, part.of, part.widths)]
            choice = options[-1].choice + 1
            options += [_Option(choice), _Option(choice, of=of, code_bytes=part.flash_bytes)]
            switches.append((np.array(users, dtype=np.int64), len(options) - 1))
    values = [
        math.fsum(harm[i] for i in o.rows) + (0.0 if o.map is None else harm_of_maps[o.map])
        for o in options
    ]
    spent, amounts, peaks = [], {}, {}
    for of, (one, budget) in enumerate(zip(tables, budgets, strict=True)):
        for plain in resources(one, budget):
            name = plain.name if len(tables) == 1 else f"{plain.name} on {one.board}"
            resource = replace(plain, name=name)
            spent.append(resource)
            if resource.peak:
                peaks[name] = _peaks(one, resource, options)
            else:
                amounts[name] = _amounts(resource, options, of if plain.name == "flash" else None)
    program = Program(
        owner=np.array([o.choice for o in options]),
        sensitivity=np.array(values),
        amounts=amounts,
        resources=tuple(spent),
        peaks=peaks,
        links=links,
        switches=tuple(switches),
    )
    return Problem(tuple(tables), tuple(options), program)


def alike(tables: Sequence[CostTable]) -> tuple[CostTable, ...]:
    """The tables with the rows that all of them have, in the order of the first: widths that every
    board can take. ``ConfigError`` for tables of different layers or maps."""
    first, *others = tables
    if not others:
        return (first,)
    keys, maps = set(map(_key, first.rows)), {(row.map, row.bits) for row in first.maps}
    for table in others:
        keys &= set(map(_key, table.rows))
        maps &= {(row.map, row.bits) for row in table.maps}
        for what in ("rows", "maps"):
            if _names(table, what) != _names(first, what) or table.reads != first.reads:
                raise ConfigError(
                    f"cost tables of {first.board} and {table.board} are of different networks"
                )
    if {layer for layer, _, _ in keys} != _names(first, "rows"):
        raise ConfigError(f"cost tables of {first.board} and others: a layer has no common width")
    order = [_key(row) for row in first.rows if _key(row) in keys]
    order_of_maps = [pair for row in first.maps if (pair := (row.map, row.bits)) in maps]
    found = []
    for table in tables:
        row_of = {_key(row): row for row in table.rows}
        map_of = {(row.map, row.bits): row for row in table.maps}
        rows = tuple(row_of[key] for key in order)
        found.append(replace(table, rows=rows, maps=tuple(map_of[pair] for pair in order_of_maps)))
    return tuple(found)


def _key(row: CostRow) -> Key:
    return row.layer, row.bits, row.activation_bits


def _names(table: CostTable, what: str) -> set[str]:
    return {row.layer for row in table.rows} if what == "rows" else {r.map for r in table.maps}


def _harm(table: CostTable, sensitivity: Sensitivity) -> tuple[list[float], list[float]]:
    """Sensitivities in the order of the rows and of the maps' rows."""
    known = {(r.layer, r.bits, r.activation_bits): r.value for r in sensitivity.rows}
    found = []
    for row in table.rows:
        value = known.get(_key(row), known.get((row.layer, row.bits, None)))
        if value is None:
            raise ConfigError(
                f"sensitivity: {row.where} is missing, but the cost table of {table.board} offers "
                "it; measure it or drop the row"
            )
        found.append(value)
    of_maps = {(r.layer, r.bits): r.value for r in sensitivity.maps}
    for map_row in table.maps:
        if (map_row.map, map_row.bits) not in of_maps:
            raise ConfigError(
                f"sensitivity: map {map_row.map} at {map_row.bits} bits is missing, but the cost "
                f"table of {table.board} offers it; measure it or drop the row"
            )
    return found, [of_maps[row.map, row.bits] for row in table.maps]


def _options(
    table: CostTable, groups: Sequence[Sequence[str]]
) -> tuple[list[_Option], tuple[tuple[Array, Array], ...]]:
    """The variables of layers and maps, and the ties between them."""
    rows_of: dict[str, list[int]] = {}
    for i, row in enumerate(table.rows):
        rows_of.setdefault(row.layer, []).append(i)
    group_of = _group_of(groups, rows_of)
    paired = any(row.activation_bits is not None for row in table.rows)
    options: list[_Option] = []
    choices = dict.fromkeys(
        (layer,) if paired else group_of.get(layer, (layer,)) for layer in rows_of
    )
    for choice, layers in enumerate(choices):
        for rows in _together(table, [rows_of[layer] for layer in layers]):
            options.append(_Option(choice, rows))
    maps: dict[str, list[int]] = {}
    for i, own in enumerate(table.maps):
        maps.setdefault(own.map, []).append(i)
    for choice, found in enumerate(maps.values(), len(choices)):
        options += [_Option(choice, map=i) for i in found]
    ties = _Ties(table, options)
    links = [link for group in sorted(set(group_of.values())) for link in ties.of_group(group)]
    of_maps = [link for name in dict.fromkeys(table.reads.values()) for link in ties.of_map(name)]
    return options, (*(links if paired else ()), *of_maps)


def _group_of(
    groups: Sequence[Sequence[str]], layers: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for layer in group:
            if layer not in layers:
                raise ConfigError(f"group {list(group)}: the cost table has no layer {layer!r}")
            if layer in found:
                raise ConfigError(f"layer {layer!r} stands in two groups; join them")
            found[layer] = tuple(group)
    return found


def _together(table: CostTable, rows_of: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The rows of layers that share a choice, by width (and by the map's), ascending."""
    by_width = [{_widths(table.rows[i]): i for i in rows} for rows in rows_of]
    shared = sorted(set.intersection(*(set(of) for of in by_width)))
    if not shared:
        layers = [table.rows[rows[0]].layer for rows in rows_of]
        raise ConfigError(f"group {layers}: no width is offered for all of them")
    return [tuple(of[widths] for of in by_width) for widths in shared]


def _widths(row: CostRow) -> tuple[int, int]:
    return row.bits, row.activation_bits or 0


class _Ties:
    """Variables that are taken together, by what they are of."""

    def __init__(self, table: CostTable, options: Sequence[_Option]) -> None:
        self.table = table
        self.weights: dict[tuple[str, int], list[int]] = {}
        self.reading: dict[tuple[str, int], list[int]] = {}
        self.maps: dict[tuple[str, int], list[int]] = {}
        for v, option in enumerate(options):
            for row in (table.rows[i] for i in option.rows):
                self.weights.setdefault((row.layer, row.bits), []).append(v)
                if row.activation_bits is not None:
                    self.reading.setdefault((row.layer, row.activation_bits), []).append(v)
            if option.map is not None:
                own = table.maps[option.map]
                self.maps.setdefault((own.map, own.bits), []).append(v)

    def of_group(self, layers: Sequence[str]) -> Iterable[tuple[Array, Array]]:
        """The weights of ``layers`` have one width, whatever maps they read."""
        for bits in sorted({b for layer, b in self.weights if layer in layers}):
            yield from _equal([self.weights.get((layer, bits), []) for layer in layers])

    def of_map(self, name: str) -> Iterable[tuple[Array, Array]]:
        """All layers that read map ``name`` read it at one width, its own where it has rows."""
        paired = {layer for layer, _ in self.reading}
        readers = [k for k, read in self.table.reads.items() if read == name and k in paired]
        owned = any(of == name for of, _ in self.maps)
        widths = {b for layer, b in self.reading if layer in readers}
        widths |= {b for of, b in self.maps if of == name}
        for bits in sorted(widths):
            sides = [self.maps.get((name, bits), [])] if owned else []
            yield from _equal([*sides, *(self.reading.get((k, bits), []) for k in readers)])


def _equal(sides: Sequence[Sequence[int]]) -> Iterable[tuple[Array, Array]]:
    """As many are taken of each."""
    first, *others = (np.array(side, dtype=np.int64) for side in sides)
    return [(other, first) for other in others]


def _uses(table: CostTable, option: _Option, kind: str, widths: Sequence[int]) -> bool:
    rows = [table.rows[i] for i in option.rows]
    if kind == "maps":
        of_map = option.map is not None and table.maps[option.map].bits in widths
        return of_map or any(r.activation_bits in widths for r in rows if r.layer in table.reads)
    return any(row.bits in widths for row in rows)


def _amounts(resource: Resource, options: Sequence[_Option], board: int | None) -> Array:
    """What each variable takes; of code that which is on ``board`` (None: no code)."""
    column = [
        sum(resource.of[i] for i in o.rows)
        + (0 if o.map is None else resource.of_maps[o.map])
        + (o.code_bytes if o.of == board else 0)
        for o in options
    ]
    return np.array(column, dtype=np.int64)


def _peaks(table: CostTable, resource: Resource, options: Sequence[_Option]) -> tuple[Peak, ...]:
    """The moments of the table, or without them each choice of layers by itself."""
    at: dict[str, list[int]] = {}
    for v, option in enumerate(options):
        for name in {table.rows[i].layer for i in option.rows}:
            at.setdefault(name, []).append(v)
        if option.map is not None:
            at.setdefault(f"map {table.maps[option.map].map}", []).append(v)
    found = []
    for moment in table.moments:
        column = np.zeros(len(options), dtype=np.int64)
        for v in at.get(moment.layer, ()):
            rows = options[v].rows
            column[v] = sum(resource.of[i] for i in rows if table.rows[i].layer == moment.layer)
        for name in moment.maps:
            for v in at[f"map {name}"]:
                column[v] = resource.of_maps[options[v].map or 0]
        scratch = dict(moment.scratch)
        for v in at[f"map {moment.of}"] if moment.of else ():
            column[v] += scratch.get(table.maps[options[v].map or 0].bits, 0)
        found.append(Peak(moment.sram_bytes, column))
    if table.moments:
        return tuple(found)
    for choice in dict.fromkeys(o.choice for o in options if o.rows):
        column = np.zeros(len(options), dtype=np.int64)
        for v, o in enumerate(options):
            if o.choice == choice:
                column[v] = max(resource.of[i] for i in o.rows)
        found.append(Peak(0, column))
    return tuple(found)
