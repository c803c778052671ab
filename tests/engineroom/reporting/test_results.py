"""Each kind of decision has its sentences and pictures."""

from typing import Any

import numpy as np
import pytest
from engineroom.contract import parse
from engineroom.judging import AnyDecision, ClassDecision, ValueDecision
from engineroom.reporting import dummy, explain, plots, summary
from matplotlib.figure import Figure

BINARY = ClassDecision(kind="binary", classes=("no", "yes"), threshold=0.3)
SEVERAL = ClassDecision(kind="multiclass", classes=("a", "b", "c"))
NUMBER = ValueDecision(half_width=2, coverage=0.9)
INTERVAL = {"value": 0.8, "low": 0.7, "high": 0.9}
KINDS: dict[str, tuple[AnyDecision, dict[str, Any], list[str], list[str]]] = {
    "binary": (
        BINARY,
        {"type": "category"},
        ["y = yes"],
        ["Confusion matrix", "ROC curve", "Precision and recall", "Calibration"],
    ),
    "multiclass": (SEVERAL, {"type": "category"}, ["commonest class"], ["Confusion matrix", "Calibration"]),
    "continuous": (
        NUMBER,
        {"type": "number"},
        ["A prediction of y is off by"],
        ["Predicted and true", "Residuals", "Distribution of residuals"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_told_and_drawn(kind: str) -> None:
    decision, column, said, titles = KINDS[kind]
    target = {"name": "y", "kind": kind} | ({"positive": "yes"} if kind == "binary" else {})
    columns = {"x": {"type": "number"}, "y": column | {"role": "target"}}
    made = {"problem": {"name": "made"}, "source": {"path": "made"}, "target": target, "columns": columns}
    contract = parse(made, "made")
    measured = dict.fromkeys(("precision", "recall", "accuracy", "mae", "interval_coverage", "r2"), INTERVAL)
    told = " ".join(summary(measured, {"accuracy": 0.5, "mae": 3.0}, decision, contract))
    assert said[0] in told and "Of 100" in told
    assert len(explain(decision, contract)) == 2 and dummy(decision).startswith("gives every record")
    y = np.tile(np.arange(decision.outputs), 20) if kind != "continuous" else np.arange(40.0)
    drawn = np.random.default_rng(0).random((len(y), decision.outputs))
    scores = drawn / drawn.sum(axis=1, keepdims=True) if kind != "continuous" else drawn * 40
    for title, caption, draw in plots(decision):
        axes = Figure().subplots()
        draw(axes, y, scores)
        assert caption.endswith(".") and axes.has_data(), title
    assert [picture.title for picture in plots(decision)] == titles


def test_a_threshold_that_flags_all_or_none_is_said() -> None:
    columns = {"x": {"type": "number"}, "y": {"type": "category", "role": "target"}}
    target = {"name": "y", "kind": "binary", "positive": "yes"}
    made = {"problem": {"name": "made"}, "source": {"path": "made"}, "target": target, "columns": columns}
    for threshold, said in ((0.0, "Every record is flagged"), (1.1, "No record is flagged"), (0.3, "30%")):
        decision = BINARY.model_copy(update={"threshold": threshold})
        assert said in explain(decision, parse(made, "made"))[0]
