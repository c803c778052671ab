"""The scikit-learn regressors that candidates in params.yaml can name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from scipy.sparse import issparse
from skl2onnx import update_registered_converter
from skl2onnx.algebra.onnx_ops import (
    OnnxAdd,
    OnnxCast,
    OnnxExp,
    OnnxMatMul,
    OnnxMul,
    OnnxReduceSumSquare,
    OnnxSub,
)
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from skl2onnx.operator_converters.support_vector_machines import convert_sklearn_svm_regressor
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


def convert_svr(scope: Any, operator: Any, container: Any) -> None:
    """An SVR as a graph that sums in float64, as scikit-learn does.

    ONNX's own operator adds up hundreds of large, nearly cancelling terms in float32, and loses the fifth digit.
    """
    svr = operator.raw_operator
    if svr.kernel not in ("rbf", "linear"):
        convert_sklearn_svm_regressor(scope, operator, container)
        return
    version = {"op_version": container.target_opset}
    x = OnnxCast(operator.inputs[0], to=TensorProto.DOUBLE, **version)
    if svr.kernel == "linear":
        total = OnnxMatMul(x, _dense(svr.coef_).T, **version)
    else:  # exp(-gamma |x - v|^2), multiplied out
        vectors = _dense(svr.support_vectors_)
        halves = OnnxMul(OnnxReduceSumSquare(x, np.array([1]), keepdims=1, **version), np.array(0.5), **version)
        near = OnnxSub(OnnxMatMul(x, vectors.T, **version), halves, **version)
        near = OnnxSub(near, (vectors**2).sum(axis=1) / 2, **version)
        alike = OnnxExp(OnnxMul(near, np.array(2 * svr._gamma), **version), **version)
        total = OnnxMatMul(alike, _dense(svr.dual_coef_).T, **version)
    values = OnnxAdd(total, svr.intercept_, **version)
    OnnxCast(values, to=TensorProto.FLOAT, output_names=operator.outputs[:1], **version).add_to(scope, container)


def _dense(found: Any) -> np.ndarray:
    """As float64, also where the estimator was fitted on a sparse matrix, as texts are."""
    return (found.toarray() if issparse(found) else found).astype(np.float64)


update_registered_converter(SVR, "SklearnSVR", calculate_linear_regressor_output_shapes, convert_svr, overwrite=True)
