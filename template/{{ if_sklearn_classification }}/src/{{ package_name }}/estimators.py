"""The scikit-learn classifiers that candidates in params.yaml can name."""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC


def linear(seed: int, class_weight: str | None, strength: float = 1.0, **options: Any) -> BaseEstimator:
    """Logistic regression; `strength` is that of the L2 penalty."""
    return LogisticRegression(C=1 / strength, class_weight=class_weight, max_iter=2_000, **options)


def forest(seed: int, class_weight: str | None, **options: Any) -> BaseEstimator:
    return RandomForestClassifier(class_weight=class_weight, random_state=seed, n_jobs=-1, **options)


def boosting(seed: int, class_weight: str | None, **options: Any) -> BaseEstimator:
    """Gradient boosting: trees are added until held-out records gain no more by it, `max_iter` at most."""
    stopping = {"max_iter": 1_000, "early_stopping": True, "n_iter_no_change": 20}
    return HistGradientBoostingClassifier(class_weight=class_weight, random_state=seed, **stopping | options)


def svm(seed: int, class_weight: str | None, **options: Any) -> BaseEstimator:
    """A support vector machine has no probabilities of its own: they are calibrated by cross-validation."""
    return CalibratedClassifierCV(SVC(class_weight=class_weight, **options), cv=3, ensemble=False)


def stack(seed: int, class_weight: str | None, **options: Any) -> BaseEstimator:
    """A logistic regression over a linear model and boosted trees."""
    layers = [("linear", linear(seed, class_weight)), ("boosting", boosting(seed, class_weight, max_iter=100))]
    return StackingClassifier(layers, final_estimator=LogisticRegression(max_iter=2_000), cv=3, **options)


ESTIMATORS: dict[str, Callable[..., BaseEstimator]] = {
    "linear": linear,
    "forest": forest,
    "boosting": boosting,
    "svm": svm,
    "stack": stack,
}
OUTPUT = "probabilities"


def scores_of(estimator: Any, features: Any) -> Any:
    """Probabilities (n, classes) of a fitted classifier."""
    return estimator.predict_proba(features)
