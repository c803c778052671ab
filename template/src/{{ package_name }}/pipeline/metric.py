"""The metric that candidates compete on and the gate judges."""

from functools import partial
from typing import Any

import numpy as np

from ..contract import Contract
from ..modality import Inputs
from ..settings import Params
from ..task import DEFAULT_METRIC, HIGHER_IS_BETTER, PRIMARY_METRICS, Decision, measure
from . import PipelineError
from .watch import Watch


def primary_metric(contract: Contract) -> str:
    """The metric candidates compete on. Raises PipelineError when the contract names one that does not exist."""
    metric = contract.acceptance.metric or DEFAULT_METRIC
    if metric not in PRIMARY_METRICS:
        known = ", ".join(PRIMARY_METRICS)
        raise PipelineError(f"contract.yaml: acceptance.metric: found {metric!r}, allowed are {known}")
    return metric


def sign(contract: Contract) -> int:
    """1 when more of the primary metric is better, else -1."""
    return 1 if HIGHER_IS_BETTER[primary_metric(contract)] else -1


def primary(y: np.ndarray, scores: np.ndarray, decision: Decision, contract: Contract, params: Params) -> float:
    """The primary metric of scores. Raises PipelineError when these records do not allow it."""
    metric = primary_metric(contract)
    measured = measure(y, scores, decision, contract.costs, params.evaluation.precision_at, only=metric)
    if metric not in measured:
        raise PipelineError(f"acceptance.metric: {metric!r} cannot be measured on this target; use {DEFAULT_METRIC}")
    return measured[metric]


def watch(
    inputs: Inputs, y: np.ndarray, decision: Decision, contract: Contract, params: Params, **options: Any
) -> Watch:
    """What training on other records is judged by: the primary metric on these; `options` are Watch's own."""
    judge = partial(primary, y, decision=decision, contract=contract, params=params)
    return Watch(inputs, primary_metric(contract), judge, sign(contract), **options)
