"""Records to fit on and records to judge by: what a candidate of params.yaml is built for, fitted on and watched by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from ..encoding import Encoder, Inputs, encoder_for
from ..judging import Judge
from ..reading import columns_of, target_of
from .framework import Learner
from .watch import Watch


@dataclass(frozen=True)
class Fold:
    """Encoded records and targets to fit on, and held-out ones; the encoder has learned from the former alone."""

    learner: Learner
    judge: Judge
    encoder: Encoder
    inputs: Inputs
    y: np.ndarray
    held_out: Inputs
    truth: np.ndarray

    @classmethod
    def of(cls, fitting: pa.Table, held_out: pa.Table, judge: Judge, learner: Learner) -> Self:
        """Both tables, encoded."""
        y, truth = (judge.decision.encode(target_of(part, judge.contract)) for part in (fitting, held_out))
        columns = columns_of(fitting)
        encoding = encoder_for(judge.contract, learner.framework.NAME)
        encoder = encoding.fit(columns, judge.contract, encoding.read_params(judge.params.features))
        inputs = encoder.encode(columns)
        return cls(learner, judge.on(held_out), encoder, inputs, y, encoder.encode(columns_of(held_out)), truth)

    def build(self, name: str, hyperparameters: Mapping[str, Any]) -> Any:
        """A candidate, not yet fitted."""
        params = self.judge.params
        return self.learner.build(
            name,
            hyperparameters,
            encoder=self.encoder,
            decision=self.judge.decision,
            class_weight=params.model.class_weight,
            seed=params.seed,
        )

    def fit(self, name: str, hyperparameters: Mapping[str, Any], **watching: Any) -> Any:
        """A fitted candidate. `watching` goes to `Watch`: who is told of its progress, where its checkpoints are."""
        watch = Watch(self.held_out, self.truth, self.judge.metric, self.quality, self.judge.sign, **watching)
        return self.learner.framework.fit(self.build(name, hyperparameters), self.inputs, self.y, watch)

    def score(self, fitted: Any) -> np.ndarray:
        """Scores of the held-out records, (n, classes) or (n, 1)."""
        return self.learner.framework.score(fitted, self.held_out)

    def export(self, fitted: Any, path: Path) -> str:
        """Write a fitted candidate as an ONNX graph; gives the name of the scores."""
        return self.learner.framework.export(fitted, self.inputs, path)

    def quality(self, scores: np.ndarray) -> float:
        """The primary metric of scores of the held-out records, with the decision that is best for them."""
        return self.judge.fitted(self.truth, scores).primary(self.truth, scores)
