"""Numbers: scores are predicted values, shape (records, 1)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel

from ..contract import Contract, ContractError, Costs
from .decision import Decision


class ValueAnswer(BaseModel):
    """A value, and the interval that holds the truth with the coverage that `/metadata` names."""

    prediction: float
    interval: tuple[float, float]


class ValueDecision(Decision):
    """From a value to a value with an interval."""

    Answer: ClassVar[type[BaseModel]] = ValueAnswer
    default_metric: ClassVar[str] = "rmse"
    # an interval is the same for every candidate
    primary_metrics: ClassVar[tuple[str, ...]] = ("rmse", "mae", "r2", "mape", "cost_per_record")
    parity_unit: ClassVar[str] = "share of the target's standard deviation"

    kind: Literal["continuous"] = "continuous"
    half_width: float = 0.0
    coverage: float = 0.0

    @classmethod
    def of(cls, values: Sequence[Any], contract: Contract) -> Self:
        """No interval yet. Raises ContractError when every training value is the same."""
        if np.ptp(np.asarray(values, dtype=np.float64)) == 0:
            raise ContractError(f"target {contract.target.name!r} has one value only: {values[0]}")
        return cls()

    @staticmethod
    def strata(y: np.ndarray) -> np.ndarray:
        """Ten equally filled ranges of the target."""
        return np.searchsorted(np.unique(np.quantile(y, np.linspace(0, 1, 11)[1:-1])), y)

    @property
    def outputs(self) -> int:
        return 1

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Values -> (n,), float64."""
        return np.asarray(values, dtype=np.float64)

    def choose(self, scores: np.ndarray) -> np.ndarray:
        return scores[:, 0]

    def answer(self, scores: np.ndarray) -> list[dict[str, Any]]:
        return [
            {"prediction": value, "interval": [value - self.half_width, value + self.half_width]}
            for value in scores[:, 0].tolist()
        ]

    def explained(self, scores: np.ndarray) -> tuple[str, np.ndarray]:
        return "prediction", scores[:, 0]

    def fitted(self, y: np.ndarray, scores: np.ndarray, costs: Costs, coverage: float) -> Self:
        """With the interval's half width by split conformal prediction on these held-out records.

        References:
            Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018), Distribution-Free Predictive Inference for Regression.
        """
        residuals = np.sort(np.abs(y - scores[:, 0]))
        rank = min(len(y), int(np.ceil((len(y) + 1) * coverage)))
        return self.model_copy(update={"half_width": float(residuals[rank - 1]), "coverage": coverage})

    def dummies(self, y: np.ndarray, costs: Costs, coverage: float) -> list[tuple[np.ndarray, Self]]:
        """The same number for any record, each with its interval: what is best for some metric."""
        constants = [np.full((1, 1), value) for value in constants_for(y, costs)]
        return [(one, self.fitted(y, np.repeat(one, len(y), axis=0), costs, coverage)) for one in constants]

    def measure(
        self, y: np.ndarray, scores: np.ndarray, costs: Costs, top: float = 0.1, only: str = ""
    ) -> dict[str, float]:
        """Errors are in the target's unit; `top` belongs to classes."""
        predicted = scores[:, 0]
        error = predicted - y
        found = {
            "rmse": float(np.sqrt((error**2).mean())),
            "mae": float(np.abs(error).mean()),
            "interval_coverage": float((np.abs(error) <= self.half_width).mean()),
            "interval_width": 2 * self.half_width,
            "cost_per_record": self.cost(y, predicted, costs) / len(y),
        }
        if y.var() > 0:
            found["r2"] = float(1 - (error**2).mean() / y.var())
        if (y != 0).all():
            found["mape"] = float(np.abs(error / y).mean())
        return {name: value for name, value in found.items() if only in ("", name)}

    def by_class(self, parts: Mapping[str, np.ndarray], scores: np.ndarray) -> list[dict[str, Any]]:
        """A number has no classes."""
        return []

    def cost(self, y: np.ndarray, chosen: np.ndarray, costs: Costs) -> float:
        error = chosen - y
        return float(np.where(error > 0, costs.over * error, -costs.under * error).sum())

    def do_nothing(self, y: np.ndarray, train: np.ndarray, costs: Costs) -> tuple[str, float]:
        return "always answering the mean", self.cost(y, np.full_like(y, train.mean()), costs)


def constants_for(y: np.ndarray, costs: Costs) -> list[float]:
    """The mean for squares, the median for errors, a quantile for costs, the weighted median for relative errors."""
    dearer = costs.under / ((costs.under + costs.over) or 1.0)
    values = [y.mean(), np.median(y), np.quantile(y, np.clip(dearer, 0, 1))]
    if (y != 0).all():
        values.append(np.quantile(y, 0.5, weights=1 / np.abs(y), method="inverted_cdf"))
    return values
