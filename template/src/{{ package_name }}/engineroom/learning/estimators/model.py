"""Models with scikit-learn: build, fit, score, export to ONNX.

A model is a pipeline: the steps that encoded inputs need, where they need any, then a candidate's estimator. It is
fitted on the float32 values or texts that the graph will see, which is what lets the two agree: trees split on exact
thresholds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.compose import add_prefix, merge_models
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import has_fit_parameter

from ...bundle import COMPONENTS_OUTPUT
from ...encoding import Encoder, Framework, Inputs
from ...judging import Decision
from .. import Watch
from .conversion import convert
from .steps import graph_input, matrix, steps_before

NAME: Framework = "sklearn"  # which takes part in the choice of the encoder
LINEAR_BASELINE = "linear"
LIBRARIES: tuple[str, ...] = ("scikit-learn", "skl2onnx")
SHORT: dict[str, Any] = {}  # a few records are quick enough
COMPONENTS = 4


@dataclass(frozen=True)
class Model:
    """A pipeline, and whether its scores are probabilities of classes or values."""

    pipeline: Pipeline
    classifies: bool

    def scores(self, features: Any) -> np.ndarray:
        """What the first step takes of n records -> scores (n, classes) or (n, 1), float64."""
        found = self.pipeline.predict_proba(features) if self.classifies else self.pipeline.predict(features)[:, None]
        return np.asarray(found, dtype=np.float64)

    @property
    def output(self) -> str:
        """The name that skl2onnx gives to the scores."""
        return "probabilities" if self.classifies else "variable"


def build(
    name: str,
    candidate: Callable[..., BaseEstimator],
    hyperparameters: Mapping[str, Any],
    *,
    encoder: Encoder,
    decision: Decision,
    class_weight: str | None,
    seed: int,
) -> Model:
    """A candidate, not yet fitted. The encoder decides the steps before it, the decision what its scores are."""
    steps, own = steps_before(encoder, hyperparameters, seed)
    pipeline = make_pipeline(*steps, candidate(seed=seed, class_weight=class_weight, **own))
    return Model(pipeline, decision.kind != "continuous")


def fit(model: Model, inputs: Inputs, y: np.ndarray, watch: Watch) -> Model:
    """Fit on inputs of n records and targets (n,); gives the fitted model.

    Boosted trees are added as long as the watched records gain by it. All else learns in one go, unwatched.
    """
    features, pipeline = matrix(inputs), model.pipeline
    estimator = pipeline[-1]
    if has_fit_parameter(estimator, "X_val") and estimator.early_stopping is True:
        watched = matrix(watch.inputs)
        for step in pipeline[:-1]:
            features, watched = step.fit_transform(features, y), step.transform(watched)
        estimator.fit(features, y, X_val=watched, y_val=watch.truth)
    else:
        pipeline.fit(features, y)
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


def score(model: Model, inputs: Inputs) -> np.ndarray:
    """Scores (n, classes) or (n, 1), float64."""
    return model.scores(matrix(inputs))


def export(model: Model, inputs: Inputs, path: Path) -> str:
    """Write the fitted model as an ONNX graph; `inputs` are those it was fitted on. Gives the name of the scores.

    With preprocessing steps the graph has a second output, the leading components of what they give.

    Raises:
        ValueError: naming an estimator that cannot be exported.
    """
    bare = len(model.pipeline) == 1
    graph = convert(model.pipeline[0], graph_input(inputs)) if bare else _convert_steps(model, inputs)
    path.write_bytes(graph.SerializeToString())
    return model.output


def _convert_steps(model: Model, inputs: Inputs) -> onnx.ModelProto:
    """The steps, then the estimator on what they give, and beside it that matrix's projection."""
    steps, estimator = model.pipeline[:-1], model.pipeline[-1]
    features = steps.transform(matrix(inputs))
    first = convert(steps, graph_input(inputs))
    first = add_prefix(first, "steps_", rename_inputs=False)  # both parts call a node Cast, a matrix coef
    second = convert(estimator, [("transformed", FloatTensorType([None, features.shape[1]]))])
    given = first.graph.output[0].name
    whole = merge_models(first, second, io_map=[(given, "transformed")], outputs=[model.output])
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
    graph.node.append(onnx.helper.make_node("MatMul", [matrix, "directions"], [COMPONENTS_OUTPUT]))
    shape = ["records", directions.shape[1]]
    graph.output.append(onnx.helper.make_tensor_value_info(COMPONENTS_OUTPUT, onnx.TensorProto.FLOAT, shape))
