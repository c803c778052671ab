"""One table of metrics for all kinds."""

import pytest
from engineroom.judging import BLIND_METRICS, EXPLAINED, HIGHER_IS_BETTER, ClassDecision, Decision, ValueDecision


@pytest.mark.parametrize("decision", [ClassDecision, ValueDecision])
def test_what_candidates_compete_on_is_explained(decision: type[Decision]) -> None:
    assert decision.default_metric in decision.primary_metrics
    assert set(decision.primary_metrics) <= EXPLAINED.keys() == HIGHER_IS_BETTER.keys()


def test_costs_and_errors_are_better_when_lower() -> None:
    lower = {name for name, higher in HIGHER_IS_BETTER.items() if not higher}
    assert lower == {"log_loss", "brier", "rmse", "mae", "mape", "interval_width", "cost_per_record"}
    assert BLIND_METRICS.keys() <= set(ClassDecision.primary_metrics)
