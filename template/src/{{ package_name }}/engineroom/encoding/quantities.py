"""The numbers that are read off a record of a table: values, ranks, quotients, products, and what a date tells.

Each reads columns of many records with NumPy, and one record in plain Python, which then is faster.
"""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ..contract import Section
from .encoder import Columns, Record

Reading = Callable[[Record], float]

NAN = float("nan")
EPOCH, MICROSECOND, NAT = datetime(1970, 1, 1), timedelta(microseconds=1), np.iinfo(np.int64).min
DAY_S = 86_400.0


class Part(NamedTuple):
    """A part of a date that comes round again: its place among `period` ones, of one date and of many (datetime64)."""

    period: int
    one: Callable[[datetime], int]
    many: Callable[[np.ndarray], np.ndarray]


CALENDAR = {
    "month": Part(12, lambda date: date.month - 1, lambda dates: _count(dates, "M") % 12),
    "weekday": Part(7, lambda date: date.weekday(), lambda dates: (_count(dates, "D") + 3) % 7),  # 1970 began Thursday
    "hour": Part(24, lambda date: date.hour, lambda dates: _count(dates, "h") % 24),
}


class Quantity(Section):
    """A number that is read off a record, NaN where it is missing.

    `many` reads it off columns, shape (n,); `one` makes a function that reads it off one record.
    """

    column: str

    @property
    def name(self) -> str:
        return self.column

    def one(self) -> Reading:
        column = self.column

        def read(record: Record) -> float:
            value = record.get(column)
            return NAN if value is None else float(value)

        return read

    def many(self, columns: Columns) -> np.ndarray:
        return np.asarray(columns[self.column], dtype=np.float64)


class Value(Quantity):
    """A number or a boolean as it stands."""

    kind: Literal["value"] = "value"


class Rank(Quantity):
    """The place of an ordinal level, lowest 0; an unknown level is missing."""

    kind: Literal["rank"] = "rank"
    ranks: dict[str, int]

    def one(self) -> Reading:
        column, ranks = self.column, {level: float(rank) for level, rank in self.ranks.items()}
        return lambda record: ranks.get(record.get(column), NAN)  # type: ignore[arg-type]

    def many(self, columns: Columns) -> np.ndarray:
        return np.array([self.ranks.get(value, NAN) for value in as_list(columns[self.column])], dtype=np.float64)


class Ratio(Quantity):
    """column / other; missing where the other is 0."""

    kind: Literal["ratio"] = "ratio"
    other: str

    @property
    def name(self) -> str:
        return f"{self.column} / {self.other}"

    def one(self) -> Reading:
        column, other = self.column, self.other

        def read(record: Record) -> float:
            over, under = record.get(column), record.get(other)
            return NAN if over is None or not under else float(over) / float(under)

        return read

    def many(self, columns: Columns) -> np.ndarray:
        under = np.asarray(columns[self.other], dtype=np.float64)
        return np.asarray(columns[self.column], dtype=np.float64) / np.where(under == 0, NAN, under)


class Product(Quantity):
    """column x other."""

    kind: Literal["product"] = "product"
    other: str

    @property
    def name(self) -> str:
        return f"{self.column} x {self.other}"

    def one(self) -> Reading:
        column, other = self.column, self.other

        def read(record: Record) -> float:
            left, right = record.get(column), record.get(other)
            return NAN if left is None or right is None else float(left) * float(right)

        return read

    def many(self, columns: Columns) -> np.ndarray:
        return np.asarray(columns[self.column], dtype=np.float64) * np.asarray(columns[self.other], dtype=np.float64)


class Elapsed(Quantity):
    """Days from a date to the record's own time when the contract names one, else to the last day of training."""

    kind: Literal["elapsed"] = "elapsed"
    until: str | None
    last_day: float

    @property
    def name(self) -> str:
        return f"days since {self.column}"

    def one(self) -> Reading:
        column, until, last_day = self.column, self.until, self.last_day
        if until:
            return lambda record: _days(record.get(until)) - _days(record.get(column))
        return lambda record: last_day - _days(record.get(column))

    def many(self, columns: Columns) -> np.ndarray:
        end = days_of(columns[self.until]) if self.until else self.last_day
        return end - days_of(columns[self.column])


class Cycle(Quantity):
    """One coordinate of a date's place in the year, the week or the day, so that December lies beside January."""

    kind: Literal["cycle"] = "cycle"
    part: str = Field(pattern=f"^({'|'.join(CALENDAR)})$")
    wave: Literal["sin", "cos"]

    @property
    def name(self) -> str:
        return f"{self.column} {self.part} {self.wave}"

    def one(self) -> Reading:
        column, part, wave = self.column, CALENDAR[self.part], getattr(math, self.wave)
        waves = [wave(2 * math.pi * place / part.period) for place in range(part.period)]

        def read(record: Record) -> float:
            value = record.get(column)
            return NAN if value is None else waves[part.one(value)]

        return read

    def many(self, columns: Columns) -> np.ndarray:
        dates, part = dates_of(columns[self.column]), CALENDAR[self.part]
        place = np.where(np.isnat(dates), NAN, part.many(dates))
        return getattr(np, self.wave)(2 * math.pi * place / part.period)


AnyQuantity = Annotated[Value | Rank | Ratio | Product | Elapsed | Cycle, Field(discriminator="kind")]


def as_list(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _days(value: datetime | None) -> float:
    return NAN if value is None else (value - EPOCH).total_seconds() / DAY_S


def dates_of(values: Any) -> np.ndarray:
    """Datetimes, None or NaT for missing, as datetime64[us]."""
    if isinstance(values, list):  # of datetimes, which NumPy takes five times as long to read
        values = [NAT if value is None else (value - EPOCH) // MICROSECOND for value in values]
    return np.asarray(values, dtype="datetime64[us]")


def days_of(values: Any) -> np.ndarray:
    """Datetimes as days since 1970, float64, NaN for missing."""
    dates = dates_of(values)
    return np.where(np.isnat(dates), NAN, dates.astype(np.int64) / 1e6 / DAY_S)


def _count(dates: np.ndarray, unit: str) -> np.ndarray:
    """How many months, days or hours after the start of 1970."""
    return dates.astype(f"datetime64[{unit}]").astype(np.int64)
