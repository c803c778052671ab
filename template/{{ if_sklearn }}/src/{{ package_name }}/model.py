"""Models with scikit-learn: build, fit, score, export to ONNX.

A model is a pipeline: the steps of `preprocessing`, where there are any, then one of `estimators`. It is fitted on the
float32 values or texts that the graph will see, which is what lets the two agree: trees split on exact thresholds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.compose import add_prefix, merge_models
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import has_fit_parameter

from . import preprocessing
from .bundle import EMBEDDING
from .engineroom.contract import ParamsError
from .engineroom.encoding import Encoder, Framework, Inputs
from .estimators import ESTIMATORS, OUTPUT, scores_of
from .pipeline.watch import Watch
from .task import Decision

FRAMEWORK: Framework = "sklearn"  # which takes part in the choice of the encoder
LINEAR_BASELINE = "linear"
LIBRARIES = ("scikit-learn", "skl2onnx")
SHORT: dict[str, Any] = {}  # hyperparameters that shorten a rehearsal: a few records are quick enough
OPSET = 18
COMPONENTS = 4


def build(
    name: str,
    hyperparameters: Mapping[str, Any],
    *,
    encoder: Encoder,
    decision: Decision,
    class_weight: str | None,
    seed: int,
) -> Pipeline:
    """A candidate of params.yaml, not yet fitted. `encoder` and `decision` tell nothing that fitting does not.

    Raises:
        ParamsError: when no such candidate exists or a hyperparameter is not its own.
    """
    if name not in ESTIMATORS:
        raise ParamsError(f"params.yaml: model.candidates: no {name!r}; there are {', '.join(ESTIMATORS)}")
    try:
        steps, own = preprocessing.steps(hyperparameters, seed)
        return make_pipeline(*steps, ESTIMATORS[name](seed=seed, class_weight=class_weight, **own))
    except TypeError as error:
        raise ParamsError(f"params.yaml: model.candidates.{name}: {error}") from None


def fit(model: Pipeline, inputs: Inputs, y: np.ndarray, watch: Watch) -> Pipeline:
    """Fit on inputs of n records and targets (n,); gives the fitted model.

    Boosted trees are added as long as the watched records gain by it. All else learns in one go, unwatched.
    """
    features, estimator = preprocessing.matrix(inputs), model[-1]
    if has_fit_parameter(estimator, "X_val") and estimator.early_stopping is True:
        watched = preprocessing.matrix(watch.inputs)
        for step in model[:-1]:
            features, watched = step.fit_transform(features, y), step.transform(watched)
        estimator.fit(features, y, X_val=watched, y_val=watch.truth)
    else:
        model.fit(features, y)
    _round_down(estimator)
    if "n_jobs" in estimator.get_params(deep=False):
        estimator.set_params(n_jobs=1)  # threads add up the votes of trees in any order: one gives the same bits
    return model


def _round_down(estimator: Any) -> None:
    """Thresholds of boosted trees as the float32 at or below, which parts float32 values as the float64 does.

    skl2onnx keeps the nearest float32: of a threshold between two values next to each other, one of the values.
    """
    for part in (estimator, *getattr(estimator, "estimators_", ())):
        for tree in (tree for trees in getattr(part, "_predictors", ()) for tree in trees):
            thresholds = tree.nodes["num_threshold"]
            nearest = thresholds.astype(np.float32)
            below = np.nextafter(nearest, np.float32(-np.inf))
            thresholds[...] = np.where(nearest > thresholds, below, nearest)


def score(model: Pipeline, inputs: Inputs) -> np.ndarray:
    """Scores (n, classes) or (n, 1), float64."""
    return np.asarray(scores_of(model, preprocessing.matrix(inputs)), dtype=np.float64)


def export(model: Pipeline, inputs: Inputs, path: Path) -> str:
    """Write the fitted model as an ONNX graph; `inputs` are those it was fitted on. Gives the name of the scores.

    With preprocessing steps the graph has a second output, the leading components of what they give.

    Raises:
        ValueError: naming an estimator that cannot be exported.
    """
    bare = len(model) == 1
    graph = _convert(model[0], preprocessing.graph_input(inputs)) if bare else _convert_steps(model, inputs)
    path.write_bytes(graph.SerializeToString())
    return OUTPUT


def _convert_steps(model: Pipeline, inputs: Inputs) -> onnx.ModelProto:
    """The steps, then the estimator on what they give, and beside it that matrix's projection."""
    features = model[:-1].transform(preprocessing.matrix(inputs))
    first = _convert(model[:-1], preprocessing.graph_input(inputs))
    first = add_prefix(first, "steps_", rename_inputs=False)  # both parts call a node Cast, a matrix coef
    second = _convert(model[-1], [("transformed", FloatTensorType([None, features.shape[1]]))])
    given = first.graph.output[0].name
    whole = merge_models(first, second, io_map=[(given, "transformed")], outputs=[OUTPUT])
    _project(whole.graph, given, _directions(features).astype(np.float32))
    onnx.checker.check_model(whole)
    return whole


def _directions(features: Any) -> np.ndarray:
    """The leading components of a matrix (n, width), dense or sparse: (width, k)."""
    width = features.shape[1]
    if width == 1:
        return np.eye(1)
    return TruncatedSVD(min(COMPONENTS, width - 1), random_state=0).fit(features).components_.T


def _project(graph: onnx.GraphProto, matrix: str, directions: np.ndarray) -> None:
    """Add matrix @ directions (width, k) to a graph's outputs."""
    graph.initializer.append(numpy_helper.from_array(directions, "directions"))
    graph.node.append(onnx.helper.make_node("MatMul", [matrix, "directions"], [EMBEDDING]))
    shape = ["records", directions.shape[1]]
    graph.output.append(onnx.helper.make_tensor_value_info(EMBEDDING, onnx.TensorProto.FLOAT, shape))


def _convert(part: Any, graph_input: list[tuple[str, Any]]) -> onnx.ModelProto:
    classifies = hasattr(part, "classes_") and not isinstance(part, Pipeline)
    options = {id(part): {"zipmap": False}} if classifies else None
    try:
        return to_onnx(part, initial_types=graph_input, options=options, target_opset=OPSET)
    except (MissingConverter, MissingShapeCalculator):
        name = type(part).__name__
        raise ValueError(f"{name} cannot be exported to ONNX: skl2onnx has no converter for it") from None
