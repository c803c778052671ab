"""How estimators become ONNX graphs: skl2onnx's converters, one of our own, and those that candidates bring along."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import TensorProto
from scipy.sparse import issparse
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.algebra.onnx_ops import (
    OnnxAdd,
    OnnxCast,
    OnnxExp,
    OnnxMatMul,
    OnnxMul,
    OnnxReduceSumSquare,
    OnnxSub,
)
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from skl2onnx.operator_converters.support_vector_machines import convert_sklearn_svm_regressor
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR

OPSET = 18
AS_CLASSIFIER = {  # what converters of classifiers ask for
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}

Candidate = TypeVar("Candidate", bound=Callable[..., Any])


def exported_by(
    estimator: type, *, converter: Callable[..., None], shapes: Callable[..., None]
) -> Callable[[Candidate], Candidate]:
    """Decorates a candidate: its estimator is of a class that skl2onnx does not know, and this is how it is exported.

    Args:
        estimator: the class, also where the candidate wraps it in another estimator.
        converter, shapes: a converter and a shape calculator as skl2onnx takes them. That of a library's classifier
            is often in `onnxmltools`; `skl2onnx.common.shape_calculator` has shapes for classifiers and regressors.
    """
    options = AS_CLASSIFIER if hasattr(estimator, "predict_proba") else None
    update_registered_converter(estimator, estimator.__name__, shapes, converter, overwrite=True, options=options)
    return lambda candidate: candidate


def convert(part: Any, graph_input: list[tuple[str, Any]]) -> onnx.ModelProto:
    """A fitted estimator, or the steps before it, as a graph.

    Raises:
        ValueError: naming an estimator that cannot be exported.
    """
    classifies = hasattr(part, "classes_") and not isinstance(part, Pipeline)
    options = {id(part): {"zipmap": False}} if classifies else None
    try:
        return to_onnx(part, initial_types=graph_input, options=options, target_opset=OPSET)
    except (MissingConverter, MissingShapeCalculator):
        name = type(part).__name__
        raise ValueError(f"{name} cannot be exported to ONNX: skl2onnx has no converter for it") from None


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
