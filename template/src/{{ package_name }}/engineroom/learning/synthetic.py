"""Records that nobody has, for examples and golden records: no record of the data leaves the pipeline.

Every column is drawn by itself, from what several records share: common levels by their shares, numbers and dates
between quantiles, rounded. Texts and pictures are made up by `engineroom.encoding`.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..contract import NUMERIC, Contract
from ..encoding import MAKERS
from ..reading import Value
from ..showing import FEW, RARE, round_between, shared

ROWS = 20_000  # that values are drawn from
CELLS = 20  # between the quantiles of a number
COVERED = 0.9  # share of values that common ones make up where a number is a code, a flag or a count
EXAMPLE = "example"  # a level where none is common
EPOCH, DAY = datetime(1970, 1, 1), timedelta(days=1)


def draw(
    contract: Contract, names: Sequence[str], table: pa.Table, generator: np.random.Generator, count: int
) -> list[dict[str, Value]]:
    """`count` typed records of these columns."""
    table = table.take(np.sort(generator.permutation(table.num_rows)[:ROWS]))
    owners = owners_of(table, contract)
    columns = [_column(contract, name, table.column(name).to_pylist(), owners, generator, count) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def owners_of(table: pa.Table, contract: Contract) -> Sequence[Hashable]:
    """Whose each record is: of group and ids the one with the fewest values, if these are some; else its own."""
    named = [name for role in ("group", "id") for name in contract.with_role(role) if name in table.column_names]
    several = [values for name in named if len(set(values := table.column(name).to_pylist())) >= 2 * FEW]
    return min(several, key=lambda values: len(set(values)), default=range(table.num_rows))


def of_nobody(records: Sequence[dict[str, Value]], tables: Sequence[pa.Table]) -> list[bool]:
    """Which of these typed records nobody has, nor a text or a picture in them; what several have is nobody's."""
    large = (pa.large_string(), pa.large_binary())
    alone = [[name] for name in records[0] if tables[0].schema.field(name).type in large]
    free = [
        _of_nobody([tuple(one[name] for name in names) for one in records], names, tables)
        for names in (list(records[0]), *alone)
    ]
    return [all(each) for each in zip(*free, strict=True)]


def _of_nobody(made: list[tuple[Value, ...]], names: list[str], tables: Sequence[pa.Table]) -> list[bool]:
    counts: Counter[tuple[Value, ...]] = Counter()
    for table in (table.select(names) for table in tables):
        values = (
            pa.array(drawn, field.type) for drawn, field in zip(zip(*made, strict=True), table.schema, strict=True)
        )
        alike = table.filter(reduce(pc.and_, map(pc.is_in, table.itercolumns(), values)))
        counts.update(tuple(row.values()) for row in alike.to_pylist())
    return [not 0 < counts[one] < FEW for one in made]


def unlink(columns: dict[str, list[Any]], owners: Sequence[Hashable], seed: int) -> dict[str, list[Any]]:
    """Columns that no longer say which values belong together; levels that only a few have become one.

    They are sorted before they are shuffled: who knows the seed can undo the shuffling, and finds them sorted.
    """
    generator, unlinked = np.random.default_rng(seed), {}
    for name, values in columns.items():
        pairs = [(value, owner) for value, owner in zip(values, owners, strict=True) if value is not None]
        levels = shared(pairs) if any(isinstance(value, str) for value, _ in pairs) else None
        present = sorted(value if levels is None or value in levels else RARE for value, _ in pairs)
        ordered = [*present, *[None] * (len(values) - len(present))]
        unlinked[name] = [ordered[place] for place in generator.permutation(len(ordered))]
    return unlinked


def _column(
    contract: Contract,
    name: str,
    given: list[Any],
    given_by: Sequence[Hashable],
    generator: np.random.Generator,
    count: int,
) -> list[Value]:
    """`count` values of one column."""
    column = contract.columns[name]
    listed = column.levels or any(rule.allowed for rule in contract.eligibility if rule.column == name)
    pairs = {(value, owner) for value, owner in zip(given, given_by, strict=True) if value is not None}
    if not pairs:
        return [None] * count
    if column.type in MAKERS:
        return MAKERS[column.type](*zip(*pairs, strict=True), generator, count)
    values, levels = sorted(value for value, _ in pairs), shared(pairs)
    if column.type in (*NUMERIC, "datetime") and not listed and sum(levels.values()) < COVERED * len(values):
        return _between(values, column.type == "integer", generator, count)
    if not levels:
        levels = dict.fromkeys((column.levels or values) if listed else (EXAMPLE,), 1)
    shares = np.array(list(levels.values())) / sum(levels.values())
    return [list(levels)[place] for place in generator.choice(len(levels), count, p=shares)]


def _between(values: list[Any], whole: bool, generator: np.random.Generator, count: int) -> list[Value]:
    """Numbers or dates, from between quantiles with several values between them, and not the extreme ones."""
    dates = isinstance(values[0], datetime)
    numbers = [(value - EPOCH) / DAY for value in values] if dates else values
    cells = max(1, min(CELLS, len(values) // FEW))
    ends = np.quantile(numbers, np.linspace(0.05, 0.95, cells + 1), method="nearest" if whole else "linear")
    drawn: list[Value] = []
    for cell, place in zip(generator.integers(cells, size=count), generator.random(count), strict=True):
        low, high = float(ends[cell]), float(ends[cell + 1])
        number = round_between(low, low + place * (high - low), high, whole or dates)
        drawn.append((EPOCH + number * DAY).replace(microsecond=0) if dates else number)
    return drawn
