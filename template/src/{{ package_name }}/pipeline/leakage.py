"""Columns that give the target away: each is asked alone, and one that knows nearly everything stops the pipeline."""

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..contract import NUMERIC, Contract
from ..settings import LeakageParams

FOLDS = 3
MINIMUM_LEAF = 5


def near_copies(frame: pd.DataFrame, contract: Contract, params: LeakageParams, seed: int) -> list[str]:
    """Features that predict the target almost perfectly on their own.

    The score is cross-validated, so that a column of unique values gains nothing: balanced accuracy of a small tree
    for classes, R2 for numbers. Whether a value is present counts too: an end date is there once the end has come.
    """
    sample = frame.sample(min(len(frame), params.rows), random_state=seed)
    found = []
    for name in contract.features:
        if name in contract.quality.near_copies_allowed:
            continue
        score = lone_score(sample[name], sample[contract.target.name], contract, seed)
        if score >= params.threshold:
            found.append(
                f"column {name!r} is a near-copy of the target (alone it scores {score:.3f}): remove it (type: ignored)"
                ", or list it in quality.near_copies_allowed if it is known before the outcome"
            )
    return found


def lone_score(values: pd.Series, target: pd.Series, contract: Contract, seed: int) -> float:
    """How well one column predicts the target by itself; at most 1."""
    column = contract.columns[str(values.name)]
    if column.type == "datetime":
        numbers = values.astype("int64").where(values.notna()).astype("float64")
    elif column.type in (*NUMERIC, "boolean"):
        numbers = values.astype("float64")
    else:
        numbers = pd.Series(target_codes(values, target), index=values.index)
    inputs = np.column_stack([numbers.fillna(numbers.min() - 1 if numbers.notna().any() else 0), values.isna()])
    if contract.target.kind == "continuous":
        return _r2(inputs, target.to_numpy(dtype=float), seed)
    return _balanced_accuracy(inputs, target.astype(str).to_numpy(), seed)


def target_codes(values: pd.Series, target: pd.Series) -> np.ndarray:
    """Levels numbered in the order of their mean target, so that one cut can part them."""
    numeric = pd.factorize(target)[0] if target.dtype.kind not in "fi" else target
    means = pd.Series(numeric, index=values.index).groupby(values).mean()
    return values.map(means.rank(method="first")).astype("float64").to_numpy()


def _balanced_accuracy(inputs: np.ndarray, labels: np.ndarray, seed: int) -> float:
    tree = DecisionTreeClassifier(
        min_samples_leaf=MINIMUM_LEAF, max_depth=6, class_weight="balanced", random_state=seed
    )
    predicted = cross_val_predict(tree, inputs, labels, cv=FOLDS)
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def _r2(inputs: np.ndarray, target: np.ndarray, seed: int) -> float:
    tree = DecisionTreeRegressor(min_samples_leaf=MINIMUM_LEAF, random_state=seed)
    predicted = cross_val_predict(tree, inputs, target, cv=FOLDS)
    return float(1 - ((target - predicted) ** 2).mean() / max(target.var(), np.finfo(float).tiny))
