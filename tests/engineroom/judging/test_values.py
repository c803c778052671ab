"""Numbers: the interval, the dummies and the errors."""

import numpy as np
import pytest
from engineroom.contract import Costs
from engineroom.judging import ValueDecision

Y = np.arange(1.0, 101.0)


def test_the_interval_holds_the_share_of_held_out_records_that_is_asked_for() -> None:
    found = ValueDecision().fitted(Y, np.zeros((100, 1)), Costs(), coverage=0.9)
    assert (found.half_width, found.coverage) == (91, 0.9)  # the 91st of 100 errors: (n + 1) * 0.9, rounded up
    [answer] = found.answer(np.array([[5.0]]))
    assert answer == {"prediction": 5, "interval": [-86, 96]} and found.Answer.model_validate(answer)


def test_dummies_are_best_for_some_metric() -> None:
    costs = Costs(over=1, under=3)
    constants = [float(scores[0, 0]) for scores, _ in ValueDecision().dummies(Y, costs, coverage=0.9)]
    assert constants[:3] == [Y.mean(), np.median(Y), np.quantile(Y, 0.75)] and len(constants) == 4
    assert len(ValueDecision().dummies(Y - 1, costs, coverage=0.9)) == 3  # no relative error of nothing


def test_a_metric_is_measured_where_the_records_allow_it() -> None:
    decision, scores = ValueDecision(half_width=1.5), np.array([[1.0], [4.0]])
    found = decision.measure(np.array([2.0, 2.0]), scores, Costs(over=5, under=3))
    assert (found["mae"], found["interval_coverage"], found["mape"]) == (1.5, 0.5, 0.75)
    assert found["rmse"] == pytest.approx(2.5**0.5) and found["cost_per_record"] == (3 * 1 + 5 * 2) / 2
    assert "r2" not in found and "mape" not in decision.measure(np.array([0.0, 2.0]), scores, Costs())
    assert decision.measure(np.array([0.0, 2.0]), scores, Costs(), only="mae") == {"mae": 1.5}


def test_a_stratified_split_keeps_ten_ranges() -> None:
    assert np.bincount(ValueDecision.strata(Y)).tolist() == [10] * 10
