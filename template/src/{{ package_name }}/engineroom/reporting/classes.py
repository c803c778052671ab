"""What the test part showed of classes. scikit-learn is imported when a picture is drawn."""

from functools import partial
from typing import Any

import numpy as np

from ..contract import Contract
from ..judging import ClassDecision
from ..showing import number, of_100, percent
from .picture import Picture

DUMMY = "gives every record the class shares"


def summary(
    measured: dict[str, dict[str, float]], baseline: dict[str, float], decision: ClassDecision, contract: Contract
) -> list[str]:
    if not decision.binary:
        return _summary_of_several(measured, baseline, decision)
    meant = (
        f"\N{LEFT DOUBLE QUOTATION MARK}{contract.target.name} = {decision.classes[1]}\N{RIGHT DOUBLE QUOTATION MARK}"
    )
    if measured["precision"]["high"] == measured["recall"]["high"] == 0:
        return [f"At this threshold the model finds no record that is {meant}."]
    found = [f"Of 100 records that the model flags as {meant}, {of_100(measured['precision'])} really are."]
    if "average_precision" in baseline:  # that of constant scores is the share of the class
        found.append(f"Of 100 records picked blindly, {100 * baseline['average_precision']:.0f} would be.")
    found.append(f"Of 100 records that really are {meant}, it finds {of_100(measured['recall'])}.")
    if "specificity" in measured:
        found.append(f"Of 100 other records, it leaves {of_100(measured['specificity'])} alone and flags the rest.")
    if "roc_auc" in measured:
        found.append(
            f"Shown one record of each kind, it ranks them rightly {of_100(measured['roc_auc'])} times in 100."
        )
    return found


def _summary_of_several(
    measured: dict[str, dict[str, float]], baseline: dict[str, float], decision: ClassDecision
) -> list[str]:
    blindly = f"Always naming the commonest class would be right for {100 * baseline['accuracy']:.0f}."
    found = [f"Of 100 records, the model gives {of_100(measured['accuracy'])} the right class.", blindly]
    if "balanced_accuracy" in measured:
        alike = f"Were each of the {len(decision.classes)} classes equally common"
        found.append(f"{alike}, it would be right for {of_100(measured['balanced_accuracy'])} of 100.")
    return found


def explain(decision: ClassDecision, contract: Contract) -> list[str]:
    costs, money = contract.costs, contract.costs.currency
    if not decision.binary:
        wrong = f"Each record that gets a wrong class costs {number(costs.misclassified)} {money}."
        return ["A record gets the class with the highest probability.", wrong]
    flagged = f"A record is flagged from a probability of {percent(decision.threshold)} on"
    if not 0 < decision.threshold <= 1:
        flagged = "Every record is flagged" if decision.threshold <= 0 else "No record is flagged"
    return [
        f"{flagged}: on the validation part, no other threshold cost less.",
        f"A record flagged rightly costs {number(costs.true_positive)} {money}, one flagged wrongly "
        f"{number(costs.false_positive)}, one missed {number(costs.false_negative)}, one left alone rightly "
        f"{number(costs.true_negative)}.",
    ]


def plots(decision: ClassDecision) -> list[Picture]:
    confusion = Picture(
        "Confusion matrix",
        "Number of test records by what they are and what the model says; on the diagonal it is right.",
        partial(_confusion, decision),
    )
    calibration = Picture(
        "Calibration",
        "What the model calls probable against what happened; on the dashed line, its probabilities can be taken at "
        "their word.",
        partial(_calibration, decision),
    )
    return [confusion, *(_of_thresholds(decision) if decision.binary else []), calibration]


def _of_thresholds(decision: ClassDecision) -> list[Picture]:
    return [
        Picture(
            "ROC curve",
            "Share of hits against share of false alarms, for every threshold; the nearer to the upper left corner, "
            "the better. The dot is the threshold in use.",
            partial(_roc, decision),
        ),
        Picture(
            "Precision and recall",
            "How many flagged records are right against how many are found, for every threshold; the nearer to the "
            "upper right corner, the better.",
            partial(_precision_recall, decision),
        ),
    ]


def _confusion(decision: ClassDecision, axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    many = len(decision.classes) > 10
    ConfusionMatrixDisplay.from_predictions(
        y,
        decision.choose(scores),
        labels=np.arange(len(decision.classes)),
        display_labels=decision.classes,
        include_values=not many,
        xticks_rotation="vertical" if many else "horizontal",
        cmap="Blues",
        colorbar=False,
        ax=axes,
    )


def _roc(decision: ClassDecision, axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    from sklearn.metrics import RocCurveDisplay

    RocCurveDisplay.from_predictions(y, scores[:, 1], name="model", plot_chance_level=True, ax=axes)
    flagged = decision.choose(scores) == 1
    axes.plot(flagged[y == 0].mean(), flagged[y == 1].mean(), "o", label=f"threshold {decision.threshold:.2g}")
    axes.set(xlabel="False positive rate", ylabel="True positive rate")
    axes.legend()


def _precision_recall(decision: ClassDecision, axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    from sklearn.metrics import PrecisionRecallDisplay

    PrecisionRecallDisplay.from_predictions(y, scores[:, 1], name="model", plot_chance_level=True, ax=axes)
    flagged = decision.choose(scores) == 1
    if flagged.any():
        recall, precision = flagged[y == 1].mean(), (y[flagged] == 1).mean()
        axes.plot(recall, precision, "o", label=f"threshold {decision.threshold:.2g}")
    axes.set(xlabel="Recall", ylabel="Precision")
    axes.legend()


def _calibration(decision: ClassDecision, axes: Any, y: np.ndarray, scores: np.ndarray) -> None:
    from sklearn.calibration import calibration_curve

    shown = scores[:, 1] if decision.binary else scores.max(axis=1)
    happened = y == 1 if decision.binary else y == scores.argmax(axis=1)
    observed, predicted = calibration_curve(happened, shown, n_bins=10, strategy="quantile")
    axes.plot([0, 1], [0, 1], linestyle="--", color="0.6", label="perfect")
    axes.plot(predicted, observed, marker="o", clip_on=False, label="model")
    name = f"probability of {decision.classes[1]!r}" if decision.binary else "probability of the predicted class"
    axes.set(xlabel=f"Predicted {name}", ylabel="Observed share", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
