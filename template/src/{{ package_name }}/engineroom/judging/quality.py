"""Data against the contract: every violation, and what a person should know."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd

from ..contract import Column, Contract
from ..reading import as_bound
from ..showing import shared
from ..splitting import MERGE

EXAMPLES = 5


def too_few_rows(frame: pd.DataFrame, contract: Contract) -> list[str]:
    """A sentence where fewer rows are left than `quality.minimum_rows`."""
    least = contract.quality.minimum_rows
    return [f"{len(frame)} rows are left, quality.minimum_rows asks for {least}"] if len(frame) < least else []


def rare_classes(frame: pd.DataFrame, contract: Contract) -> list[str]:
    """Classes that cannot stand in the training, the validation and the test part."""
    if contract.target.kind == "continuous":
        return []
    counts = frame[contract.target.name].value_counts()
    return [
        f"target {contract.target.name!r}: {n} record(s) of class {label!r}: {MERGE}"
        for label, n in counts[counts < 3].items()
    ]


def missing_shares(frame: pd.DataFrame) -> dict[str, float]:
    """The share of missing values of each column."""
    return {str(name): float(share) for name, share in frame.isna().mean().items()}


def incomplete(frame: pd.DataFrame, contract: Contract) -> list[str]:
    """Columns with too many gaps: the required ones, and those that name a completeness of their own."""
    found = []
    for name, column in contract.features.items():
        least = column.completeness
        if least is None:
            least = 0.0 if column.nullable else contract.quality.completeness
        share = float(frame[name].notna().mean())
        if share < least:
            found.append(f"column {name!r}: {share:.1%} of its values are present, {least:.1%} are required")
    return found


def nearly_empty(frame: pd.DataFrame, contract: Contract) -> list[str]:
    """Features that the encoder will leave out, each in a sentence."""
    most, features = contract.quality.drop_above_missing, contract.features
    return [
        f"column {name!r} is left out: {share:.0%} of its values are missing, more than {most:.0%}"
        for name, share in missing_shares(frame).items()
        if share > most and name in features
    ]


def outside_values(frame: pd.DataFrame, contract: Contract) -> tuple[list[str], list[str]]:
    """Values outside min, max and allowed levels: (violations, notices where the contract accepts them)."""
    refused: list[str] = []
    accepted: list[str] = []
    for name, column in contract.stored.items():
        for rule, wrong in broken_rules(frame[name].dropna(), column):
            strict, each = column.outside == "refuse", list(dict.fromkeys(wrong))
            named = each if strict else list(shared((value, row) for row, value in enumerate(wrong)))  # for the report
            such = f", such as {', '.join(map(str, named[:EXAMPLES]))}" if named else ""
            (refused if strict else accepted).append(f"column {name!r}: {len(wrong)} value(s) outside {rule}{such}")
    return refused, accepted


def broken_rules(values: pd.Series, column: Column) -> Iterator[tuple[str, pd.Series]]:
    """Each rule of a column that some of its values break, and these values."""
    if column.levels and not (known := values.isin(column.levels)).all():
        yield f"{list(column.levels)}", values[~known]
    if column.min is not None and (below := values < as_bound(column.min)).any():
        yield f"min {column.min}", values[below]
    if column.max is not None and (above := values > as_bound(column.max)).any():
        yield f"max {column.max}", values[above]


def stale(frame: pd.DataFrame, contract: Contract) -> list[str]:
    """A sentence where the newest record is older than `quality.freshness_days` allows."""
    days, time = contract.quality.freshness_days, contract.only("time")
    if days is None:
        return []
    if time is None:
        return ["quality.freshness_days needs a column with role: time"]
    newest = frame[time].max()
    if newest is not pd.NaT and newest >= datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days):
        return []
    return [f"column {time!r}: the newest record is of {newest}, quality.freshness_days allows {days:g} days"]
