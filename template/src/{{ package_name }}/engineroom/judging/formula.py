"""Few columns that make up the target together: a sum, a product, a quotient, a limit of one, a cell of two levels.

Each may tell little by itself. Only what holds for every record counts, up to rounding: a good model is no leak.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import lgamma, log

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from ..contract import NUMERIC, Contract
from .truth import Truth, as_numbers

ROWS, COLUMNS, LEVELS = 2_000, 60, 30  # what is looked at, so that the work has an end
MOST_TERMS = 3
PENALTY = 0.01  # or columns that say the same would outweigh those that tell classes
TELLING_ROWS = 40  # with fewer records, a column may well predict the target by chance
EXACT = 1e-4  # share of the variance that a formula may miss: what it was computed from may be rounded
NEARLY, LINEAR = 0.99, 0.1  # R2 from which a formula is looked at closely, and the same for 0 and 1
BY_CHANCE = log(1e6)  # so much less likely than that must it be that a rule for classes holds by chance
CROWDED = 0.05  # share of a class near a limit that is no gap between two kinds of records

Formula = tuple[tuple[str, ...], str]  # its columns, and how it reads
Terms = tuple[list[int], np.ndarray]  # columns, and a factor for each and the constant
PAIR = "{0} %s {1}"  # where the names of columns are put
TARGET, CLASSES = "{target} = ", " tell the classes of {target}"
OPERATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "x": np.multiply,
    "over": lambda a, b: np.divide(a, b, out=np.full_like(b, np.nan), where=b != 0),
}


def slot(place: int) -> str:
    """Where the name of a formula's column is put."""
    return "{" + str(place) + "}"


def formulas(records: pd.DataFrame, truth: Truth, contract: Contract, names: Sequence[str]) -> list[Formula]:
    """What makes up the target of these records, in an order by chance, out of the columns of these names.

    Of more rows or columns than `ROWS` and `COLUMNS` the first ones are looked at.
    """
    records, y = records.iloc[:ROWS], truth.y[:ROWS]
    if len(y) < TELLING_ROWS:
        return []
    levels = [name for name in names if records[name].nunique() <= LEVELS][:COLUMNS]
    if found := next(of_levels(records[levels], y, truth.classes), None):
        return [found]
    types = {name: contract.columns[name].type for name in names}
    numeric = [name for name, kind in types.items() if kind in (*NUMERIC, "boolean", "datetime")][:COLUMNS]
    values = np.column_stack([as_numbers(records[name]) for name in numeric] or [np.empty((len(y), 0))])
    kept, rows = complete(values)
    search = of_classes if truth.classes else of_numbers
    if (rule := next(search(values[np.ix_(rows, kept)], y[rows]), None)) is None:
        return []
    columns, text = rule
    named = tuple(numeric[kept[column]] for column in columns)
    return [(named, text.format(*map(repr, named), target=repr(contract.target.name)))]


def complete(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns, and the rows that are complete in them: the emptiest columns go until enough rows are left."""
    gaps = ~np.isfinite(values)
    kept = np.argsort(gaps.mean(axis=0), kind="stable")
    while len(kept) and (~gaps[:, kept].any(axis=1)).sum() < max(TELLING_ROWS, len(values) // 5):
        kept = kept[:-1]
    return kept, np.flatnonzero(~gaps[:, kept].any(axis=1))


Rule = tuple[list[int], str]


def of_numbers(values: np.ndarray, y: np.ndarray) -> Iterator[Rule]:
    """Sums with factors and a constant, products of powers, and products and quotients of two with a constant."""
    for columns, factors in sums(values, y, NEARLY):
        if exact(values[:, columns] @ factors[:-1] + factors[-1], y):
            terms = [f"{factor:+.4g} x {slot(place)}" for place, factor in enumerate(factors[:-1])]
            yield columns, TARGET + f"{' '.join(terms)} {tidy(factors[-1], y):+.4g}"
    whole = np.flatnonzero((values != 0).all(axis=0))
    if (y != 0).all() and len(whole):
        logs = np.log(np.abs(values[:, whole]))
        for columns, factors in sums(logs, np.log(np.abs(y)), NEARLY):
            powers = np.round(2 * factors[:-1]) / 2  # squares and roots are formulas, other powers chance
            rest = np.log(np.abs(y)) - logs[:, columns] @ powers
            if exact(np.sign(y) * np.exp(np.log(np.abs(y)) - rest + np.median(rest)), y):
                terms = [f"{slot(place)} ^ {power:g}" for place, power in enumerate(powers)]
                yield list(whole[columns]), TARGET + f"{' x '.join(terms)} x {np.exp(np.median(rest)):.4g}"
    for first, second, operation, combined in pairs(values, ("x", "over")):
        centred = combined - combined.mean(axis=0)
        error = 1 - (centred.T @ (y - y.mean())) ** 2 / (
            (centred**2).sum(axis=0) * ((y - y.mean()) ** 2).sum() + 1e-300
        )
        for place in np.flatnonzero(error < 1 - NEARLY):
            factors = np.polyfit(combined[:, place], y, 1)
            if exact(np.polyval(factors, combined[:, place]), y):
                rule = TARGET + f"{factors[0]:.4g} x {PAIR % operation} {tidy(factors[1], y):+.4g}"
                yield [first, second[place]], rule


def sums(values: np.ndarray, y: np.ndarray, least: float, penalty: float = 0.0) -> Iterator[Terms]:
    """Least squares on the few columns that weigh most, where R2 of all columns together is at least so much."""
    spread = values.std(axis=0)
    usable = np.flatnonzero(spread > 0)[: len(y) // 3]
    if not len(usable) or y.std() == 0:
        return
    scaled = (values[:, usable] - values[:, usable].mean(axis=0)) / spread[usable]
    ridge = np.sqrt(penalty * len(y)) * np.eye(len(usable))
    weights = np.linalg.lstsq(np.vstack([scaled, ridge]), np.append(y - y.mean(), np.zeros(len(usable))), rcond=None)[0]
    if ((scaled @ weights - y + y.mean()) ** 2).mean() > (1 - least) * y.var():
        return
    order = np.argsort(-np.abs(weights))
    for size in range(1, min(MOST_TERMS, len(order)) + 1):
        chosen = order[:size]
        factors = np.linalg.lstsq(scaled[:, chosen], y - y.mean(), rcond=None)[0] / spread[usable[chosen]]
        yield list(usable[chosen]), np.append(factors, y.mean() - values[:, usable[chosen]].mean(axis=0) @ factors)


def tidy(constant: float, y: np.ndarray) -> float:
    """A constant, 0 where only the sums' rounding keeps it from that."""
    return 0.0 if abs(constant) < 1e-9 * y.std() else float(constant)


def exact(fit: np.ndarray, y: np.ndarray) -> bool:
    """Whether nothing but rounding, that of the target or of what it was computed from, is left."""
    steps = np.diff(np.unique(y))
    rounding = steps.min() / 2 if np.allclose(steps / steps.min(), np.round(steps / steps.min()), atol=1e-3) else 0.0
    missed = np.abs(fit - y)
    return bool((missed**2).mean() <= EXACT * y.var() or missed.max() <= 1.02 * rounding < y.std())


def pairs(values: np.ndarray, operations: Sequence[str]) -> Iterator[tuple[int, np.ndarray, str, np.ndarray]]:
    """A column, others, an operation, and what it gives of the one and each of the others, (n, others)."""
    for first in range(values.shape[1]):
        for operation in operations:
            everyone = np.arange(values.shape[1])
            others = everyone[everyone != first] if operation == "over" else everyone[first + 1 :]
            combined = OPERATIONS[operation](values[:, [first]], values[:, others])
            usable = np.isfinite(combined).all(axis=0)
            if usable.any():
                yield first, others[usable], operation, combined[:, usable]


def of_classes(values: np.ndarray, y: np.ndarray) -> Iterator[Rule]:
    """Limits of a sum, a difference, a product or a quotient of two columns, or of a weighted sum of a few."""
    present, y = np.unique(y, return_inverse=True)
    width = values.shape[1]
    if len(present) < 2 or unlikely(y) < log(4 * width**2 + 1) + lgamma(len(present) + 1) + BY_CHANCE:
        return
    for first, second, operation, combined in pairs(values, tuple(OPERATIONS)):
        for place in np.flatnonzero(apart(combined, y)):
            if crowded(combined[:, place], y):
                yield [first, second[place]], f"limits of {PAIR % operation}{CLASSES}"
    if len(present) == 2:
        for columns, _ in sums(values, y.astype(float), LINEAR, PENALTY):
            chosen, spread = values[:, columns], values[:, columns].std(axis=0)
            fitted = LogisticRegression(C=1e6, max_iter=2_000).fit((chosen - chosen.mean(axis=0)) / spread, y)
            weights = fitted.coef_[0] / spread
            total = chosen @ weights
            if apart(total[:, np.newaxis], y)[0] and crowded(total, y):
                named = [f"{weight:+.4g} x {slot(place)}" for place, weight in enumerate(weights)]
                yield columns, f"limits of {' '.join(named)}{CLASSES}"


def unlikely(y: np.ndarray) -> float:
    """The logarithm of the number of ways in which these classes could be spread over the records."""
    return lgamma(len(y) + 1) - sum(lgamma(count + 1) for count in np.bincount(y))


def apart(columns: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each column (n, columns) whether each class has a range of its own."""
    order, starts = np.argsort(y, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(y))[:-1]])
    lows, highs = (extreme.reduceat(columns[order], starts, axis=0) for extreme in (np.minimum, np.maximum))
    rank = np.argsort(lows, axis=0)
    return np.asarray((np.take_along_axis(highs, rank, 0)[:-1] < np.take_along_axis(lows, rank, 0)[1:]).all(axis=0))


def crowded(column: np.ndarray, y: np.ndarray) -> bool:
    """Whether records stand close to each limit between classes: honest classes that are apart have a gap there."""
    by_size = sorted((column[y == label] for label in np.unique(y)), key=np.min)
    for lower, upper in zip(by_size[:-1], by_size[1:], strict=True):
        limit = (lower.max() + upper.min()) / 2
        distances = limit - lower, upper - limit
        if not any((d <= max(0.1 * np.quantile(d, 0.9), 1.001 * d.min())).mean() >= CROWDED for d in distances):
            return False
    return True


def of_levels(records: pd.DataFrame, y: np.ndarray, classes: int) -> Iterator[Formula]:
    """Two columns of few levels of which each pair of levels has one class, or one value."""
    codes = {str(name): pd.factorize(records[name], use_na_sentinel=False)[0] for name in records}
    tests = log(len(codes) ** 2 + 1) + BY_CHANCE
    for one, other in combinations(codes, 2):
        cell = np.unique(codes[one] * (LEVELS + 2) + codes[other], return_inverse=True)[1]
        cells = int(cell.max()) + 1
        if classes:
            counts = np.bincount(cell * classes + y, minlength=cells * classes).reshape(cells, classes)
            sure = counts.max(axis=1).sum() == len(y) and unlikely(y) > cells * log(classes) + tests
        else:
            means = np.bincount(cell, y) / np.bincount(cell)
            sure = 4 * cells <= len(y) and ((y - means[cell]) ** 2).mean() <= EXACT * y.var()
        if sure:
            yield (one, other), "each pair of their values has one of it"
