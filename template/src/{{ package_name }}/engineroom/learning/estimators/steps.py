"""The steps between encoded inputs and an estimator, by what the encoder gives.

A table needs none: the encoder has done it all. It has scaled descriptors of images, too, in float64, as a scaler
inside the float32 graph would lose digits: what is left are principal components. Texts become TF-IDF of word and
character n-grams. Single words, runs of words and runs of characters are three blocks, each with weights and a norm of
its own: the converter to ONNX reads such blocks off exactly, where it would have to guess if single words and pairs
shared one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from ...contract import Section
from ...encoding import CHARACTER, WORD, Encoder, Inputs

VARIANCE = 0.95  # share of it that the principal components of descriptors keep

Steps = tuple[list[BaseEstimator], dict[str, Any]]  # unfitted, and the hyperparameters that are left for the estimator


def steps_before(encoder: Encoder, hyperparameters: Mapping[str, Any], seed: int) -> Steps:
    """The steps that an encoder's inputs need.

    Raises:
        ValidationError: a hyperparameter of the n-grams has a value that it cannot have.
    """
    if encoder.kind == "words":
        return _of_texts(hyperparameters, seed)
    return _of_descriptors(hyperparameters, seed) if encoder.kind == "descriptors" else ([], dict(hyperparameters))


def matrix(inputs: Inputs) -> np.ndarray:
    """What the first step takes: float32 (n, width), or texts (n,), str."""
    [array] = inputs.values()
    return array[:, 0] if _are_texts(array) else array


def graph_input(inputs: Inputs) -> list[tuple[str, Any]]:
    """Name and type of the graph's input, for skl2onnx."""
    [(name, array)] = inputs.items()
    kind = StringTensorType if _are_texts(array) else FloatTensorType
    return [(name, kind([None, array.shape[1]]))]


def _are_texts(array: np.ndarray) -> bool:
    return array.dtype.kind in "OUT"


def _of_descriptors(hyperparameters: Mapping[str, Any], seed: int) -> Steps:
    """`components` is the number of principal components, or the share of the variance that they keep together."""
    rest = dict(hyperparameters)
    return [PCA(rest.pop("components", VARIANCE), svd_solver="full", random_state=seed)], rest


class NGrams(Section):
    """The hyperparameters of a candidate that say how its text is cut and weighed."""

    words: int = Field(1, ge=1, description="words in the longest run that is a feature")
    characters: int = Field(0, ge=0, description="characters in the longest run that is a feature; 0 for none")
    min_documents: int = Field(2, ge=1, description="a rarer n-gram is left out")
    max_features: int = Field(20_000, ge=1, description="n-grams of a block; the most frequent are kept")
    binary: bool = Field(False, description="a repeated n-gram counts once")
    components: int = Field(0, ge=0, description="directions that n-grams are projected on; 0 keeps them all")


def _of_texts(hyperparameters: Mapping[str, Any], seed: int) -> Steps:
    names = NGrams.model_fields
    grams = NGrams.model_validate({name: value for name, value in hyperparameters.items() if name in names})
    blocks = {"words": (WORD, 1, 1), "phrases": (WORD, 2, grams.words), "characters": (CHARACTER, 2, grams.characters)}
    union = [(name, _tfidf(grams, *block)) for name, block in blocks.items() if block[1] <= block[2]]
    projection = [TruncatedSVD(grams.components, random_state=seed)] if grams.components else []
    return [FeatureUnion(union), *projection], {k: v for k, v in hyperparameters.items() if k not in names}


def _tfidf(grams: NGrams, token: str, shortest: int, longest: int) -> TfidfVectorizer:
    # No sublinear_tf: its conversion counts otherwise (log(1 + n) for 1 + log n), and scores were 0.04 off.
    return TfidfVectorizer(
        lowercase=False,  # the encoder has folded case, for every script
        token_pattern=token,
        ngram_range=(shortest, longest),
        min_df=grams.min_documents,
        max_features=grams.max_features,
        binary=grams.binary,
        dtype=np.float32,
    )
