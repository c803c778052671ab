"""Classes: what is predicted, how a score becomes a decision, and how good decisions are measured.

`Decision` is part of the bundle and needs NumPy alone; measuring imports scikit-learn when it is called. Scores are
probabilities, shape (records, classes).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from .engineroom.contract import Contract, ContractError, Costs

DEFAULT_METRIC = "roc_auc"
CLASS_WEIGHTS = (None, "balanced")
PARITY_UNIT = "probability"
EXPLAINED = {  # name and meaning for readers of the report
    "accuracy": ("Accuracy", "share of records that get the right class"),
    "balanced_accuracy": (
        "Balanced accuracy",
        "the same for each class by itself, averaged: rare classes count in full",
    ),
    "precision": ("Precision", "share of the records given a class that are of it"),
    "recall": ("Recall", "share of the records of a class that are found"),
    "specificity": ("Specificity", "share of the negative records that are left alone"),
    "f1": ("F1", "harmonic mean of precision and recall"),
    "roc_auc": ("ROC AUC", "how often a record of the class ranks above one that is not; 0.5 is guessing"),
    "average_precision": ("Average precision", "precision, averaged over all thresholds"),
    "precision_at_k": ("Precision at the top", "precision among the records with the highest probability"),
    "log_loss": ("Log loss", "how far the probabilities are off; sure and wrong weighs most"),
    "brier": ("Brier score", "mean squared error of the probabilities"),
    "cost_per_record": ("Cost per record", "what the decisions cost on average, in the contract's currency"),
}
HIGHER_IS_BETTER = {name: name not in ("log_loss", "brier", "cost_per_record") for name in EXPLAINED}
PRIMARY_METRICS = tuple(EXPLAINED)
BLIND_METRICS = {
    "precision": True,
    "f1": True,
    "recall": False,
    "specificity": False,
}  # may constant answers count, too?


class Decision(BaseModel):
    """From probabilities to a label: by the threshold of the positive class, or the likeliest of several."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["binary", "multiclass"]
    classes: tuple[str, ...]  # of a binary target: negative, positive
    threshold: float = 0.5

    @property
    def outputs(self) -> int:
        """How many scores a record has."""
        return len(self.classes)

    def told(self) -> dict[str, Any]:
        """What clients are told of it: the likeliest of several classes needs no threshold."""
        return self.model_dump(exclude={"threshold"} if self.kind == "multiclass" else None)

    def choose(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) -> class numbers (n,)."""
        if self.kind == "binary":
            return (scores[:, 1] >= self.threshold).astype(np.int64)
        return scores.argmax(axis=1)

    def answer(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """Probabilities (n, classes) -> what the service answers, one dictionary a record."""
        answers = []
        for row in scores.tolist():
            chosen = int(row[1] >= self.threshold) if self.kind == "binary" else row.index(max(row))
            answers.append(
                {
                    "prediction": self.classes[chosen],
                    "probability": row[1 if self.kind == "binary" else chosen],
                    "probabilities": dict(zip(self.classes, row, strict=True)),
                }
            )
        return answers

    def explained(self, scores: np.ndarray) -> tuple[str, np.ndarray]:
        """What an explanation of the first of n records is about, and its value for each of them, (n,): the
        probability of the positive class, or of the class that the first record gets."""
        chosen = 1 if self.kind == "binary" else int(scores[0].argmax())
        return f"probability of {self.classes[chosen]}", scores[:, chosen]


class Answer(BaseModel):
    """A label with its probabilities; `probability` is that of the positive class, or of the predicted one."""

    prediction: str
    probability: float
    probabilities: dict[str, float]


def classes_of(values: Sequence[Any], contract: Contract) -> tuple[str, ...]:
    """The classes among training labels, in a fixed order: negative before positive, several by name.

    Raises:
        ContractError: when the labels do not fit the contract's target.
    """
    target = contract.target
    found = sorted({str(value) for value in values if value is not None})
    if target.kind == "binary":
        if len(found) != 2 or target.positive not in found:
            raise ContractError(
                f"target {target.name!r}: a binary target with positive {target.positive!r} needs two classes, "
                f"one of them that one; found {found[:10]}"
            )
        return (found[0] if found[1] == target.positive else found[1], str(target.positive))
    if len(found) < 2:
        raise ContractError(f"target {target.name!r} has one class only: {found}")
    return tuple(found)


def encode_target(values: Sequence[Any], decision: Decision) -> np.ndarray:
    """Labels -> class numbers (n,), int64."""
    numbers = {label: number for number, label in enumerate(decision.classes)}
    return np.array([numbers[str(value)] for value in values], dtype=np.int64)


def new_decision(values: Sequence[Any], contract: Contract) -> Decision:
    """The decision before anything is learned: the classes of the training labels, threshold 0.5.

    Raises:
        ContractError: when the target is no class, or the labels do not fit it.
    """
    kind = contract.target.kind
    if kind == "continuous":
        raise ContractError("target.kind: found continuous, this project predicts classes: binary or multiclass")
    return Decision(kind=kind, classes=classes_of(values, contract))


def fit_decision(decision: Decision, y: np.ndarray, scores: np.ndarray, costs: Costs, coverage: float) -> Decision:
    """Choose the threshold that costs least on held-out records.

    The candidates are the midpoints between neighbouring scores, so every attainable trade-off is tried. `coverage`
    belongs to numeric targets.
    """
    if decision.kind == "multiclass":
        return decision
    order = np.argsort(scores[:, 1])
    ranked, positive = scores[order, 1], (y[order] == 1)
    # cut i: the first i records are called negative, the rest positive
    false_negatives = np.concatenate([[0], np.cumsum(positive)])
    true_negatives = np.arange(len(y) + 1) - false_negatives
    cost = (
        costs.false_negative * false_negatives
        + costs.true_negative * true_negatives
        + costs.true_positive * (positive.sum() - false_negatives)
        + costs.false_positive * ((~positive).sum() - true_negatives)
    )
    cuts = np.concatenate([[0.0], (ranked[1:] + ranked[:-1]) / 2, [np.nextafter(1.0, 2.0)]])
    attainable = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    best = np.flatnonzero(attainable)[np.argmin(cost[attainable])]
    return decision.model_copy(update={"threshold": float(cuts[best])})


def dummies(y: np.ndarray, decision: Decision, costs: Costs, coverage: float) -> list[tuple[np.ndarray, Decision]]:
    """Models that know the shares of the classes in `y` and no more: the scores of any record (1, classes), a decision.

    Of two classes they take the cheapest threshold, flag all records, or none.
    """
    shares = (np.bincount(y, minlength=len(decision.classes)) / len(y))[np.newaxis]
    cheapest = fit_decision(decision, y, np.repeat(shares, len(y), axis=0), costs, coverage)
    more = (0.0, np.nextafter(1.0, 2.0)) if decision.kind == "binary" else ()
    return [(shares, cheapest), *((shares, decision.model_copy(update={"threshold": float(cut)})) for cut in more)]


def strata(y: np.ndarray) -> np.ndarray:
    """What a stratified split keeps the shares of."""
    return y


def measure(
    y: np.ndarray, scores: np.ndarray, decision: Decision, costs: Costs, top: float = 0.1, only: str = ""
) -> dict[str, float]:
    """Every metric that these records allow, or `only` one of them.

    Args:
        y: class numbers (n,).
        scores: probabilities (n, classes).
        top: share of records, highest probability first, for precision at k.
    """
    from sklearn import metrics

    chosen, binary = decision.choose(scores), decision.kind == "binary"
    hits, predicted, actual = _counts(y, chosen, binary)
    possible: dict[str, Callable[[], float]] = {
        "accuracy": lambda: (y == chosen).mean(),
        "precision": lambda: (hits / np.maximum(predicted, 1)).mean(),
        "recall": lambda: (hits / np.maximum(actual, 1)).mean(),
        "f1": lambda: (2 * hits / np.maximum(predicted + actual, 1)).mean(),
        "log_loss": lambda: -np.log(np.clip(scores[np.arange(len(y)), y], 1e-15, 1)).mean(),
        "brier": lambda: _brier(y, scores, binary),
        "cost_per_record": lambda: cost(y, chosen, decision, costs) / len(y),
    }
    present = np.bincount(y, minlength=len(decision.classes)) > 0
    if present.all():
        truth = y if binary else np.eye(len(present))[y]
        ranked = scores[:, 1] if binary else scores
        possible |= {
            "balanced_accuracy": lambda: np.mean([(chosen[y == label] == label).mean() for label in np.unique(y)]),
            "roc_auc": lambda: metrics.roc_auc_score(truth, ranked),
            "average_precision": lambda: metrics.average_precision_score(truth, ranked),
        }
    if binary:
        possible["precision_at_k"] = lambda: _precision_at(y, scores[:, 1], top)
        if present[0]:
            possible["specificity"] = lambda: (chosen[y == 0] == 0).mean()
    return {name: float(value()) for name, value in possible.items() if only in ("", name)}


def _counts(y: np.ndarray, chosen: np.ndarray, binary: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many records are rightly predicted to be of a class, predicted to be of it, and of it.

    That is of the positive class, or of each class that occurs. Fast enough to resample, unlike scikit-learn's.
    """
    size = max(int(y.max()), int(chosen.max()), 1) + 1
    hits, predicted, actual = (np.bincount(found, minlength=size) for found in (y[y == chosen], chosen, y))
    counted = np.arange(size) == 1 if binary else predicted + actual > 0
    return hits[counted], predicted[counted], actual[counted]


def by_class(parts: Mapping[str, np.ndarray], scores: np.ndarray, decision: Decision) -> list[dict[str, Any]]:
    """Of each class the records in every part, and precision and recall on the test part, None where undefined.

    Args:
        parts: class numbers of each part.
        scores: probabilities of the test part (n, classes).
    """
    y, chosen, size = parts["test"], decision.choose(scores), len(decision.classes)
    rows = {name: np.bincount(part, minlength=size).tolist() for name, part in parts.items()}
    hits, claimed = (np.bincount(found, minlength=size).tolist() for found in (y[y == chosen], chosen))
    return [
        {
            "class": label,
            "rows": {name: counts[number] for name, counts in rows.items()},
            "precision": hits[number] / claimed[number] if claimed[number] else None,
            "recall": hits[number] / rows["test"][number] if rows["test"][number] else None,
        }
        for number, label in enumerate(decision.classes)
    ]


def _precision_at(y: np.ndarray, positive: np.ndarray, top: float) -> float:
    """Of the last probability that has a place, records count by their mean: their order in the file means nothing."""
    places = max(1, round(top * len(y)))
    last = np.partition(positive, len(y) - places)[len(y) - places]
    above, level = positive > last, positive == last
    return float(((y[above] == 1).sum() + (places - above.sum()) * (y[level] == 1).mean()) / places)


def _brier(y: np.ndarray, scores: np.ndarray, binary: bool) -> float:
    """Mean squared error of the probabilities: of the positive class, or summed over several classes."""
    if binary:
        return float(((scores[:, 1] - (y == 1)) ** 2).mean())
    return float(((scores - np.eye(scores.shape[1])[y]) ** 2).sum(axis=1).mean())


def cost(y: np.ndarray, chosen: np.ndarray, decision: Decision, costs: Costs) -> float:
    """What these decisions cost in all, in the contract's currency."""
    if decision.kind == "multiclass":
        return float(costs.misclassified * (y != chosen).sum())
    prices = np.array([[costs.true_negative, costs.false_positive], [costs.false_negative, costs.true_positive]])
    return float(prices[y, chosen].sum())


def do_nothing(y: np.ndarray, train: np.ndarray, decision: Decision, costs: Costs) -> tuple[str, float]:
    """The policy without a model, known from the targets `train` alone, and what it costs on the records of `y`."""
    if decision.kind == "binary":
        return f"treating every record as {decision.classes[0]!r}", cost(y, np.zeros_like(y), decision, costs)
    common = int(np.bincount(train).argmax())
    return f"always answering {decision.classes[common]!r}", cost(y, np.full_like(y, common), decision, costs)
