"""Classes: scores are probabilities, shape (records, classes)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel

from ..contract import Contract, ContractError, Costs
from .decision import Decision

Metrics = dict[str, Callable[[], float]]  # by name, and measured when it is wanted

ALWAYS, NEVER = 0.0, float(np.nextafter(1.0, 2.0))  # thresholds


class ClassAnswer(BaseModel):
    """A label with its probabilities; `probability` is that of the positive class, or of the predicted one."""

    prediction: str
    probability: float
    probabilities: dict[str, float]


class ClassDecision(Decision):
    """From probabilities to a label: by the threshold of the positive class, or the likeliest of several."""

    Answer: ClassVar[type[BaseModel]] = ClassAnswer
    default_metric: ClassVar[str] = "roc_auc"
    primary_metrics: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "specificity",
        "f1",
        "roc_auc",
        "average_precision",
        "precision_at_k",
        "log_loss",
        "brier",
        "cost_per_record",
    )
    class_weights: ClassVar[tuple[str | None, ...]] = (None, "balanced")
    parity_unit: ClassVar[str] = "probability"

    kind: Literal["binary", "multiclass"]
    classes: tuple[str, ...]  # of a binary target: negative, positive
    threshold: float = 0.5

    @classmethod
    def of(cls, values: Sequence[Any], contract: Contract) -> Self:
        kind: Any = contract.target.kind
        return cls(kind=kind, classes=classes_of(values, contract))

    @staticmethod
    def strata(y: np.ndarray) -> np.ndarray:
        return y

    @property
    def binary(self) -> bool:
        """Two classes, of which one is the positive one."""
        return self.kind == "binary"

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def told(self) -> dict[str, Any]:
        """What clients learn of it: the likeliest of several classes needs no threshold."""
        return self.model_dump(exclude=None if self.binary else {"threshold"})

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Labels -> class numbers (n,), int64."""
        numbers = {label: number for number, label in enumerate(self.classes)}
        return np.array([numbers[str(value)] for value in values], dtype=np.int64)

    def decode(self, y: np.ndarray) -> np.ndarray:
        return np.array(self.classes, dtype=object)[y]

    def choose(self, scores: np.ndarray) -> np.ndarray:
        if self.binary:
            return (scores[:, 1] >= self.threshold).astype(np.int64)
        return np.asarray(scores.argmax(axis=1))

    def answer(self, scores: np.ndarray) -> list[dict[str, Any]]:
        answers, binary = [], self.binary
        for row in scores.tolist():
            chosen = int(row[1] >= self.threshold) if binary else row.index(max(row))
            answers.append(
                {
                    "prediction": self.classes[chosen],
                    "probability": row[1 if binary else chosen],
                    "probabilities": dict(zip(self.classes, row, strict=True)),
                }
            )
        return answers

    def explained(self, scores: np.ndarray) -> tuple[str, np.ndarray]:
        """The probability of the positive class, or of the class that the first record gets."""
        chosen = 1 if self.binary else int(scores[0].argmax())
        return f"probability of {self.classes[chosen]}", scores[:, chosen]

    def fitted(self, y: np.ndarray, scores: np.ndarray, costs: Costs, coverage: float) -> Self:
        """With the threshold that costs least on these held-out records. `coverage` belongs to numbers."""
        return self.model_copy(update={"threshold": cheapest(y, scores[:, 1], costs)}) if self.binary else self

    def dummies(self, y: np.ndarray, costs: Costs, coverage: float) -> list[tuple[np.ndarray, Self]]:
        """The shares of the classes for any record. Of two classes at the cheapest threshold, flagging all, or none."""
        shares = (np.bincount(y, minlength=self.outputs) / len(y))[np.newaxis]
        best = self.fitted(y, np.repeat(shares, len(y), axis=0), costs, coverage)
        more = (ALWAYS, NEVER) if self.binary else ()
        return [(shares, best), *((shares, self.model_copy(update={"threshold": cut})) for cut in more)]

    def measure(
        self, y: np.ndarray, scores: np.ndarray, costs: Costs, top: float = 0.1, only: str = ""
    ) -> dict[str, float]:
        chosen, binary = self.choose(scores), self.binary
        possible = of_labels(y, chosen, binary) | of_probabilities(y, scores, binary)
        possible["cost_per_record"] = lambda: self.cost(y, chosen, costs) / len(y)
        present = np.bincount(y, minlength=self.outputs) > 0
        if present.all():
            possible |= of_all_classes(y, chosen, scores, binary)
        if binary:
            possible["precision_at_k"] = lambda: precision_at(y, scores[:, 1], top)
        if binary and present[0]:
            possible["specificity"] = lambda: (chosen[y == 0] == 0).mean()
        return {name: float(value()) for name, value in possible.items() if only in ("", name)}

    def by_class(self, parts: Mapping[str, np.ndarray], scores: np.ndarray) -> list[dict[str, Any]]:
        y, chosen, size = parts["test"], self.choose(scores), self.outputs
        rows = {name: np.bincount(part, minlength=size).tolist() for name, part in parts.items()}
        hits, claimed = (np.bincount(found, minlength=size).tolist() for found in (y[y == chosen], chosen))
        return [
            {
                "class": label,
                "rows": {name: counts[number] for name, counts in rows.items()},
                "precision": hits[number] / claimed[number] if claimed[number] else None,
                "recall": hits[number] / rows["test"][number] if rows["test"][number] else None,
            }
            for number, label in enumerate(self.classes)
        ]

    def cost(self, y: np.ndarray, chosen: np.ndarray, costs: Costs) -> float:
        if not self.binary:
            return float(costs.misclassified * (y != chosen).sum())
        prices = np.array([[costs.true_negative, costs.false_positive], [costs.false_negative, costs.true_positive]])
        return float(prices[y, chosen].sum())

    def do_nothing(self, y: np.ndarray, train: np.ndarray, costs: Costs) -> tuple[str, float]:
        common = 0 if self.binary else int(np.bincount(train).argmax())
        policy = "treating every record as" if self.binary else "always answering"
        return f"{policy} {self.classes[common]!r}", self.cost(y, np.full_like(y, common), costs)


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


def cheapest(y: np.ndarray, positive: np.ndarray, costs: Costs) -> float:
    """The threshold that costs least, of the midpoints between neighbouring probabilities: all that is attainable."""
    order = np.argsort(positive)
    ranked, actual = positive[order], (y[order] == 1)
    # cut i: the first i records are called negative, the rest positive
    false_negatives = np.concatenate([[0], np.cumsum(actual)])
    true_negatives = np.arange(len(y) + 1) - false_negatives
    cost = (
        costs.false_negative * false_negatives
        + costs.true_negative * true_negatives
        + costs.true_positive * (actual.sum() - false_negatives)
        + costs.false_positive * ((~actual).sum() - true_negatives)
    )
    cuts = np.concatenate([[ALWAYS], (ranked[1:] + ranked[:-1]) / 2, [NEVER]])
    attainable = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    best = np.flatnonzero(attainable)[np.argmin(cost[attainable])]
    return float(cuts[best])


def of_labels(y: np.ndarray, chosen: np.ndarray, binary: bool) -> Metrics:
    """What the chosen classes tell, whichever occur."""
    hits, predicted, actual = counts_of(y, chosen, binary)
    return {
        "accuracy": lambda: (y == chosen).mean(),
        "precision": lambda: (hits / np.maximum(predicted, 1)).mean(),
        "recall": lambda: (hits / np.maximum(actual, 1)).mean(),
        "f1": lambda: (2 * hits / np.maximum(predicted + actual, 1)).mean(),
    }


def of_probabilities(y: np.ndarray, scores: np.ndarray, binary: bool) -> Metrics:
    """What the probabilities tell, whichever classes occur."""
    return {
        "log_loss": lambda: -np.log(np.clip(scores[np.arange(len(y)), y], 1e-15, 1)).mean(),
        "brier": lambda: brier(y, scores, binary),
    }


def of_all_classes(y: np.ndarray, chosen: np.ndarray, scores: np.ndarray, binary: bool) -> Metrics:
    """What has a meaning only where each class occurs."""
    from sklearn import metrics

    truth = y if binary else np.eye(scores.shape[1])[y]
    ranked = scores[:, 1] if binary else scores
    return {
        "balanced_accuracy": lambda: np.mean([(chosen[y == label] == label).mean() for label in np.unique(y)]),
        "roc_auc": lambda: metrics.roc_auc_score(truth, ranked),
        "average_precision": lambda: metrics.average_precision_score(truth, ranked),
    }


def counts_of(y: np.ndarray, chosen: np.ndarray, binary: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many records are rightly predicted to be of a class, predicted to be of it, and of it.

    That is of the positive class, or of each class that occurs. Fast enough to resample, unlike scikit-learn's.
    """
    size = max(int(y.max()), int(chosen.max()), 1) + 1
    hits, predicted, actual = (np.bincount(found, minlength=size) for found in (y[y == chosen], chosen, y))
    counted = np.arange(size) == 1 if binary else predicted + actual > 0
    return hits[counted], predicted[counted], actual[counted]


def precision_at(y: np.ndarray, positive: np.ndarray, top: float) -> float:
    """Of the last probability that has a place, records count by their mean: their order in the file means nothing."""
    places = max(1, round(top * len(y)))
    last = np.partition(positive, len(y) - places)[len(y) - places]
    above, level = positive > last, positive == last
    return float(((y[above] == 1).sum() + (places - above.sum()) * (y[level] == 1).mean()) / places)


def brier(y: np.ndarray, scores: np.ndarray, binary: bool) -> float:
    """Mean squared error of the probabilities: of the positive class, or summed over several classes."""
    if binary:
        return float(((scores[:, 1] - (y == 1)) ** 2).mean())
    return float(((scores - np.eye(scores.shape[1])[y]) ** 2).sum(axis=1).mean())
