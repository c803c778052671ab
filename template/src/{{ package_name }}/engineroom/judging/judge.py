"""The metric that candidates compete on and the gate judges."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..contract import Contract, ParamsError
from ..settings import PARAMS, Params
from ..stages import PipelineError
from .kinds import AnyDecision, decision_type
from .metrics import HIGHER_IS_BETTER


def primary_metric(contract: Contract) -> str:
    """The metric candidates compete on. Raises PipelineError when the contract names one that does not exist."""
    judged = decision_type(contract)
    metric = contract.acceptance.metric or judged.default_metric
    if metric not in judged.primary_metrics:
        known = ", ".join(judged.primary_metrics)
        raise PipelineError(f"contract.yaml: acceptance.metric: found {metric!r}, allowed are {known}")
    if HIGHER_IS_BETTER[metric] and (margin := contract.acceptance.margin) >= 1:
        raise PipelineError(
            f"contract.yaml: acceptance.margin: found {margin:g}, but {metric} is at most 1: the margin is in the "
            "metric's own unit, so change both together"
        )
    return metric


def check_class_weight(contract: Contract, params: Params) -> None:
    """Raises ParamsError where `model.class_weight` would have no effect on such a target."""
    found, allowed = params.model.class_weight, decision_type(contract).class_weights
    if found not in allowed:
        known = " or ".join(weight or "null" for weight in allowed)
        raise ParamsError(f"{PARAMS}: model.class_weight: must be {known} (found {found!r})")


@dataclass(frozen=True)
class Judge:
    """How good scores are, by the contract's metric and costs, when they are used with a decision."""

    contract: Contract
    params: Params
    decision: AnyDecision

    def __post_init__(self) -> None:
        check_class_weight(self.contract, self.params)

    @property
    def metric(self) -> str:
        """Name of the primary metric."""
        return primary_metric(self.contract)

    @property
    def sign(self) -> int:
        """1 when more of the primary metric is better, else -1."""
        return 1 if HIGHER_IS_BETTER[self.metric] else -1

    def measure(self, y: np.ndarray, scores: np.ndarray, only: str = "") -> dict[str, float]:
        """Every metric that these records allow, or `only` one of them."""
        return self.decision.measure(y, scores, self.contract.costs, self.params.evaluation.precision_at, only)

    def primary(self, y: np.ndarray, scores: np.ndarray) -> float:
        """The primary metric. Raises PipelineError when these records do not allow it."""
        measured = self.measure(y, scores, only=self.metric)
        if not measured:
            advice = f"cannot be measured on this target; use {self.decision.default_metric}"
            raise PipelineError(f"acceptance.metric: {self.metric!r} {advice}")
        return measured[self.metric]

    def dummy(self, y: np.ndarray) -> tuple[np.ndarray, Self]:
        """The best model, in the primary metric, that knows these targets alone: any record's scores, and its judge."""
        costs, coverage = self.contract.costs, self.params.evaluation.coverage
        rivals = [(one, replace(self, decision=how)) for one, how in self.decision.dummies(y, costs, coverage)]
        return max(rivals, key=lambda rival: self.sign * rival[1].primary(y, np.repeat(rival[0], len(y), axis=0)))

    def fitted(self, y: np.ndarray, scores: np.ndarray) -> Self:
        """A judge with the decision (threshold, interval) that is best for these held-out scores.

        So candidates are compared as they would be used.
        """
        found = self.decision.fitted(y, scores, self.contract.costs, self.params.evaluation.coverage)
        return replace(self, decision=found)
