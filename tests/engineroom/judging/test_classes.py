"""Classes: labels to numbers, probabilities to answers, and the threshold that costs least."""

import numpy as np
import pytest
from engineroom.contract import Costs
from engineroom.judging import ClassDecision

OF_TWO = ClassDecision(kind="binary", classes=("no", "yes"))
OF_THREE = ClassDecision(kind="multiclass", classes=("a", "b", "c"))


def test_clients_learn_a_threshold_where_there_is_one() -> None:
    assert OF_TWO.told()["threshold"] == 0.5
    assert OF_THREE.told() == {"kind": "multiclass", "classes": ("a", "b", "c")}


def test_an_answer_is_what_was_chosen() -> None:
    scores = np.array([[0.6, 0.4], [0.5, 0.5]])
    assert [answer["prediction"] for answer in OF_TWO.answer(scores)] == ["no", "yes"]
    assert OF_TWO.answer(scores)[0]["probability"] == 0.4  # that of the positive class
    [answer] = OF_THREE.answer(np.array([[0.2, 0.5, 0.3]]))
    assert (answer["prediction"], answer["probability"]) == ("b", 0.5)
    for decision, rows in ((OF_TWO, scores), (OF_THREE, np.eye(3))):
        labels = [answer["prediction"] for answer in decision.answer(rows)]
        assert decision.encode(labels).tolist() == decision.choose(rows).tolist()
        assert all(decision.Answer.model_validate(answer) for answer in decision.answer(rows))


@pytest.mark.parametrize(
    ("missed", "alarm", "between"), [(100, 1, (0.1, 0.2)), (1, 100, (0.8, 0.9)), (2, 3, (0.4, 0.6))]
)
def test_the_threshold_is_the_cheapest(missed: float, alarm: float, between: tuple[float, float]) -> None:
    positive = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    y = np.array([0, 1, 0, 0, 1, 1, 0, 1])
    costs = Costs(false_negative=missed, false_positive=alarm)
    found = OF_TWO.fitted(y, np.stack([1 - positive, positive], axis=1), costs, coverage=0.9)
    low, high = between
    assert low < found.threshold < high


def test_several_classes_have_no_threshold_to_learn() -> None:
    assert OF_THREE.fitted(np.array([0, 1, 2]), np.eye(3), Costs(), coverage=0.9) is OF_THREE


def test_dummies_know_the_shares_of_the_classes() -> None:
    y = np.array([0, 0, 0, 1])
    models = OF_TWO.dummies(y, Costs(), coverage=0.9)
    assert all(scores.tolist() == [[0.75, 0.25]] for scores, _ in models)
    assert {tuple(decision.choose(np.repeat(scores, 4, axis=0))) for scores, decision in models} == {(0,) * 4, (1,) * 4}
    assert len(OF_THREE.dummies(np.array([0, 1, 2]), Costs(), coverage=0.9)) == 1


def test_a_metric_is_measured_where_the_records_allow_it() -> None:
    y, scores = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    found = OF_TWO.measure(y, scores, Costs(false_positive=8))
    assert set(found) == set(OF_TWO.primary_metrics)
    assert (found["accuracy"], found["recall"], found["specificity"], found["roc_auc"]) == (0.75, 1, 0.5, 1)
    assert found["cost_per_record"] == 2
    assert OF_TWO.measure(y, scores, Costs(), only="recall") == {"recall": 1}
    assert not {"roc_auc", "balanced_accuracy", "specificity"} & OF_TWO.measure(y[2:], scores[2:], Costs()).keys()


def test_the_policy_without_a_model_is_known_from_training() -> None:
    costs, y = Costs(false_negative=20, misclassified=3), np.array([0, 1, 1])
    assert OF_TWO.do_nothing(y, y, costs) == ("treating every record as 'no'", 40)
    assert OF_THREE.do_nothing(y, np.array([2, 2, 0]), costs) == ("always answering 'c'", 9)
