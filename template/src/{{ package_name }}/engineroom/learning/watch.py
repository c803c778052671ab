"""What a model in training is judged by as it learns: networks and boosted trees end where it gets no better."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..encoding import Inputs


def _ignore(step: int, value: float) -> None:
    """Nobody asks for progress."""


@dataclass(frozen=True)
class Watch:
    """Held-out records and how to judge scores on them.

    Attributes:
        inputs: encoded records that nothing is fitted on.
        truth: their targets (n,).
        metric: name of the primary metric.
        judge: scores of these records -> that metric.
        sign: 1 when more of it is better, else -1.
        report: told the step and the metric; may raise to end a hopeless trial.
        folder: where checkpoints are kept, so that a killed run goes on; None keeps none.
    """

    inputs: Inputs
    truth: np.ndarray
    metric: str
    judge: Callable[[np.ndarray], float]
    sign: int
    report: Callable[[int, float], None] = _ignore
    folder: Path | None = None
