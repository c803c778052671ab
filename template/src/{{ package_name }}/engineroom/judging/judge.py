"""The metric that candidates compete on and the gate judges."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pyarrow as pa

from ..contract import Contract, ParamsError
from ..reading import columns_of
from ..settings import PARAMS, Params
from ..stages import PipelineError
from .kinds import AnyDecision, decision_type
from .metrics import EXPLAINED, HIGHER_IS_BETTER, Metric

NONE: Mapping[str, Metric] = {}


def primary_metric(contract: Contract, own: Mapping[str, Metric] = NONE) -> str:
    """The metric candidates compete on, a standard one or one of the project's own.

    Raises:
        PipelineError: when the contract names one that does not exist, or one's own has the name of a standard one.
    """
    for name in own.keys() & EXPLAINED.keys():
        raise PipelineError(f"metrics.py: {name!r} is a standard metric: give yours another name")
    judged = decision_type(contract)
    metric = contract.acceptance.metric or judged.default_metric
    if metric in own:
        return metric
    if metric not in judged.primary_metrics:
        known = ", ".join([*judged.primary_metrics, *own])
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
    """How good scores are, by the contract's metric and costs, when they are used with a decision.

    Attributes:
        own: metrics of the project's own, by their names.
        columns: what those look at, of the records that are judged; `on` and `take` say which records these are.
    """

    contract: Contract
    params: Params
    decision: AnyDecision
    own: Mapping[str, Metric] = field(default_factory=dict)
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_class_weight(self.contract, self.params)

    @property
    def metric(self) -> str:
        """Name of the primary metric."""
        return primary_metric(self.contract, self.own)

    @property
    def sign(self) -> int:
        """1 when more of the primary metric is better, else -1."""
        found, metric = self.own, self.metric
        return 1 if (found[metric].higher_is_better if metric in found else HIGHER_IS_BETTER[metric]) else -1

    def on(self, part: pa.Table) -> Self:
        """A judge of the records of a part of the data."""
        return replace(self, columns=columns_of(part)) if self.own else self

    def take(self, rows: np.ndarray) -> Self:
        """A judge of these rows of the records, in this order."""
        return (
            replace(self, columns={name: values[rows] for name, values in self.columns.items()}) if self.own else self
        )

    def measure(self, y: np.ndarray, scores: np.ndarray, only: str = "") -> dict[str, float]:
        """Every metric that these records allow, or `only` one of them."""
        top, found = self.params.evaluation.precision_at, dict[str, float]()
        if only not in self.own:
            found = self.decision.measure(y, scores, self.contract.costs, top, only)
        wanted = [name for name in self.own if only in ("", name)]
        if wanted:
            truth = self.decision.decode(y)
            own = {name: self.own[name].measure(name, truth, scores, self.columns) for name in wanted}
            found |= {name: value for name, value in own.items() if not math.isnan(value)}
        return found

    def primary(self, y: np.ndarray, scores: np.ndarray) -> float:
        """The primary metric. Raises PipelineError when these records do not allow it."""
        measured = self.measure(y, scores, only=self.metric)
        if not measured:
            advice = f"cannot be measured on these records; use {self.decision.default_metric}"
            raise PipelineError(f"acceptance.metric: {self.metric!r} {advice}")
        return measured[self.metric]

    def dummy(self, y: np.ndarray) -> tuple[np.ndarray, AnyDecision]:
        """The best model in the primary metric that knows these targets alone: any record's scores, a decision."""
        rivals = self.decision.dummies(y, self.contract.costs, self.params.evaluation.coverage)
        if self.metric in self.own and self.decision.outputs > 1:  # a function that decides by itself sees scores alone
            rivals = [*rivals, *((certain[np.newaxis], self.decision) for certain in np.eye(self.decision.outputs))]

        def worth(rival: tuple[np.ndarray, AnyDecision]) -> float:
            scores, decision = rival
            return self.sign * replace(self, decision=decision).primary(y, np.repeat(scores, len(y), axis=0))

        return max(rivals, key=worth)

    def fitted(self, y: np.ndarray, scores: np.ndarray) -> Self:
        """A judge with the decision (threshold, interval) that is best for these held-out scores.

        So candidates are compared as they would be used.
        """
        found = self.decision.fitted(y, scores, self.contract.costs, self.params.evaluation.coverage)
        return replace(self, decision=found)
