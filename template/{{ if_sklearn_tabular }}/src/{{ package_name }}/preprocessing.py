"""What scikit-learn does to encoded records before the estimator: nothing, the encoder has done it all."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator

from .engineroom.encoding import Inputs


def steps(hyperparameters: Mapping[str, Any], seed: int) -> tuple[list[BaseEstimator], dict[str, Any]]:
    """Unfitted transformers, and the hyperparameters that are left for the estimator."""
    return [], dict(hyperparameters)


def matrix(inputs: Inputs) -> np.ndarray:
    """What the first step takes: features (n, width), float32."""
    return inputs["features"]


def graph_input(inputs: Inputs) -> list[tuple[str, Any]]:
    """Name and type of the graph's input, for skl2onnx."""
    return [("features", FloatTensorType([None, inputs["features"].shape[1]]))]
