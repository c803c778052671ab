"""Models of a feature table with scikit-learn: build, fit, score, export to ONNX.

Inputs are what the encoder gives: {"features": float32 (records, width)}. Fitting on those float32 values is what
lets the exported graph agree with the estimator: trees split on exact thresholds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

from .estimators import ESTIMATORS, OUTPUT, scores_of
from .modality import Inputs
from .settings import ParamsError

LINEAR_BASELINE = "linear"
LIBRARIES = ("scikit-learn", "skl2onnx")
OPSET = 18


def build(name: str, hyperparameters: Mapping[str, Any], class_weight: str | None, seed: int) -> Any:
    """A candidate of params.yaml, not yet fitted.

    Raises:
        ParamsError: when no such candidate exists or a hyperparameter is not its own.
    """
    if name not in ESTIMATORS:
        raise ParamsError(f"params.yaml: model.candidates: no {name!r}; there are {', '.join(ESTIMATORS)}")
    try:
        return ESTIMATORS[name](seed=seed, class_weight=class_weight, **hyperparameters)
    except TypeError as error:
        raise ParamsError(f"params.yaml: model.candidates.{name}: {error}") from None


def fit(estimator: Any, inputs: Inputs, y: np.ndarray) -> Any:
    """Fit on inputs of n records and targets (n,); gives the fitted estimator."""
    fitted = estimator.fit(inputs["features"], y)
    if "n_jobs" in fitted.get_params(deep=False):
        fitted.set_params(n_jobs=1)  # threads add up the votes of trees in any order: one gives the same bits each time
    return fitted


def score(estimator: Any, inputs: Inputs) -> np.ndarray:
    """Scores (n, classes) or (n, 1), float64."""
    return np.asarray(scores_of(estimator, inputs["features"]), dtype=np.float64)


def export(estimator: Any, inputs: Inputs, path: Path) -> str:
    """Write the fitted estimator as an ONNX graph; `inputs` shows the shapes. Gives the name of the score output.

    Raises:
        ValueError: naming an estimator that cannot be exported, and those that can.
    """
    shape = [("features", FloatTensorType([None, inputs["features"].shape[1]]))]
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
    try:
        graph = to_onnx(estimator, initial_types=shape, options=options, target_opset=OPSET)
    except (MissingConverter, MissingShapeCalculator):
        name, known = type(estimator).__name__, ", ".join(ESTIMATORS)
        raise ValueError(f"{name} cannot be exported to ONNX; candidates that can: {known}") from None
    path.write_bytes(graph.SerializeToString())
    return OUTPUT
