"""What a model in training is judged by as it learns. Models that learn in one go have no use for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..modality import Inputs


def _ignore(step: int, quality: float) -> None:
    """Nobody asks for progress."""


@dataclass(frozen=True)
class Watch:
    """Held-out records and how to judge scores on them.

    Attributes:
        inputs: encoded records that nothing is fitted on.
        quality: scores of these records -> the primary metric, signed so that higher is better.
        report: told the step and its quality; may raise to end a hopeless trial.
        folder: where checkpoints are kept, so that a killed run goes on; None keeps none.
    """

    inputs: Inputs
    quality: Callable[[np.ndarray], float]
    report: Callable[[int, float], None] = _ignore
    folder: Path | None = None
