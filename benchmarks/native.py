"""The model that all other servers share: the naive service's own pipeline, data frame in, scores out."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from bench.native import fit

from customer_model.engineroom import contract as contracts
from customer_model.engineroom.artifacts.paths import TRAINING, read_json
from customer_model.pipeline.train import prepare


def scorer() -> Callable[[list[dict[str, Any]] | pd.DataFrame], list[list[float]]]:
    """Records or a frame of them -> scores of each; fitted when this is called."""
    features, dates = _features()
    score = fit(read_json(TRAINING)["chosen"], prepare())

    def scores(records: list[dict[str, Any]] | pd.DataFrame) -> list[list[float]]:
        frame = pd.DataFrame(records, columns=features)
        for name in dates:
            frame[name] = pd.to_datetime(frame[name])
        return score(frame).tolist()

    return scores


def _features() -> tuple[list[str], list[str]]:
    features = contracts.load().features
    return list(features), [name for name, column in features.items() if column.type == "datetime"]
