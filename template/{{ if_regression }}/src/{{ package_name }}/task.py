"""Numbers: what is predicted, how sure the prediction is, and how good it is measured to be.

`Decision` is part of the bundle and needs NumPy alone; measuring and drawing import scikit-learn and Matplotlib when
they are called. Scores are predicted values, shape (records, 1).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from .contract import Contract, ContractError, Costs
from .wording import number, of_100, percent

Plot = Callable[[Any, np.ndarray, np.ndarray, "Decision"], None]

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
CAPTIONS = {  # how to read each of `plots`
    "Predicted and true": "A dot is a test record; on the dashed line the prediction is exact, in the band the truth "
    "lies inside its interval.",
    "Residuals": "What the prediction missed, by its size; a slope or a funnel is something left to learn.",
    "Distribution of residuals": "How many records are missed by how much, and in which direction.",
}
PRIMARY_METRICS = ("rmse", "mae", "r2", "mape", "cost_per_record")  # an interval is the same for every candidate
CLASS_WEIGHTS: tuple[str | None, ...] = (None,)  # only classes have weights
DUMMY = "gives every record the mean"  # what `baseline_scores` does, for readers
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


def baseline_scores(y: np.ndarray, rows: int) -> np.ndarray:
    """The dummy model: every record gets the mean of the training part. Shape (rows, 1)."""
    return np.full((rows, 1), y.mean())


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


def summary(
    measured: dict[str, dict[str, float]], baseline: dict[str, float], decision: Decision, contract: Contract
) -> list[str]:
    """The test result in sentences; `measured` holds value, low and high of each metric, `baseline` the dummy's."""
    unit, error = f" {contract.target.unit}".rstrip(), measured["mae"]
    found = [
        f"A prediction of {contract.target.name} is off by {number(error['value'])}{unit} on average "
        f"(95% interval {number(error['low'])} to {number(error['high'])}).",
        f"Always answering the mean would be off by {number(baseline['mae'])}{unit}.",
        f"Of 100 true values, {of_100(measured['interval_coverage'])} lie within {number(decision.half_width)}{unit} "
        "of the prediction.",
    ]
    if "r2" in measured:
        share = percent(max(0.0, measured["r2"]["value"]))
        found.append(f"The model explains {share} of the differences between records.")
    return found


def explain(decision: Decision, contract: Contract) -> list[str]:
    """What comes with a prediction, and what its errors cost, in sentences."""
    unit, costs = contract.target.unit, contract.costs
    width = f"{number(decision.half_width)} {unit}".rstrip()
    return [
        f"Each prediction comes with an interval of {width} to either side, made to hold {percent(decision.coverage)} "
        "of true values.",
        f"Each {unit or 'unit'} predicted too much costs {number(costs.over)} {costs.currency}, each one too little "
        f"{number(costs.under)}.",
    ]


def plots(decision: Decision) -> dict[str, Plot]:
    """How each picture of the test part is drawn, by title; takes axes, targets, scores and the decision."""
    return {
        "Predicted and true": _predicted_true,
        "Residuals": _residuals,
        "Distribution of residuals": _histogram,
    }


def _predicted_true(axes: Any, y: np.ndarray, scores: np.ndarray, decision: Decision) -> None:
    predicted = scores[:, 0]
    ends = np.array([min(y.min(), predicted.min()), max(y.max(), predicted.max())])
    axes.fill_between(ends, ends - decision.half_width, ends + decision.half_width, alpha=0.15, label="interval")
    axes.plot(ends, ends, linestyle="--", color="0.5", label="perfect")
    axes.scatter(predicted, y, s=8, alpha=0.5, linewidth=0, color="C0")
    axes.set(xlabel="Predicted", ylabel="True")
    axes.legend()


def _residuals(axes: Any, y: np.ndarray, scores: np.ndarray, decision: Decision) -> None:
    predicted = scores[:, 0]
    axes.axhline(0, linestyle="--", color="0.5")
    axes.scatter(predicted, y - predicted, s=8, alpha=0.5, linewidth=0)
    axes.set(xlabel="Predicted", ylabel="True minus predicted")


def _histogram(axes: Any, y: np.ndarray, scores: np.ndarray, decision: Decision) -> None:
    axes.hist(y - scores[:, 0], bins=40)
    for edge in (-decision.half_width, decision.half_width):
        axes.axvline(edge, linestyle="--", color="0.5")
    axes.set(xlabel="True minus predicted (dashed: interval)", ylabel="Records")
