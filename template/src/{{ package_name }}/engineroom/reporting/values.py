"""What the test part showed of numbers."""

from functools import partial
from typing import Any

import numpy as np

from ..contract import Contract
from ..judging import ValueDecision
from ..showing import number, of_100, percent
from .picture import Picture

DUMMY = "gives every record the same number, the best one"


def summary(
    measured: dict[str, dict[str, float]], baseline: dict[str, float], decision: ValueDecision, contract: Contract
) -> list[str]:
    unit, error = f" {contract.target.unit}".rstrip(), measured["mae"]
    found = [
        f"A prediction of {contract.target.name} is off by {number(error['value'])}{unit} on average "
        f"(95% interval {number(error['low'])} to {number(error['high'])}).",
        f"Always giving the same answer would be off by {number(baseline['mae'])}{unit}.",
        f"Of 100 true values, {of_100(measured['interval_coverage'])} lie within {number(decision.half_width)}{unit} "
        "of the prediction.",
    ]
    if "r2" in measured:
        share = percent(max(0.0, measured["r2"]["value"]))
        found.append(f"The model explains {share} of the differences between records.")
    return found


def explain(decision: ValueDecision, contract: Contract) -> list[str]:
    unit, costs = contract.target.unit, contract.costs
    width = f"{number(decision.half_width)} {unit}".rstrip()
    return [
        f"Each prediction comes with an interval of {width} to either side, made to hold {percent(decision.coverage)} "
        "of true values.",
        f"Each {unit or 'unit'} predicted too much costs {number(costs.over)} {costs.currency}, each one too little "
        f"{number(costs.under)}.",
    ]


def plots(decision: ValueDecision) -> list[Picture]:
    return [
        Picture(
            "Predicted and true",
            "A dot is a test record; on the dashed line the prediction is exact, in the band the truth lies inside its "
            "interval.",
            partial(_predicted_true, decision),
        ),
        Picture(
            "Residuals",
            "What the prediction missed, by its size; a slope or a funnel is something left to learn.",
            _residuals,
        ),
        Picture(
            "Distribution of residuals",
            "How many records are missed by how much, and in which direction.",
            partial(_histogram, decision),
        ),
    ]


def _predicted_true(decision: ValueDecision, axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    predicted = scores[:, 0]
    ends = np.array([min(y.min(), predicted.min()), max(y.max(), predicted.max())])
    axes.fill_between(ends, ends - decision.half_width, ends + decision.half_width, alpha=0.15, label="interval")
    axes.plot(ends, ends, linestyle="--", color="0.5", label="perfect")
    axes.scatter(predicted, y, s=8, alpha=0.5, linewidth=0, color="C0")
    axes.set(xlabel="Predicted", ylabel="True")
    axes.legend()


def _residuals(axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    predicted = scores[:, 0]
    axes.axhline(0, linestyle="--", color="0.5")
    axes.scatter(predicted, y - predicted, s=8, alpha=0.5, linewidth=0)
    axes.set(xlabel="Predicted", ylabel="True minus predicted")


def _histogram(decision: ValueDecision, axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    axes.hist(y - scores[:, 0], bins=40)
    for edge in (-decision.half_width, decision.half_width):
        axes.axvline(edge, linestyle="--", color="0.5")
    axes.set(xlabel="True minus predicted (dashed: interval)", ylabel="Records")
