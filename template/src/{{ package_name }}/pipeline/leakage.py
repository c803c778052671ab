"""Columns that give the target away: each is asked alone, and one that knows nearly everything stops the pipeline."""

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
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
    continuous = contract.target.kind == "continuous"
    leaf = {"min_samples_leaf": MINIMUM_LEAF, "random_state": seed}
    tree = DecisionTreeRegressor(**leaf) if continuous else DecisionTreeClassifier(class_weight="balanced", **leaf)
    if column.type in (*NUMERIC, "boolean", "datetime"):
        inputs, model = as_numbers(values), tree
    else:  # levels become their mean target, learned where the tree is, so that unseen ones tell nothing
        inputs = values.astype(object).where(values.notna(), "").to_numpy().reshape(-1, 1)
        model = make_pipeline(TargetEncoder(cv=KFold(FOLDS, shuffle=True, random_state=seed)), tree)
    truth = target.to_numpy(dtype=float) if continuous else target.astype(str).to_numpy()
    predicted = cross_val_predict(model, inputs, truth, cv=FOLDS)
    return float(r2_score(truth, predicted) if continuous else balanced_accuracy_score(truth, predicted))


def as_numbers(values: pd.Series) -> np.ndarray:
    """A column's values, gaps below all of them, beside whether there is a gap. Shape (n, 2)."""
    plain = values.astype("int64").where(values.notna()) if values.dtype.kind == "M" else values
    numbers = plain.astype("float64")
    lowest = numbers.min() if numbers.notna().any() else 0.0
    return np.column_stack([numbers.fillna(lowest - 1), values.isna()])
