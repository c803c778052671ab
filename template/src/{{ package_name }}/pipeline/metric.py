"""The metric that candidates compete on and the gate judges."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..engineroom.contract import Contract
from ..settings import Params
from ..task import DEFAULT_METRIC, HIGHER_IS_BETTER, PRIMARY_METRICS, Decision, dummies, fit_decision, measure
from . import PipelineError


def primary_metric(contract: Contract) -> str:
    """The metric candidates compete on. Raises PipelineError when the contract names one that does not exist."""
    metric = contract.acceptance.metric or DEFAULT_METRIC
    if metric not in PRIMARY_METRICS:
        known = ", ".join(PRIMARY_METRICS)
        raise PipelineError(f"contract.yaml: acceptance.metric: found {metric!r}, allowed are {known}")
    if HIGHER_IS_BETTER[metric] and (margin := contract.acceptance.margin) >= 1:
        raise PipelineError(
            f"contract.yaml: acceptance.margin: found {margin:g}, but {metric} is at most 1: the margin is in the "
            "metric's own unit, so change both together"
        )
    return metric


@dataclass(frozen=True)
class Judge:
    """How good scores are, by the contract's metric and costs, when they are used with a decision."""

    contract: Contract
    params: Params
    decision: Decision

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
        return measure(y, scores, self.decision, self.contract.costs, self.params.evaluation.precision_at, only)

    def primary(self, y: np.ndarray, scores: np.ndarray) -> float:
        """The primary metric. Raises PipelineError when these records do not allow it."""
        measured = self.measure(y, scores, only=self.metric)
        if not measured:
            advice = f"cannot be measured on this target; use {DEFAULT_METRIC}"
            raise PipelineError(f"acceptance.metric: {self.metric!r} {advice}")
        return measured[self.metric]

    def dummy(self, y: np.ndarray) -> tuple[np.ndarray, Self]:
        """The best model, in the primary metric, that knows these targets alone: any record's scores, and its judge."""
        costs, coverage = self.contract.costs, self.params.evaluation.coverage
        rivals = [(one, replace(self, decision=how)) for one, how in dummies(y, self.decision, costs, coverage)]
        return max(rivals, key=lambda rival: self.sign * rival[1].primary(y, np.repeat(rival[0], len(y), axis=0)))

    def fitted(self, y: np.ndarray, scores: np.ndarray) -> Self:
        """A judge with the decision (threshold, interval) that is best for these held-out scores.

        So candidates are compared as they would be used.
        """
        found = fit_decision(self.decision, y, scores, self.contract.costs, self.params.evaluation.coverage)
        return replace(self, decision=found)
