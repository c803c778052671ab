"""The scikit-learn steps between the encoded image and the estimator: principal components.

The encoder has scaled every value already, in float64: a scaler inside the float32 graph would lose digits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA

from .engineroom.encoding import Inputs

COMPONENTS = 0.95


def steps(hyperparameters: Mapping[str, Any], seed: int) -> tuple[list[BaseEstimator], dict[str, Any]]:
    """The unfitted steps, and the hyperparameters that are left for the estimator.

    `components` is the number of principal components, or the share of the variance that they keep together.
    """
    rest = dict(hyperparameters)
    return [PCA(rest.pop("components", COMPONENTS), svd_solver="full", random_state=seed)], rest


def matrix(inputs: Inputs) -> np.ndarray:
    """What the first step takes: float32 (n, width)."""
    return inputs["features"]


def graph_input(inputs: Inputs) -> list[tuple[str, Any]]:
    return [("features", FloatTensorType([None, inputs["features"].shape[1]]))]
