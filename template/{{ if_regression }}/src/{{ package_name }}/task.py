"""Numbers: what is predicted, how sure the prediction is, and how good it is measured to be.

`Decision` is part of the bundle. Scores are predicted values, shape (records, 1).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from .engineroom.contract import Contract, ContractError, Costs

DEFAULT_METRIC = "rmse"
EXPLAINED = {  # name and meaning for readers of the report; errors are in the target's unit
    "rmse": ("RMSE", "size of the errors; large ones weigh more"),
    "mae": ("Mean absolute error", "how far a prediction is off on average, in either direction"),
    "r2": ("R\N{SUPERSCRIPT TWO}", "share of the differences between records that is explained; 0 is guessing"),
    "mape": ("Mean relative error", "the error as a share of the true value, averaged"),
    "interval_coverage": ("Interval coverage", "share of true values inside the prediction's interval"),
    "interval_width": ("Interval width", "from the lower to the upper end"),
    "cost_per_record": ("Cost per record", "what the errors cost on average, in the contract's currency"),
}
HIGHER_IS_BETTER = {name: name in ("r2", "interval_coverage") for name in EXPLAINED}
PRIMARY_METRICS = ("rmse", "mae", "r2", "mape", "cost_per_record")  # an interval is the same for every candidate
BLIND_METRICS: dict[str, bool] = {}  # a constant is the best of dummies in each
CLASS_WEIGHTS: tuple[str | None, ...] = (None,)  # only classes have weights
PARITY_UNIT = "share of the target's standard deviation"


class Decision(BaseModel):
    """From a value to a value with an interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["continuous"] = "continuous"
    half_width: float = 0.0
    coverage: float = 0.0

    @property
    def outputs(self) -> int:
        """How many scores a record has."""
        return 1

    def told(self) -> dict[str, Any]:
        """What clients are told of it."""
        return self.model_dump()

    def choose(self, scores: np.ndarray) -> np.ndarray:
        """Predicted values (n, 1) -> (n,)."""
        return scores[:, 0]

    def answer(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """Predicted values (n, 1) -> what the service answers, one dictionary a record."""
        return [
            {"prediction": value, "interval": [value - self.half_width, value + self.half_width]}
            for value in scores[:, 0].tolist()
        ]

    def explained(self, scores: np.ndarray) -> tuple[str, np.ndarray]:
        """What an explanation of the first of n records is about, and its value for each of them, (n,)."""
        return "prediction", scores[:, 0]


class Answer(BaseModel):
    """A value, and the interval that holds the truth with the coverage that `/metadata` names."""

    prediction: float
    interval: tuple[float, float]


def encode_target(values: Sequence[Any], decision: Decision) -> np.ndarray:
    """Values -> (n,), float64."""
    return np.asarray(values, dtype=np.float64)


def new_decision(values: Sequence[Any], contract: Contract) -> Decision:
    """The decision before anything is learned: no interval yet.

    Raises:
        ContractError: when the target is no number, or every training value is the same.
    """
    if contract.target.kind != "continuous":
        raise ContractError(f"target.kind: found {contract.target.kind}, this project predicts a number: continuous")
    if np.ptp(np.asarray(values, dtype=np.float64)) == 0:
        raise ContractError(f"target {contract.target.name!r} has one value only: {values[0]}")
    return Decision()


def fit_decision(decision: Decision, y: np.ndarray, scores: np.ndarray, costs: Costs, coverage: float) -> Decision:
    """Choose the interval's half width by split conformal prediction on held-out records.

    References:
        Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018), Distribution-Free Predictive Inference for Regression.
    """
    residuals = np.sort(np.abs(y - scores[:, 0]))
    rank = min(len(y), int(np.ceil((len(y) + 1) * coverage)))
    return decision.model_copy(update={"half_width": float(residuals[rank - 1]), "coverage": coverage})


def dummies(y: np.ndarray, decision: Decision, costs: Costs, coverage: float) -> list[tuple[np.ndarray, Decision]]:
    """Models that give any record the same number (1, 1), each with its interval: what is best for some metric.

    That is the mean for squares, the median for errors, a quantile for costs, the weighted median for relative errors.
    """
    dearer = costs.under / ((costs.under + costs.over) or 1.0)
    values = [y.mean(), np.median(y), np.quantile(y, np.clip(dearer, 0, 1))]
    if (y != 0).all():
        values.append(np.quantile(y, 0.5, weights=1 / np.abs(y), method="inverted_cdf"))
    constants = [np.full((1, 1), value) for value in values]
    return [(one, fit_decision(decision, y, np.repeat(one, len(y), axis=0), costs, coverage)) for one in constants]


def strata(y: np.ndarray) -> np.ndarray:
    """What a stratified split keeps the shares of: ten equally filled ranges of the target."""
    return np.searchsorted(np.unique(np.quantile(y, np.linspace(0, 1, 11)[1:-1])), y)


def measure(
    y: np.ndarray, scores: np.ndarray, decision: Decision, costs: Costs, top: float = 0.1, only: str = ""
) -> dict[str, float]:
    """Every metric that these records allow, or `only` one; errors are in the target's unit, `top` belongs to classes.

    Args:
        y: true values (n,).
        scores: predicted values (n, 1).
    """
    predicted = scores[:, 0]
    error = predicted - y
    found = {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "interval_coverage": float((np.abs(error) <= decision.half_width).mean()),
        "interval_width": 2 * decision.half_width,
        "cost_per_record": cost(y, predicted, decision, costs) / len(y),
    }
    if y.var() > 0:
        found["r2"] = float(1 - (error**2).mean() / y.var())
    if (y != 0).all():
        found["mape"] = float(np.abs(error / y).mean())
    return {name: value for name, value in found.items() if only in ("", name)}


def by_class(parts: Mapping[str, np.ndarray], scores: np.ndarray, decision: Decision) -> list[dict[str, Any]]:
    """How well each class is told: a number has none."""
    return []


def cost(y: np.ndarray, chosen: np.ndarray, decision: Decision, costs: Costs) -> float:
    """What these errors cost in all, in the contract's currency."""
    error = chosen - y
    return float(np.where(error > 0, costs.over * error, -costs.under * error).sum())


def do_nothing(y: np.ndarray, train: np.ndarray, decision: Decision, costs: Costs) -> tuple[str, float]:
    """The policy without a model, known from the targets `train` alone, and what it costs on the records of `y`."""
    return "always answering the mean", cost(y, np.full_like(y, train.mean()), decision, costs)
