"""The metrics, in one table: what each means for readers, and which way is better; and metrics of a project's own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..stages import PipelineError

EXPLAINED = {  # name and meaning for readers of the report; errors of numbers are in the target's unit
    "accuracy": ("Accuracy", "share of records that get the right class"),
    "balanced_accuracy": (
        "Balanced accuracy",
        "the same for each class by itself, averaged: rare classes count in full",
    ),
    "precision": ("Precision", "share of the records given a class that are of it"),
    "recall": ("Recall", "share of the records of a class that are found"),
    "specificity": ("Specificity", "share of the negative records that are left alone"),
    "f1": ("F1", "harmonic mean of precision and recall"),
    "roc_auc": ("ROC AUC", "how often a record of the class ranks above one that is not; 0.5 is guessing"),
    "average_precision": ("Average precision", "precision, averaged over all thresholds"),
    "precision_at_k": ("Precision at the top", "precision among the records with the highest probability"),
    "log_loss": ("Log loss", "how far the probabilities are off; sure and wrong weighs most"),
    "brier": ("Brier score", "mean squared error of the probabilities"),
    "rmse": ("RMSE", "size of the errors; large ones weigh more"),
    "mae": ("Mean absolute error", "how far a prediction is off on average, in either direction"),
    "r2": ("R\N{SUPERSCRIPT TWO}", "share of the differences between records that is explained; 0 is guessing"),
    "mape": ("Mean relative error", "the error as a share of the true value, averaged"),
    "interval_coverage": ("Interval coverage", "share of true values inside the prediction's interval"),
    "interval_width": ("Interval width", "from the lower to the upper end"),
    "cost_per_record": ("Cost per record", "what the answers cost on average, in the contract's currency"),
}
LOWER_IS_BETTER = ("log_loss", "brier", "rmse", "mae", "mape", "interval_width", "cost_per_record")
HIGHER_IS_BETTER = {name: name not in LOWER_IS_BETTER for name in EXPLAINED}
# May constant answers count, too? Of a metric that is not here, a constant is the best of dummies.
BLIND_METRICS = {"precision": True, "f1": True, "recall": False, "specificity": False}


@dataclass(frozen=True)
class Metric:
    """A metric of a project's own.

    Attributes:
        title: its name for readers of the report.
        meaning: what it says, in a few words; with its unit, if it has one.
        function: what measures it on n records. It receives their true targets (n,), as the contract names or numbers
            them; the model's scores (n, outputs), a probability for each class in the order of the labels, or the
            predicted number; and the columns of the records, (n,) each, where a gap is NaN, NaT or None. It gives a
            number, NaN where these records do not allow one.
        higher_is_better: whether more of it is.
    """

    title: str
    meaning: str
    function: Callable[[np.ndarray, np.ndarray, Mapping[str, np.ndarray]], float]
    higher_is_better: bool = True

    def measure(self, name: str, truth: np.ndarray, scores: np.ndarray, columns: Mapping[str, np.ndarray]) -> float:
        """The metric on n records. Raises PipelineError, by its name, when its function fails."""
        try:
            value = float(self.function(truth, scores, columns))
        except Exception as error:  # whatever a function of somebody's raises
            raise PipelineError(f"metrics.py: {name}: {type(error).__name__}: {error}") from error
        if math.isinf(value):
            raise PipelineError(
                f"metrics.py: {name}: found {value}, expected a finite number, or NaN where there is none"
            )
        return value

    def told(self) -> dict[str, Any]:
        """What the report says of it."""
        return {"title": self.title, "meaning": self.meaning, "higher_is_better": self.higher_is_better}


def explained(evaluation: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Title and meaning of each metric that a test result may have."""
    return EXPLAINED | {name: (own["title"], own["meaning"]) for name, own in evaluation.get("own_metrics", {}).items()}


def higher_is_better(evaluation: Mapping[str, Any]) -> dict[str, bool]:
    """Of each metric that a test result may have, whether more of it is better."""
    return HIGHER_IS_BETTER | {name: own["higher_is_better"] for name, own in evaluation.get("own_metrics", {}).items()}
