"""The columns of a table as one row of numbers.

It works in float64 and casts once, to float32, so that training and serving see the same bits. It needs NumPy alone.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import groupby
from statistics import median_low
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ..contract import NUMERIC, Column, Contract, ContractError, Section
from ..showing import FEW, round_between
from .encoder import Columns, Encoder, Inputs, LeftOut, Record
from .quantities import CALENDAR, AnyQuantity, Cycle, Elapsed, Product, Rank, Ratio, Value, as_list, dates_of, days_of

Step = Callable[[Record], Sequence[float]]  # what one encoding gives of one record
Level = bool | int | float | str | None  # a value as JSON has it

FREQUENCY_LEVELS = 5_000
FAR = 1e9  # standard deviations beyond which outliers are all the same; their logarithm stays finite


class TableParams(Section):
    """How the columns of a table are encoded."""

    winsorise: float = Field(0.005, ge=0, lt=0.5, description="share of values at each end that count by a logarithm")
    log_skewness: float = Field(2.0, gt=0, description="a column more skewed than this is taken as its logarithm")
    max_levels: int = Field(30, ge=2, description="one-hot columns of one category at most")
    rare_share: float = Field(0.005, ge=0, lt=1, description="a level rarer than this joins the others")


class Numeric(Section):
    """A quantity: on a log scale when skewed, gaps filled by the median, scaled to unit variance.

    Else what lies beyond `low` and `high` goes on as a logarithm: an outlier moves a linear model little, and yet two
    that differ are told apart, which trees need where the target has a long tail, too. At `least` and `most`, somewhat
    beyond what training saw, a number is cut; bundles without the two cut it at `low` and `high`.
    """

    kind: Literal["numeric"] = "numeric"
    quantity: AnyQuantity
    low: float
    high: float
    least: float | None = None
    most: float | None = None
    log: bool
    fill: float
    mean: float
    scale: float
    indicator: bool

    @property
    def names(self) -> list[str]:
        return [self.quantity.name] + [f"{self.quantity.name} is missing"] * self.indicator

    @classmethod
    def fit(cls, quantity: AnyQuantity, columns: Columns, params: TableParams) -> "Numeric | None":
        """None when the training part holds no value, or one value only and no gap: there is nothing to learn."""
        values = quantity.many(columns)
        present = values[~np.isnan(values)]
        gaps = len(present) < len(values)
        if len(present) == 0 or (np.ptp(present) == 0 and not gaps):
            return None
        low, high = _clip_limits(present, params.winsorise)
        clipped = np.clip(present, low, high)  # scales and skewness are those of all but the outer values
        log = len(np.unique(present)) > 2 and abs(_skewness(clipped)) > params.log_skewness
        scaled = _signed_log(clipped) if log else clipped
        scale = float(scaled.std()) or 1.0
        far = math.inf if log else FAR * scale
        return cls(
            quantity=quantity,
            low=low,
            high=high,
            least=low - min(far, _room(low - present.min())),
            most=high + min(far, _room(present.max() - high)),
            log=log,
            fill=float(np.median(scaled)),
            mean=float(scaled.mean()),
            scale=scale,
            indicator=gaps,
        )

    def one(self) -> Step:
        read, low, high, log = self.quantity.one(), self.low, self.high, self.log
        (least, most), mean, scale, there = self._ends, self.mean, self.scale, (0.0,) * self.indicator
        missing = ((self.fill - mean) / scale, 1.0)[: 1 + self.indicator]

        def step(record: Record) -> Sequence[float]:
            value = read(record)
            if value != value:
                return missing
            value = least if value < least else most if value > most else value
            if log:
                value = math.copysign(math.log1p(abs(value)), value)
            elif value > high:
                value = high + scale * math.log1p((value - high) / scale)
            elif value < low:
                value = low - scale * math.log1p((low - value) / scale)
            return ((value - mean) / scale, *there)

        return step

    def many(self, columns: Columns) -> np.ndarray:
        values = self.quantity.many(columns)
        missing = np.isnan(values)
        values = np.clip(values, *self._ends)
        values = np.where(missing, self.fill, _signed_log(values) if self.log else self._squeezed(values))
        scaled = (values - self.mean) / self.scale
        return np.column_stack([scaled, missing] if self.indicator else [scaled])

    @property
    def _ends(self) -> tuple[float, float]:
        return (self.low if self.least is None else self.least, self.high if self.most is None else self.most)

    def _squeezed(self, values: np.ndarray) -> np.ndarray:
        inner = np.clip(values, self.low, self.high)
        return inner + self.scale * _signed_log((values - inner) / self.scale)


class OneHot(Section):
    """A category: one column a frequent level, one for rare and unknown levels, one for gaps.

    A category with more levels than get a column also gives the training share of its level, which tells a common
    unlisted level from a rare one, and the level's place by that share: trees tell one level from another by it.
    """

    kind: Literal["one_hot"] = "one_hot"
    column: str
    levels: tuple[str, ...]
    shares: dict[str, float] = Field(description="most frequent first")
    placed: bool = Field(False, description="older bundles give no place")

    @property
    def names(self) -> list[str]:
        buckets = [f"{self.column} = {level}" for level in self.levels]
        buckets += [f"{self.column} is another", f"{self.column} is missing"]
        extra = [f"{self.column} share", f"{self.column} place"][: 1 + self.placed]
        return buckets + extra * bool(self.shares)

    @cached_property
    def _ranked(self) -> dict[str | None, list[float]]:
        """Share and place of each level; those of an unknown one are 0."""
        ranked = enumerate(self.shares.items(), start=1)
        return {level: [share, place / len(self.shares)][: 1 + self.placed] for place, (level, share) in ranked}

    @classmethod
    def fit(cls, column: str, columns: Columns, params: TableParams) -> "OneHot | None":
        values = as_list(columns[column])
        counts = Counter(value for value in values if value is not None)
        common = sorted(counts, key=lambda level: (-counts[level], level))
        least = max(FEW, params.rare_share * len(values))
        frequent = [level for level in common if counts[level] >= least]
        levels = tuple(frequent[: params.max_levels])
        if not counts or (len(counts) == 1 and len(values) == counts[common[0]]):
            return None
        crowded = len(frequent) > len(levels) or len(counts) > 2 * len(levels)
        told = [level for level in common[:FREQUENCY_LEVELS] if counts[level] >= FEW]
        shares = {level: counts[level] / len(values) for level in told} if crowded else {}
        return cls(column=column, levels=levels, shares=shares, placed=bool(shares))

    def one(self) -> Step:
        column, ranked, unknown = self.column, self._ranked, [0.0] * (1 + self.placed)
        *listed, other, missing = np.eye(len(self.levels) + 2).tolist()
        rows: dict[str | None, list[float]] = {None: missing, **dict(zip(self.levels, listed, strict=True))}

        def step(record: Record) -> Sequence[float]:
            value = record.get(column)
            row = rows.get(value, other)
            return [*row, *ranked.get(value, unknown)] if ranked else row

        return step

    def many(self, columns: Columns) -> np.ndarray:
        values = as_list(columns[self.column])
        places = {level: place for place, level in enumerate(self.levels)} | {None: len(self.levels) + 1}
        other = len(self.levels)
        rows = np.zeros((len(values), len(self.names)))
        rows[np.arange(len(values)), [places.get(value, other) for value in values]] = 1.0
        if self.shares:
            unknown = [0.0] * (1 + self.placed)
            rows[:, other + 2 :] = [self._ranked.get(value, unknown) for value in values]
        return rows


class Replaced(LeftOut):
    """What an explanation leaves out: the value of one column, for the typical one."""

    value: Level
    typical: Level


class TableEncoder(Encoder):
    """All features of a record as one row of float32. Input of the graph: `features`, shape (records, width)."""

    Params: ClassVar[type[Section]] = TableParams
    Part: ClassVar[type[LeftOut]] = Replaced

    kind: Literal["table"] = "table"
    encodings: tuple[Annotated[Numeric | OneHot, Field(discriminator="kind")], ...]
    typical: dict[str, Level] = Field(description="of each feature: the median or the most frequent level")

    @property
    def names(self) -> list[str]:
        return [name for encoding in self.encodings for name in encoding.names]

    @classmethod
    def fit(cls, columns: Columns, contract: Contract, params: TableParams) -> Self:
        """Learn medians, limits, scales and levels from the training part, and from it alone."""
        dropped: dict[str, str] = {}
        encodings: list[Numeric | OneHot] = []
        for name, column in contract.features.items():
            missing = missing_share(columns[name])
            if missing > contract.quality.drop_above_missing:
                dropped[name] = f"{missing:.0%} of its values are missing"
                continue
            fitted = _fit_column(name, column, columns, contract, params)
            encodings += fitted
            if not fitted:
                dropped[name] = "it has one value only"
        pairs: list[Ratio | Product] = [Ratio(column=a, other=b) for a, b in contract.derived.ratios]
        pairs += [Product(column=a, other=b) for a, b in contract.derived.interactions]
        kept = [pair for pair in pairs if not {pair.column, pair.other} & dropped.keys()]
        derived = [Numeric.fit(quantity, columns, params) for quantity in kept]
        encodings += [encoding for encoding in derived if encoding]
        if not encodings:
            raise ContractError(f"no feature is left to learn from: {dropped}")
        typical = {name: _typical(column, columns[name]) for name, column in contract.features.items()}
        return cls(encodings=tuple(encodings), typical=typical, dropped=dropped)

    def encode(self, columns: Columns) -> Inputs:
        """Typed columns of n records -> {"features": float32 (n, width)}."""
        dates = {name: dates_of(columns[name]) for name in self._dates}  # once: several encodings read each
        blocks = [encoding.many({**columns, **dates}) for encoding in self.encodings]
        return {"features": np.concatenate(blocks, axis=1).astype(np.float32)}

    def encode_one(self, record: Record) -> Inputs:
        """One typed record -> {"features": float32 (1, width)}: what `encode` gives, in microseconds."""
        row: list[float] = []
        for step in self._steps:
            row += step(record)
        return {"features": np.array([row], dtype=np.float32)}

    @cached_property
    def _steps(self) -> list[Step]:
        steps = []
        for date, encodings in groupby(self.encodings, _only_date):
            each = [encoding.one() for encoding in encodings]
            steps += [_remembered(date, each)] if date else each
        return steps

    @cached_property
    def _dates(self) -> set[str]:
        quantities = [encoding.quantity for encoding in self.encodings if isinstance(encoding, Numeric)]
        read = [quantity.column for quantity in quantities if isinstance(quantity, Elapsed | Cycle)]
        return {*read, *(found.until for found in quantities if isinstance(found, Elapsed) and found.until)}

    def occlude(self, record: Record, contract: Contract) -> Iterator[tuple[Replaced, Record]]:
        """The record with one feature after the other as it typically is."""
        for name, column in contract.features.items():
            typical = self.typical[name]
            part = Replaced(part=name, value=_plain(column, record.get(name)), typical=typical)
            typed = (
                datetime.fromisoformat(typical) if column.type == "datetime" and isinstance(typical, str) else typical
            )
            yield part, {**record, name: typed}

    def describe(self, columns: Columns, contract: Contract) -> dict[str, list[Any]]:
        """What drift looks at: floats, dates, texts or None, by column. Here the features themselves."""
        return {name: _described(column, columns[name]) for name, column in contract.features.items()}


def _typical(column: Column, values: Any) -> Level:
    """About the median, of a date the day, or the most frequent level.

    None where most values are missing, or no level is shared by several records.
    """
    listed = as_list(values)
    present = sorted(value for value in listed if value is not None and value == value)
    if not present or 2 * len(present) < len(listed):
        return None
    if column.type in NUMERIC:
        low, median, high = (present[int(part * (len(present) - 1))] for part in (0.45, 0.5, 0.55))
        return _plain(column, round_between(low, median, high, column.type == "integer"))
    if column.type == "datetime":
        return _plain(column, median_low(present).replace(hour=0, minute=0, second=0, microsecond=0))
    level, count = Counter(present).most_common(1)[0]
    return level if count >= FEW or column.levels or column.type == "boolean" else None


def _plain(column: Column, value: Any) -> Level:
    """A typed value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return int(value) if column.type == "integer" and value is not None else value


def missing_share(values: Any) -> float:
    """Share of None, NaN and NaT among the values of a column."""
    listed = as_list(values)
    return sum(value is None or value != value for value in listed) / max(len(listed), 1)


def _described(column: Column, values: Any) -> list[Any]:
    if column.type == "datetime":
        return as_list(values)
    read = float if column.type in NUMERIC else str
    return [None if value is None or value != value else read(value) for value in as_list(values)]


def _fit_column(
    name: str, column: Column, columns: Columns, contract: Contract, params: TableParams
) -> Sequence[Numeric | OneHot]:
    if column.type == "category":
        one_hot = OneHot.fit(name, columns, params)
        return [one_hot] if one_hot else []
    numerics = [Numeric.fit(quantity, columns, params) for quantity in _quantities(name, column, columns, contract)]
    return [numeric for numeric in numerics if numeric]


def _quantities(name: str, column: Column, columns: Columns, contract: Contract) -> list[AnyQuantity]:
    if column.type == "ordinal":
        return [Rank(column=name, ranks={level: rank for rank, level in enumerate(column.order)})]
    if column.type != "datetime":
        return [Value(column=name)]
    time = contract.only("time")
    days = days_of(columns[name])
    last_day = float(np.nanmax(days)) if not np.isnan(days).all() else 0.0
    quantities: list[AnyQuantity] = [Elapsed(column=name, until=time if time != name else None, last_day=last_day)]
    cycles: list[AnyQuantity] = [
        Cycle(column=name, part=part, wave=wave) for part in CALENDAR for wave in ("sin", "cos")
    ]
    return quantities + cycles


def _only_date(encoding: Numeric | OneHot) -> str | None:
    """The date that alone decides what an encoding gives, if one does."""
    quantity = encoding.quantity if isinstance(encoding, Numeric) else None
    alone = isinstance(quantity, Cycle) or (isinstance(quantity, Elapsed) and not quantity.until)
    return quantity.column if quantity and alone else None


def _remembered(column: str, steps: Sequence[Step]) -> Step:
    """Several steps as one, which keeps what they give of the dates that come again and again."""

    @lru_cache(1024)
    def found(value: datetime | None) -> list[float]:
        return [number for step in steps for number in step({column: value})]

    return lambda record: found(record.get(column))


def _clip_limits(present: np.ndarray, share: float) -> tuple[float, float]:
    """Outlier limits: the outer quantiles, unless they coincide (a rare flag must keep both its values)."""
    low, high = np.quantile(present, [share, 1 - share])
    return (float(low), float(high)) if low < high else (float(present.min()), float(present.max()))


def _room(excess: float) -> float:
    """How far beyond the outlier limits training went, as a power of two: the value itself is somebody's."""
    return 2.0 ** math.ceil(math.log2(min(excess, 1e300))) if excess > 0 else 0.0


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.copysign(np.log1p(np.abs(values)), values)


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    return float(((values - values.mean()) ** 3).mean() / spread**3) if spread else 0.0
