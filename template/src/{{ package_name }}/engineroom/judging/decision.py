"""What every kind of target has in common: from scores to answers, and from answers to measurements."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..contract import Contract, Costs


class Decision(BaseModel):
    """From the scores of n records, shape (n, outputs), to answers. What has to be learned for it is in its fields.

    Attributes:
        Answer: what one record is answered.
        default_metric: what candidates compete on when the contract names no metric.
        primary_metrics: what they can compete on.
        class_weights: what `model.class_weight` of params.yaml may be.
        parity_unit: what differences between two models are counted in.
        kind: that of the contract's target.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    Answer: ClassVar[type[BaseModel]]
    default_metric: ClassVar[str]
    primary_metrics: ClassVar[tuple[str, ...]]
    class_weights: ClassVar[tuple[str | None, ...]] = (None,)
    parity_unit: ClassVar[str]

    kind: str

    @classmethod
    @abstractmethod
    def of(cls, values: Sequence[Any], contract: Contract) -> Self:
        """The decision before anything is learned, for the targets of the training records.

        Raises:
            ContractError: when the values do not fit the contract's target.
        """

    @staticmethod
    @abstractmethod
    def strata(y: np.ndarray) -> np.ndarray:
        """What a stratified split keeps the shares of, (n,)."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of scores of a record."""

    def told(self) -> dict[str, Any]:
        """What clients learn of it."""
        return self.model_dump()

    @abstractmethod
    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Targets of n records -> numbers (n,)."""

    def decode(self, y: np.ndarray) -> np.ndarray:
        """Numbers of `encode` -> targets (n,), as the contract names or numbers them."""
        return y

    @abstractmethod
    def choose(self, scores: np.ndarray) -> np.ndarray:
        """Scores (n, outputs) -> predictions (n,), in the numbers of `encode`."""

    @abstractmethod
    def answer(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """Scores (n, outputs) -> the content of an `Answer` for each record."""

    @abstractmethod
    def explained(self, scores: np.ndarray) -> tuple[str, np.ndarray]:
        """What an explanation of the first of n records is about, and its value for each of them, (n,)."""

    @abstractmethod
    def fitted(self, y: np.ndarray, scores: np.ndarray, costs: Costs, coverage: float) -> Self:
        """The decision that is best for these held-out records; `coverage` is that of an interval."""

    @abstractmethod
    def dummies(self, y: np.ndarray, costs: Costs, coverage: float) -> list[tuple[np.ndarray, Self]]:
        """Models that know the targets `y` and no record: the scores of any record (1, outputs), and a decision."""

    @abstractmethod
    def measure(
        self, y: np.ndarray, scores: np.ndarray, costs: Costs, top: float = 0.1, only: str = ""
    ) -> dict[str, float]:
        """Every metric that these records allow, or `only` one of them.

        Args:
            y: targets (n,), in the numbers of `encode`.
            scores: (n, outputs).
            top: share of records, highest probability first, for precision at k.
        """

    @abstractmethod
    def by_class(self, parts: Mapping[str, np.ndarray], scores: np.ndarray) -> list[dict[str, Any]]:
        """Of each class the records in every part, and precision and recall on the test part, None where undefined.

        Args:
            parts: targets of each part.
            scores: those of the test part (n, outputs).
        """

    @abstractmethod
    def cost(self, y: np.ndarray, chosen: np.ndarray, costs: Costs) -> float:
        """What these predictions cost in all, in the contract's currency."""

    @abstractmethod
    def do_nothing(self, y: np.ndarray, train: np.ndarray, costs: Costs) -> tuple[str, float]:
        """The policy without a model, known from the targets `train` alone, and what it costs on the records of `y`."""
