"""The metric that candidates compete on and the gate judges."""

from ..contract import Contract
from ..task import DEFAULT_METRIC, PRIMARY_METRICS
from . import PipelineError


def primary_metric(contract: Contract) -> str:
    """The metric candidates compete on. Raises PipelineError when the contract names one that does not exist."""
    metric = contract.acceptance.metric or DEFAULT_METRIC
    if metric not in PRIMARY_METRICS:
        known = ", ".join(PRIMARY_METRICS)
        raise PipelineError(f"contract.yaml: acceptance.metric: found {metric!r}, allowed are {known}")
    return metric
