"""The models that compete: scikit-learn's classifiers, one function each.

To add one, write a function that returns an unfitted classifier, name it in `CANDIDATES`, and then under
`model: candidates:` of `params.yaml`. `make pipeline` tunes it with the others, and the best on validation wins. It
receives `seed`, the `class_weight` of `params.yaml` (null, or balanced to weigh rare classes up), and the
hyperparameters that `params.yaml` gives to its candidate, so `**options` are the estimator's own arguments.

The service computes an ONNX graph of the winner. `tune` exports each candidate once before it searches, and says which
one cannot be exported. For an estimator that skl2onnx does not know, `exported_by` takes another library's converter:

    from .engineroom.learning.estimators import exported_by

    @exported_by(LGBMClassifier, converter=convert_lightgbm, shapes=calculate_linear_classifier_output_shapes)
    def lightgbm(seed: int, class_weight: str | None, **options: Any) -> BaseEstimator:
        return LGBMClassifier(random_state=seed, **options)
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

FRAMEWORK = "sklearn"


def linear(seed: int, class_weight: str | None, strength: float = 1.0, **options: Any) -> BaseEstimator:
    """Logistic regression; `strength` is that of the L2 penalty."""
    return LogisticRegression(C=1 / strength, class_weight=class_weight, max_iter=2_000, **options)


def forest(seed: int, class_weight: str | None, **options: Any) -> BaseEstimator:
    """Trees on samples of the records, whose votes are the probabilities."""
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


# Name in params.yaml -> function. `linear` is also the baseline that the others have to beat: leave it in.
CANDIDATES: dict[str, Callable[..., BaseEstimator]] = {
    "linear": linear,
    "forest": forest,
    "boosting": boosting,
    "svm": svm,
    "stack": stack,
}
