"""The models that compete: scikit-learn's regressors, one function each.

To add one, write a function that returns an unfitted regressor, name it in `CANDIDATES`, and then under
`model: candidates:` of `params.yaml`. `make pipeline` tunes it with the others, and the best on validation wins. It
receives `seed`, `class_weight`, which is for classes and None here, and the hyperparameters that `params.yaml` gives to
its candidate, so `**options` are the estimator's own arguments.

The service computes an ONNX graph of the winner. `tune` exports each candidate once before it searches, and says which
one cannot be exported. For an estimator that skl2onnx does not know, `exported_by` takes another library's converter:

    from .engineroom.learning.estimators import exported_by

    @exported_by(LGBMRegressor, converter=convert_lightgbm, shapes=calculate_linear_regressor_output_shapes)
    def lightgbm(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
        return LGBMRegressor(random_state=seed, **options)
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

FRAMEWORK = "sklearn"


def linear(seed: int, class_weight: None, strength: float = 1.0, **options: Any) -> BaseEstimator:
    """Ridge regression; `strength` is that of the L2 penalty."""
    return Ridge(alpha=strength, **options)


def forest(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    """The mean of trees that are grown on samples of the records."""
    return RandomForestRegressor(random_state=seed, n_jobs=-1, **options)


def boosting(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    """Gradient boosting: trees are added until held-out records gain no more by it, `max_iter` at most."""
    stopping = {"max_iter": 1_000, "early_stopping": True, "n_iter_no_change": 20}
    return HistGradientBoostingRegressor(random_state=seed, **stopping | options)


def svm(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    """Support vector regression; C and epsilon are in units of the target."""
    return SVR(**options)


def stack(seed: int, class_weight: None, **options: Any) -> BaseEstimator:
    """A ridge regression over a linear model and boosted trees."""
    layers = [("linear", linear(seed, None)), ("boosting", boosting(seed, None, max_iter=100))]
    return StackingRegressor(layers, final_estimator=Ridge(), cv=3, **options)


# Name in params.yaml -> function. `linear` is also the baseline that the others have to beat: leave it in.
CANDIDATES: dict[str, Callable[..., BaseEstimator]] = {
    "linear": linear,
    "forest": forest,
    "boosting": boosting,
    "svm": svm,
    "stack": stack,
}
