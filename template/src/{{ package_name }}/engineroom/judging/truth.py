"""The target of some records, and how well one column tells it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..contract import Contract

FOLDS = 3
MINIMUM_LEAF = 5
MOST_CLASSES = 100  # the commonest: a column that tells the target tells these apart, too

Learn = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows to learn from and rows to tell -> what it says of these


@dataclass(frozen=True)
class Truth:
    """Scores are the balanced accuracy of classes and the R2 of numbers.

    What is told of a record is learned from other folds, so that a column of unique values gains nothing. Whether a
    value is present counts too: an end date is there once the end has come.
    """

    y: np.ndarray  # numbers, or numbers of classes
    classes: int  # 0 of a number: its kind is the contract's, as whole numbers look like classes

    @classmethod
    def of(cls, records: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, Self]:
        """The records that are of use, in an order by chance, and their target."""
        target = records[contract.target.name]
        if contract.target.kind == "continuous":
            return records, cls(target.to_numpy(dtype=np.float64), 0)
        labels = target.astype(str)
        common = labels.value_counts().index[:MOST_CLASSES]
        kept = labels.isin(common).to_numpy()
        return records[kept], cls(common.get_indexer(pd.Index(labels[kept])), len(common))

    @cached_property
    def folds(self) -> list[np.ndarray]:
        """Which records are held out, a mask each, with as many of every class as can be."""
        number = np.empty(len(self.y), dtype=int)
        number[np.argsort(self.y, kind="stable")] = np.arange(len(self.y)) % FOLDS
        return [number == fold for fold in range(FOLDS)]

    @cached_property
    def weights(self) -> np.ndarray:
        """Of each record, so that every class counts the same."""
        return 1 / np.bincount(self.y)[self.y]

    def score(self, learn: Learn) -> float:
        """Of what is said of held-out records; at most 1."""
        said = np.empty_like(self.y)
        for held_out in self.folds:
            said[held_out] = learn(~held_out, held_out)
        if self.classes:
            return float(np.bincount(self.y, self.weights * (said == self.y)).mean())
        return float(1 - ((said - self.y) ** 2).sum() / (((self.y - self.y.mean()) ** 2).sum() or 1.0))

    def by_size(self, values: pd.Series, seed: int) -> float:
        """How well a small tree tells the target by one column's order; gaps come last."""
        ranks = np.unique(as_numbers(values), return_inverse=True)[1].astype(np.float32)[:, np.newaxis]
        kind = DecisionTreeClassifier if self.classes else DecisionTreeRegressor
        tree = kind(min_samples_leaf=MINIMUM_LEAF, random_state=seed)

        def learn(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
            weights = self.weights[known] if self.classes else None
            tree.fit(ranks[known], self.y[known], weights, check_input=False)
            return tree.predict(ranks[asked], check_input=False)

        return self.score(learn)

    def by_level(self, values: pd.Series) -> float:
        """How well each level's commonest class, or mean, tells the target; of a level that is new, any."""
        levels = pd.factorize(values, use_na_sentinel=False)[0]
        size = int(levels.max()) + 1

        def learn(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
            level, y = levels[known], self.y[known]
            if self.classes:
                cells = np.bincount(level * self.classes + y, self.weights[known], size * self.classes)
                return cells.reshape(size, self.classes).argmax(axis=1)[levels[asked]]
            count = np.bincount(level, minlength=size)
            means = np.where(count, np.bincount(level, y, size) / np.maximum(count, 1), y.mean())
            return means[levels[asked]]

        return self.score(learn)


def as_numbers(values: pd.Series) -> np.ndarray:
    """A column of numbers, booleans or times, NaN where there is none."""
    plain = values.astype("int64").where(values.notna()) if values.dtype.kind == "M" else values
    return plain.to_numpy(dtype=np.float64, na_value=np.nan)
