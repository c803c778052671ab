"""The scikit-learn regressors that candidates in params.yaml can name."""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR


def linear(seed: int, class_weight: None, strength: float = 1.0, **options: Any) -> BaseEstimator:
    """Ridge regression; `strength` is that of the L2 penalty."""
    return Ridge(alpha=strength, **options)


def forest(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    return RandomForestRegressor(random_state=seed, n_jobs=-1, **options)


def boosting(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    return HistGradientBoostingRegressor(random_state=seed, **options)


def svm(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    return SVR(**options)


def stack(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    """A ridge regression over a linear model and boosted trees."""
    layers = [("linear", linear(seed, None)), ("boosting", boosting(seed, None))]
    return StackingRegressor(layers, final_estimator=Ridge(), cv=3, **options)


ESTIMATORS: dict[str, Callable[..., BaseEstimator]] = {
    "linear": linear,
    "forest": forest,
    "boosting": boosting,
    "svm": svm,
    "stack": stack,
}
OUTPUT = "variable"


def scores_of(estimator: Any, features: Any) -> Any:
    """Predicted values (n, 1) of a fitted regressor."""
    return estimator.predict(features).reshape(-1, 1)
